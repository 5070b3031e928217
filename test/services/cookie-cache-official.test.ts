import assert from "node:assert/strict";
import { betterAuth as officialAuth } from "better-auth";
import { mongodbAdapter } from "better-auth/adapters/mongodb";
import { getCookieCache } from "better-auth/cookies";
import request, { type Response } from "supertest";
import { setCookies, TEST_ORIGIN, TEST_PASSWORD, TEST_SECRET } from "../support/app.ts";
import { createJar, type Jar } from "../support/jar.ts";
import { startMonitoredApp, type MonitoredApp } from "../support/monitored.ts";
import { OFFICIAL_COOKIE } from "../support/sessions.ts";

const DATA = "better-auth.session_data";
const NEWER = "the-newer-secret-the-newer-secret-2!";

type Strategy = "compact" | "jwt" | "jwe";
type Body = { readonly session: object; readonly user: { readonly name: string } } | null;

const fields = {
  about: { type: "string", required: false },
  born: { type: "date", required: false },
} as const;

/** Both servers take their sessions from the same collection, under the same cookie names. */
async function startBoth(strategy: Strategy, secrets?: { version: number; value: string }[]) {
  const t = await startMonitoredApp({
    user: { additionalFields: fields },
    session: { cookieCache: { enabled: true, strategy } },
    advanced: {
      cookies: { session_token: { name: OFFICIAL_COOKIE } },
      compatibility: "better-auth",
    },
    ...(secrets !== undefined && { secrets }),
  });
  const { db } = t.database;
  assert.ok(db);
  const official = officialAuth({
    secret: TEST_SECRET,
    baseURL: `${TEST_ORIGIN}/auth`,
    basePath: "/auth",
    database: mongodbAdapter(db, { transaction: false }),
    emailAndPassword: { enabled: true },
    user: { additionalFields: fields },
    session: { cookieCache: { enabled: true, strategy } },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
    ...(secrets !== undefined && { secrets }),
  });
  return { t, official };
}

type Official = Awaited<ReturnType<typeof startBoth>>["official"];

/** What the official server says of the bearer of these cookies. */
async function officialSession(official: Official, cookie: string): Promise<Body> {
  const url = `${TEST_ORIGIN}/auth/get-session`;
  const answer = await official.handler(new Request(url, { headers: { cookie } }));
  assert.equal(answer.status, 200);
  return (await answer.json()) as Body;
}

/** The browser of someone who signed up or in at the official server. */
async function officialJar(official: Official, path: string, body: object): Promise<Jar> {
  const answer = await official.handler(
    new Request(`${TEST_ORIGIN}/auth${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: TEST_ORIGIN },
      body: JSON.stringify(body),
    }),
  );
  assert.equal(answer.status, 200);
  const jar = createJar();
  jar.take(answer.headers.getSetCookie());
  return jar;
}

describe("copies of sessions between this package and the official one", () => {
  for (const strategy of ["compact", "jwt", "jwe"] as const) {
    describe(`given the strategy ${strategy}`, () => {
      let t: MonitoredApp;
      let official: Official;
      before(async () => {
        ({ t, official } = await startBoth(strategy));
      });
      after(() => t.stop());

      const person = (email: string, about: string) => ({
        ...{ email, about, name: "Zoë 日本 😀", password: TEST_PASSWORD },
        born: "1815-12-10T00:00:00.000Z",
      });

      for (const [size, about] of [
        ["one cookie", "short"],
        ["several cookies", "x".repeat(6000)],
      ] as const) {
        it(`when ${size} were written here, then the official server and its helper read them`, async () => {
          const jar = createJar();
          const email = `here-${about.length}@example.com`;
          const response = await request(t.server)
            .post("/auth/sign-up/email")
            .send(person(email, about));
          jar.take(setCookies(response));
          assert.equal(jar.cookies.has(DATA), size === "one cookie");
          const stored = await request(t.server)
            .get("/auth/get-session")
            .set("cookie", jar.header());
          await t.auth.models.Session.deleteMany({});
          assert.deepEqual(await officialSession(official, jar.header()), stored.body);
          const headers = new Headers({ cookie: jar.header() });
          const read = await getCookieCache(headers, {
            secret: TEST_SECRET,
            strategy,
            isSecure: false,
            version: "1",
          });
          const { user } = stored.body as NonNullable<Body>;
          assert.deepEqual(JSON.parse(JSON.stringify(read?.user)), user);
        });

        it(`when ${size} were written by the official server, then they are read here`, async () => {
          const email = `there-${about.length}@example.com`;
          const jar = await officialJar(official, "/sign-up/email", person(email, about));
          assert.equal(jar.cookies.has(DATA), size === "one cookie");
          const whole = await officialSession(official, jar.header());
          await t.auth.models.Session.deleteMany({});
          let response: Response | undefined;
          const commands = await t.commandsOf(async () => {
            response = await request(t.server).get("/auth/get-session").set("cookie", jar.header());
          });
          assert.deepEqual(commands, []);
          const { session, user } = response?.body as NonNullable<Body>;
          assert.deepEqual(session, whole?.session);
          assert.deepEqual(user, { image: null, ...whole?.user });
        });
      }

      it("when the official server's copy was changed, then it is refused here", async () => {
        const { email, password } = person("there-5@example.com", "short");
        const jar = await officialJar(official, "/sign-in/email", { email, password });
        const copy = jar.cookies.get(DATA) ?? "";
        jar.cookies.set(DATA, copy.slice(0, 40) + (copy[40] === "A" ? "B" : "A") + copy.slice(41));
        await t.auth.models.Session.deleteMany({});
        const response = await request(t.server)
          .get("/auth/get-session")
          .set("cookie", jar.header());
        assert.equal(response.body, null);
      });
    });
  }

  it("when both rotated their secrets, then a jwe copy of either is read by the other", async () => {
    const secrets = [
      { version: 2, value: NEWER },
      { version: 1, value: TEST_SECRET },
    ];
    const { t, official } = await startBoth("jwe", secrets);
    try {
      const user = await t.givenUser({ name: "Ada" });
      const { email, password } = user;
      const jar = await officialJar(official, "/sign-in/email", { email, password });
      await t.auth.models.Session.deleteMany({});
      assert.equal((await officialSession(official, user.cookie))?.user.name, "Ada");
      const read = await request(t.server).get("/auth/get-session").set("cookie", jar.header());
      assert.equal((read.body as Body)?.user.name, "Ada");
    } finally {
      await t.stop();
    }
  });
});
