import assert from "node:assert/strict";
import request from "supertest";
import type { AuthOptions } from "../../lib/index.ts";
import { startApp, TEST_ORIGIN, type TestApp } from "../support/app.ts";

describe("what is logged of refused addresses", () => {
  let t: TestApp;
  const start = async (options: AuthOptions = {}) => {
    t = await startApp(options);
  };
  afterEach(() => t.stop());

  const comesFrom = (origin: string) =>
    request(t.server).post("/auth/sign-out").set({ Cookie: "a=b", Origin: origin }).expect(403);
  const goesTo = (callbackURL: string) =>
    request(t.server).post("/auth/sign-in/email").send({ callbackURL }).expect(403);

  it("when an origin is refused twice, then one line says what to do", async () => {
    await start();
    await comesFrom("http://localhost:5173");
    await comesFrom("http://localhost:5173");
    await comesFrom("http://localhost:5174");
    assert.deepEqual(t.logged, [
      `warn: Origin http://localhost:5173 is not trusted (baseURL: ${TEST_ORIGIN}); add it to trustedOrigins`,
      `warn: Origin http://localhost:5174 is not trusted (baseURL: ${TEST_ORIGIN}); add it to trustedOrigins`,
    ]);
  });

  it("when baseURL is not given, then the line says so", async () => {
    await start({ baseURL: undefined });
    t.logged.length = 0;
    await comesFrom("http://localhost:5173");
    assert.match(
      t.logged.join("|"),
      /^warn: Origin \S+ is not trusted \(baseURL: not set\); add it/,
    );
  });

  it("when a return address is refused, then its origin is logged, and no secret", async () => {
    await start();
    await goesTo("https://ada:hunter2@evil.example/hunter2?token=hunter2#hunter2");
    await goesTo("//evil.example/x?token=hunter2");
    await goesTo("https:ada:hunter2@[?token=hunter2");
    await goesTo("mobile:callback");
    await t.auth.api
      .signInEmail({ body: { email: "", password: "", callbackURL: "https://other.example/" } })
      .catch(() => undefined);
    assert.deepEqual(t.logged, [
      `warn: Return address https://evil.example is not trusted (baseURL: ${TEST_ORIGIN}); add its origin to trustedOrigins`,
      "warn: Return address //evil.example/x is no plain path of this site, so it is refused",
      `warn: Return address [ is not trusted (baseURL: ${TEST_ORIGIN}); add its origin to trustedOrigins`,
      `warn: Return address mobile:// is not trusted (baseURL: ${TEST_ORIGIN}); add its origin to trustedOrigins`,
      `warn: Return address https://other.example is not trusted (baseURL: ${TEST_ORIGIN}); add its origin to trustedOrigins`,
    ]);
  });

  it("when an address has control characters or is long, then they are visible and it is cut", async () => {
    await start();
    await goesTo(`/a\n\u001b[31m\u202e${"x".repeat(500)}`);
    const [line = "", ...others] = t.logged;
    assert.deepEqual(others, []);
    assert.ok(line.startsWith("warn: Return address /a\\u{a}\\u{1b}[31m\\u{202e}xxx"), line);
    assert.equal(/address (.*) is no/.exec(line)?.[1]?.length, 200);
  });

  it("when addresses differ endlessly, then 100 are logged", async () => {
    await start();
    for (let port = 1000; port < 1110; port += 1) await comesFrom(`http://localhost:${port}`);
    assert.equal(t.logged.length, 100);
  });

  it("when addresses are trusted, then nothing is logged", async () => {
    await start();
    await request(t.server).post("/auth/sign-out").set({ Cookie: "a=b", Origin: TEST_ORIGIN });
    await request(t.server).post("/auth/sign-in/email").send({ callbackURL: "/home" }).expect(400);
    assert.deepEqual(t.logged, []);
  });
});
