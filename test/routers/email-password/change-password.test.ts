import assert from "node:assert/strict";
import request from "supertest";
import { hashOfficialPassword } from "../../../lib/crypto/password.ts";
import { parseId } from "../../../lib/models/id.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { REFUSED_PASSWORDS } from "../../support/refused-passwords.ts";
import { countRows, findRow, insertSession, OWN_COOKIE } from "../../support/sessions.ts";
import { findVerifications, insertVerification } from "../../support/verifications.ts";

const PATH = "/auth/change-password";
const NEW_PASSWORD = "Harbour-9-lantern";
const BODY = { currentPassword: TEST_PASSWORD, newPassword: NEW_PASSWORD };

interface Answer {
  readonly token: string | null;
  readonly user: Readonly<Record<string, unknown>>;
}

describe("POST /change-password", () => {
  /** What happens while a password is checked; the app's own check makes the place for it. */
  let meanwhile: () => Promise<unknown> = () => Promise.resolve();
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
  });

  const change = (body: object = {}, headers: object = { cookie: user.cookie }) =>
    request(t.server)
      .post(PATH)
      .set({ origin: TEST_ORIGIN, ...headers })
      .send({ ...BODY, ...body });
  const signIn = (password: string) =>
    request(t.server).post("/auth/sign-in/email").send({ email: user.email, password });
  const answerOf = (response: request.Response) => response.body as Answer;
  const account = () =>
    t.auth.models.Account.findOne({ providerId: "credential", accountId: user.id }).lean();
  async function givenProofs(): Promise<void> {
    await insertVerification(t, { identifier: "reset-password:h1:x", value: user.id });
    await insertVerification(t, { identifier: `reset-password:${"o".repeat(24)}`, value: user.id });
    await insertVerification(t, { identifier: "trust-device-h1:x", value: user.id });
    await insertVerification(t, { identifier: "delete-account-h1:x", value: user.id });
  }
  const proofs = async () =>
    (await findVerifications(t, user.id)).map(({ identifier }) => identifier).toSorted();

  itNeedsASession(() => t, { method: "POST", path: PATH, body: BODY, credentials: true });

  describe("given the right password", () => {
    it("when it is changed, then the user is answered without a token, and no cookie is set", async () => {
      const response = await change().expect(200);
      const row = await t.auth.models.User.findOne({ email: user.email }).lean();
      assert.deepEqual(response.body, {
        token: null,
        user: {
          id: user.id,
          name: user.name,
          email: user.email,
          emailVerified: false,
          image: null,
          createdAt: row?.createdAt.toISOString(),
          updatedAt: row?.updatedAt.toISOString(),
        },
      });
      assert.deepEqual(setCookies(response), []);
    });

    it("when it is changed, then the new one signs in and the old one does not", async () => {
      await change().expect(200);
      await signIn(NEW_PASSWORD).expect(200);
      await signIn(TEST_PASSWORD).expect(401);
    });

    it("when it is changed, then sessions and trusted devices stay, and mailed tokens end", async () => {
      await t.givenSession(user);
      await givenProofs();
      await change().expect(200);
      assert.equal(await countRows(t, user.id), 2);
      assert.deepEqual(await proofs(), ["trust-device-h1:x"]);
    });

    it("when it is changed to itself, then that is allowed", async () => {
      const before = await account();
      await change({ newPassword: TEST_PASSWORD }).expect(200);
      assert.notEqual((await account())?.password, before?.password);
      await signIn(TEST_PASSWORD).expect(200);
    });

    it("when it is stored in Better Auth's format, then it is changed to ours", async () => {
      const password = await hashOfficialPassword(TEST_PASSWORD);
      await t.auth.models.Account.updateOne(
        { providerId: "credential", accountId: user.id },
        { password },
      );
      await change().expect(200);
      assert.match((await account())?.password ?? "", /^c2NyeXB0/);
    });
  });

  describe("given revokeOtherSessions", () => {
    it("when it is true, then every session but a new one ends", async () => {
      const other = await t.givenSession(user);
      const response = await change({ revokeOtherSessions: true }).expect(200);
      const { token } = answerOf(response);
      assert.match(token ?? "", /^[A-Za-z0-9]{32}$/);
      assert.equal(await countRows(t, user.id), 1);
      assert.notEqual(await findRow(t, token ?? ""), null);
      assert.deepEqual([await findRow(t, user.token), await findRow(t, other.token)], [null, null]);
      assert.equal(response.get("set-auth-token")?.split(".")[0], token);
      const session = await request(t.server)
        .get("/auth/get-session")
        .set("cookie", cookieHeader(response));
      assert.equal((session.body as { session: { token: string } }).session.token, token);
    });

    it("when it is true, then trusted devices and mailed tokens end too", async () => {
      await givenProofs();
      await change({ revokeOtherSessions: true }).expect(200);
      assert.deepEqual(await proofs(), []);
    });

    it("when it is true, then another user's stay", async () => {
      const other = await t.givenUser();
      await insertVerification(t, { identifier: "trust-device-h1:y", value: other.id });
      await change({ revokeOtherSessions: true }).expect(200);
      assert.equal(await countRows(t, other.id), 1);
      assert.equal((await findVerifications(t, other.id)).length, 1);
    });

    for (const [given, revokes] of [
      ["true", true],
      ["false", false],
      [false, false],
    ] as const) {
      it(`when it is ${JSON.stringify(given)}, then others ${revokes ? "end" : "stay"}`, async () => {
        await t.givenSession(user);
        const response = await change({ revokeOtherSessions: given }).expect(200);
        assert.equal(answerOf(response).token === null, !revokes);
        assert.equal(await countRows(t, user.id), revokes ? 1 : 2);
      });
    }

    it("when the session ends with the browser, then so does the new one", async () => {
      const response = await request(t.server)
        .post("/auth/sign-in/email")
        .send({ email: user.email, password: TEST_PASSWORD, rememberMe: false });
      const changed = await change(
        { revokeOtherSessions: true },
        { cookie: cookieHeader(response) },
      ).expect(200);
      const [line, ...others] = setCookies(changed).filter((one) => one.startsWith(OWN_COOKIE));
      assert.deepEqual(others, []);
      assert.doesNotMatch(line ?? "", /Max-Age|Expires/);
      assert.ok(setCookies(changed).some((one) => /^better-auth\.dont_remember=[^;]/.test(one)));
    });

    it("when the session is remembered, then so is the new one", async () => {
      const response = await change({ revokeOtherSessions: true }).expect(200);
      const [line] = setCookies(response).filter((one) => one.startsWith(OWN_COOKIE));
      assert.match(line ?? "", /Max-Age=604800/);
    });
  });

  describe("given input that is refused", () => {
    async function assertRefused(
      body: object,
      expected: readonly [status: number, code: string, message?: string],
    ): Promise<void> {
      const [before, rows] = [await account(), await countRows(t, user.id)];
      const response = await change({ revokeOtherSessions: true, ...body });
      assertRefusal(response, expected);
      assert.deepEqual(setCookies(response), []);
      assert.deepEqual(await account(), before);
      assert.equal(await countRows(t, user.id), rows);
    }
    const cases = [
      ...REFUSED_PASSWORDS.map(
        ([what, newPassword, code]) => [`the new one ${what}`, { newPassword }, code] as const,
      ),
      ["the current one is wrong", { currentPassword: "Wrong-7-orchard" }, "INVALID_PASSWORD"],
      ["the current one is empty", { currentPassword: "" }, "INVALID_PASSWORD"],
      ["the current one is very long", { currentPassword: "x".repeat(9000) }, "INVALID_PASSWORD"],
      ["a field is missing", { newPassword: undefined }, "VALIDATION_ERROR"],
      ["a field is an object", { currentPassword: { $ne: "" } }, "VALIDATION_ERROR"],
      ["revokeOtherSessions is no boolean", { revokeOtherSessions: "yes" }, "VALIDATION_ERROR"],
    ] as const;
    for (const [when, body, code] of cases) {
      it(`when ${when}, then it answers ${code} and changes nothing`, () =>
        assertRefused(body, [400, code]));
    }

    it("when the new one is the user's address, then it answers PASSWORD_COMPROMISED", () =>
      assertRefused({ newPassword: user.email }, [
        400,
        "PASSWORD_COMPROMISED",
        "The password you entered has been compromised. Please choose a different password.",
      ]));

    it("when both are wrong, then the length comes first", () =>
      assertRefused({ newPassword: "short", currentPassword: "wrong" }, [
        400,
        "PASSWORD_TOO_SHORT",
      ]));

    it("when the user has no password account, then it answers CREDENTIAL_ACCOUNT_NOT_FOUND", async () => {
      await t.auth.models.Account.deleteMany({ providerId: "credential", accountId: user.id });
      await assertRefused({}, [
        400,
        "CREDENTIAL_ACCOUNT_NOT_FOUND",
        "Credential account not found",
      ]);
    });

    it("when the password account is empty, then it answers CREDENTIAL_ACCOUNT_NOT_FOUND", async () => {
      await t.auth.models.Account.updateOne(
        { providerId: "credential", accountId: user.id },
        { $unset: { password: 1 } },
      );
      await assertRefused({}, [400, "CREDENTIAL_ACCOUNT_NOT_FOUND"]);
    });
  });

  describe("given 50 parallel changes", () => {
    for (const revokeOtherSessions of [false, true]) {
      it(`when revokeOtherSessions is ${String(revokeOtherSessions)}, then exactly one wins`, async () => {
        const winners: { newPassword: string; token: string | null }[] = [];
        const answers = await inParallel(50, async (n) => {
          const newPassword = `${NEW_PASSWORD}-${n}`;
          const response = await change({ newPassword, revokeOtherSessions });
          if (response.status === 200) winners.push({ newPassword, ...answerOf(response) });
          return response;
        });
        const { "200": won = 0, "400 INVALID_PASSWORD": late = 0, ...others } = answers;
        const { "401 FAILED_TO_GET_SESSION": gone = 0, "401 UNAUTHORIZED": out = 0 } = others;
        assert.deepEqual([won, late + gone + out], [1, 49], JSON.stringify(answers));
        const [winner] = winners;
        assert.equal(await countRows(t, user.id), 1);
        if (revokeOtherSessions) assert.notEqual(await findRow(t, winner?.token ?? ""), null);
        await signIn(winner?.newPassword ?? "").expect(200);
      });
    }
  });

  describe("given something that happens while the password is checked", () => {
    let slow: TestApp;
    before(async () => {
      slow = await startApp({
        emailAndPassword: {
          enabled: true,
          password: {
            hash: (password) => Promise.resolve(`plain:${password}`),
            verify: async ({ hash, password }) => {
              await meanwhile();
              return hash === `plain:${password}`;
            },
          },
        },
      });
    });
    after(() => slow.stop());
    const changeSlowly = async (what: (user: TestUser) => Promise<unknown>) => {
      const owner = await slow.givenUser();
      meanwhile = () => what(owner);
      const response = await request(slow.server)
        .post(PATH)
        .set({ origin: TEST_ORIGIN, cookie: owner.cookie })
        .send({ ...BODY, revokeOtherSessions: true });
      const row = await slow.auth.models.Account.findOne({
        providerId: "credential",
        accountId: owner.id,
      }).lean();
      return { response, password: row?.password };
    };

    it("when the session is revoked, then it answers FAILED_TO_GET_SESSION and changes nothing", async () => {
      const { response, password } = await changeSlowly(({ id }) =>
        slow.auth.models.Session.deleteMany({ userId: parseId(id) ?? "" }),
      );
      assertRefusal(response, [401, "FAILED_TO_GET_SESSION", "Failed to get session"]);
      assert.equal(password, `plain:${TEST_PASSWORD}`);
    });

    it("when the password is changed elsewhere, then it answers INVALID_PASSWORD and that one stays", async () => {
      const { response, password } = await changeSlowly(({ id }) =>
        slow.auth.models.Account.updateOne(
          { providerId: "credential", accountId: id },
          { password: "plain:other" },
        ),
      );
      assertRefusal(response, [400, "INVALID_PASSWORD", "Invalid password"]);
      assert.equal(password, "plain:other");
    });

    it("when the database refuses the new session, then nothing is changed", async () => {
      const refuse = (validator: object) =>
        slow.database.getClient().db(slow.database.name).command({ collMod: "session", validator });
      let owner = "";
      const { response, password } = await changeSlowly(async ({ id }) => {
        owner = id;
        await refuse({ token: { $in: [] } });
      });
      await refuse({});
      assertRefusal(response, [401, "FAILED_TO_GET_SESSION"]);
      assert.equal(password, `plain:${TEST_PASSWORD}`);
      assert.equal(await countRows(slow, owner), 1);
    });
  });

  describe("given a Bearer client", () => {
    it("when others are revoked, then the new token comes in the header and in the body", async () => {
      const { token } = await insertSession(t, user.id);
      const response = await change(
        { revokeOtherSessions: true },
        { authorization: `Bearer ${token}` },
      ).expect(200);
      const fresh = response.get("set-auth-token") ?? "";
      assert.equal(fresh.split(".")[0], answerOf(response).token);
      await request(t.server)
        .get("/auth/list-sessions")
        .auth(fresh, { type: "bearer" })
        .expect(200);
    });
  });
});
