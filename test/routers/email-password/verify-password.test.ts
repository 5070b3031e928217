import assert from "node:assert/strict";
import request from "supertest";
import { hashOfficialPassword } from "../../../lib/crypto/password.ts";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { assertRefusal } from "../../support/refusal.ts";

const PATH = "/auth/verify-password";

describe("POST /verify-password", () => {
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
  });

  const verify = (body: object) =>
    request(t.server).post(PATH).set({ origin: TEST_ORIGIN, cookie: user.cookie }).send(body);
  const account = () =>
    t.auth.models.Account.findOne({ providerId: "credential", accountId: user.id }).lean();

  itNeedsASession(() => t, { method: "POST", path: PATH, body: { password: TEST_PASSWORD } });

  describe("given the right password", () => {
    it("when it is sent, then it answers so, sets no cookie and changes nothing", async () => {
      const before = await account();
      const response = await verify({ password: TEST_PASSWORD }).expect(200);
      assert.deepEqual(response.body, { status: true });
      assert.deepEqual(setCookies(response), []);
      assert.deepEqual(await account(), before);
    });

    it("when it is stored in Better Auth's format, then it counts", async () => {
      const password = await hashOfficialPassword(TEST_PASSWORD);
      await t.auth.models.Account.updateOne(
        { providerId: "credential", accountId: user.id },
        { password },
      );
      await verify({ password: TEST_PASSWORD }).expect(200);
    });
  });

  describe("given anything else", () => {
    const wrong = [
      ["it is wrong", "Wrong-7-orchard"],
      ["it is empty", ""],
      ["it differs in letter case", TEST_PASSWORD.toUpperCase()],
      ["it is longer than passwords may be", TEST_PASSWORD.padEnd(129, "x")],
    ] as const;
    for (const [when, password] of wrong) {
      it(`when ${when}, then it answers INVALID_PASSWORD`, async () => {
        assertRefusal(await verify({ password }), [400, "INVALID_PASSWORD", "Invalid password"]);
      });
    }

    for (const [when, stored] of [
      ["there is no password account", null],
      ["the stored value is in no known format", "plain-text"],
      ["the stored value is empty", ""],
    ] as const) {
      it(`when ${when}, then it answers INVALID_PASSWORD`, async () => {
        const { Account } = t.auth.models;
        if (stored === null)
          await Account.deleteMany({ providerId: "credential", accountId: user.id });
        else
          await Account.updateOne(
            { providerId: "credential", accountId: user.id },
            { password: stored },
          );
        assertRefusal(await verify({ password: TEST_PASSWORD }), [400, "INVALID_PASSWORD"]);
      });
    }

    for (const body of [{}, { password: 12345678 }, { password: { $ne: "" } }]) {
      it(`when the body is ${JSON.stringify(body)}, then it answers VALIDATION_ERROR`, async () => {
        assertRefusal(await verify(body), [400, "VALIDATION_ERROR", /^\[body\.password\] /]);
      });
    }
  });
});
