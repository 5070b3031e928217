import assert from "node:assert/strict";
import request from "supertest";
import { username } from "../../../lib/index.ts";
import { startApp, TEST_PASSWORD, type TestApp } from "../../support/app.ts";
import { assertRefusal } from "../../support/refusal.ts";

const ask = (t: TestApp, body: object) =>
  request(t.server).post("/auth/is-username-available").send(body);

describe("POST /is-username-available", () => {
  let t: TestApp;
  before(async () => {
    t = await startApp({ plugins: [username()] });
    const user = { name: "Ada", email: "ada@example.com", password: TEST_PASSWORD };
    await request(t.server)
      .post("/auth/sign-up/email")
      .send({ ...user, username: "Ada" })
      .expect(200);
  });
  after(() => t.stop());

  for (const [typed, available] of [
    ["ada", false],
    ["ADA", false],
    ["grace", true],
    ["__proto__", true],
  ] as const) {
    it(`when it is ${typed}, then available is ${available}`, async () => {
      assert.deepEqual((await ask(t, { username: typed }).expect(200)).body, { available });
    });
  }

  for (const [typed, code] of [
    ["", "INVALID_USERNAME"],
    ["ab", "USERNAME_TOO_SHORT"],
    ["a".repeat(31), "USERNAME_TOO_LONG"],
    ["a".repeat(9000), "USERNAME_TOO_LONG"],
    ["a b c", "INVALID_USERNAME"],
  ] as const) {
    it(`when it is "${typed.slice(0, 31)}" (${typed.length}), then ${code}`, async () => {
      assertRefusal(await ask(t, { username: typed }), [422, code]);
    });
  }

  for (const wrong of [{ $ne: "" }, ["ada"], 1, null]) {
    it(`when it is ${JSON.stringify(wrong).slice(0, 20)}, then VALIDATION_ERROR`, async () => {
      assertRefusal(await ask(t, { username: wrong }), [400, "VALIDATION_ERROR"]);
    });
  }
});
