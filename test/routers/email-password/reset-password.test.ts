import assert from "node:assert/strict";
import request from "supertest";
import { hashToken } from "../../../lib/crypto/token.ts";
import type { AuthOptions, UserLike } from "../../../lib/index.ts";
import { parseId } from "../../../lib/models/id.ts";
import {
  setCookies,
  startApp,
  TEST_PASSWORD,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { createOutbox, itOutlivesACallback, until } from "../../support/outbox.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { REFUSED_PASSWORDS } from "../../support/refused-passwords.ts";
import { countRows } from "../../support/sessions.ts";
import { findVerifications, insertVerification } from "../../support/verifications.ts";

const PATH = "/auth/reset-password";
const NEW_PASSWORD = "Harbour-9-lantern";
const UNKNOWN = "0".repeat(24);
const DONE = { status: true };

describe("POST /reset-password", () => {
  const outbox = createOutbox();
  const options = (more: AuthOptions["emailAndPassword"] = {}): AuthOptions => ({
    emailAndPassword: { enabled: true, sendResetPassword: outbox.sender("reset"), ...more },
  });
  let t: TestApp;
  let user: TestUser;
  let token: string;
  before(async () => {
    t = await startApp(options());
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
    token = await newToken(t, user);
  });

  async function newToken(app: TestApp, { email }: Pick<TestUser, "email">): Promise<string> {
    await request(app.server).post("/auth/forget-password").send({ email }).expect(200);
    return (await outbox.next()).token;
  }
  const reset = (body: object, app = t) =>
    request(app.server)
      .post(PATH)
      .send({ token, newPassword: NEW_PASSWORD, ...body });
  const signIn = (password: string, { email } = user, app = t) =>
    request(app.server).post("/auth/sign-in/email").send({ email, password });
  const accounts = () => t.auth.models.Account.find({ userId: parseId(user.id) ?? "" }).lean();

  describe("given a live token", () => {
    it("when it is used, then the new password signs in, the old one does not, and no one is signed in by it", async () => {
      const response = await reset({}).expect(200);
      assert.deepEqual(response.body, DONE);
      assert.deepEqual(setCookies(response), []);
      assert.equal(response.get("set-auth-token"), undefined);
      await signIn(NEW_PASSWORD).expect(200);
      await signIn(TEST_PASSWORD).expect(401);
    });

    it("when it comes in the query, then it counts", async () => {
      const response = await request(t.server)
        .post(PATH)
        .query({ token })
        .send({ newPassword: NEW_PASSWORD });
      assert.deepEqual([response.status, response.body], [200, DONE]);
    });

    it("when one comes in the body and one in the query, then the body's counts", async () => {
      await reset({ token: UNKNOWN }).query({ token }).expect(400);
      await reset({}).query({ token: UNKNOWN }).expect(200);
    });

    it("when Better Auth has written it, then it is used up like one of ours", async () => {
      const official = "Abc123Abc123Abc123Abc123";
      const identifier = `reset-password:${official}`;
      await insertVerification(t, { identifier, value: user.id });
      await reset({ token: official }).expect(200);
      assertRefusal(await reset({ token: official }), [400, "INVALID_TOKEN"]);
      await signIn(NEW_PASSWORD).expect(200);
    });

    it("when it is used, then it changes only the password and updatedAt of the account", async () => {
      const [before] = await accounts();
      t.clock.advance(5);
      await reset({}).expect(200);
      const [after, ...others] = await accounts();
      assert.deepEqual(others, []);
      assert.match(after?.password ?? "", /^c2NyeXB0[A-Za-z0-9+/]{120}$/);
      assert.notEqual(after?.password, before?.password);
      assert.ok((after?.updatedAt.getTime() ?? 0) >= (before?.updatedAt.getTime() ?? 0) + 5000);
      const { password, updatedAt } = after ?? {};
      assert.deepEqual(after, { ...before, password, updatedAt });
    });

    it("when the user has no password account, then one is made", async () => {
      await t.auth.models.Account.deleteMany({ userId: parseId(user.id) ?? "" });
      await reset({}).expect(200);
      const [account, ...others] = await accounts();
      assert.deepEqual(others, []);
      assert.deepEqual([account?.providerId, account?.accountId], ["credential", user.id]);
      await signIn(NEW_PASSWORD).expect(200);
    });

    it("when the password account is empty, then it is filled", async () => {
      const mine = { userId: parseId(user.id) ?? "" };
      await t.auth.models.Account.updateOne(mine, { $unset: { password: 1 } });
      await reset({}).expect(200);
      assert.equal((await accounts()).length, 1);
      await signIn(NEW_PASSWORD).expect(200);
    });

    it("when an older row refers to the user by text, then its password is replaced", async () => {
      const { Account } = t.auth.models;
      await Account.updateOne({ userId: parseId(user.id) ?? "" }, { userId: user.id });
      await reset({}).expect(200);
      assert.equal(
        await Account.countDocuments({ providerId: "credential", accountId: user.id }),
        1,
      );
      await signIn(NEW_PASSWORD).expect(200);
      await signIn(TEST_PASSWORD).expect(401);
    });

    it("when the user has a second factor, then it stays", async () => {
      const _id = parseId(user.id) ?? "";
      await t.auth.models.User.updateOne({ _id }, { twoFactorEnabled: true });
      await reset({}).expect(200);
      const row = await t.auth.models.User.findOne({ _id }).lean();
      assert.equal(row?.twoFactorEnabled, true);
    });
  });

  describe("given sessions, trusted devices and other reset tokens", () => {
    async function givenAll(app: TestApp): Promise<TestUser> {
      const owner = await app.givenUser();
      await app.givenSession(owner);
      await insertVerification(app, { identifier: "trust-device-h1:one", value: owner.id });
      await insertVerification(app, { identifier: "trust-device-two", value: owner.id });
      await insertVerification(app, {
        identifier: `reset-password:${"z".repeat(24)}`,
        value: owner.id,
      });
      await insertVerification(app, { identifier: "delete-account-h1:x", value: owner.id });
      return owner;
    }
    /** Sessions, trusted devices, reset tokens, deletion tokens. */
    async function left(app: TestApp, { id }: TestUser): Promise<number[]> {
      const fronts = ["trust-device-", "reset-password:", "delete-account-"];
      const rows = await Promise.all(fronts.map((front) => findVerifications(app, id, front)));
      return [await countRows(app, id), ...rows.map(({ length }) => length)];
    }

    it("when a token is used, then they end, and only they", async () => {
      user = await givenAll(t);
      const mine = await newToken(t, user);
      const other = await givenAll(t);
      await reset({ token: mine }).expect(200);
      assert.deepEqual(await left(t, user), [0, 0, 0, 0]);
      assert.deepEqual(await left(t, other), [2, 2, 1, 1]);
      const session = await request(t.server).get("/auth/get-session").set("cookie", user.cookie);
      assert.equal(session.body, null);
    });

    it("when revokeSessionsOnPasswordReset is false, then only the mailed tokens end", async () => {
      const lenient = await startApp(options({ revokeSessionsOnPasswordReset: false }));
      const owner = await givenAll(lenient);
      const mine = await newToken(lenient, owner);
      await insertVerification(lenient, { identifier: "reset-password:x", value: owner.id });
      await reset({ token: mine }, lenient).expect(200);
      assert.deepEqual(await left(lenient, owner), [2, 2, 0, 0]);
      await lenient.stop();
    });
  });

  describe("given a token that is not live", () => {
    const cases: readonly (readonly [when: string, presented: () => unknown])[] = [
      ["it is missing", () => undefined],
      ["it is empty", () => ""],
      ["nobody has it", () => UNKNOWN],
      ["it was used", async () => (await reset({}).expect(200), token)],
      ["a newer one was issued", async () => (await newToken(t, user), token)],
      ["it has expired", () => (t.clock.advance(3601), token)],
      ["it is the hash from the database", () => hashToken(token)],
      ["it is the rest of the stored identifier", () => hashToken(token).slice(3, 27)],
      ["it has a colon", () => `h1:${token.slice(3)}`],
      ["it has the purpose in front", () => `reset-password:${token}`],
      ["it is padded", () => `${token} `],
    ];
    for (const [when, presented] of cases) {
      it(`when ${when}, then it answers INVALID_TOKEN`, async () => {
        const response = await reset({ token: await presented() });
        assertRefusal(response, [400, "INVALID_TOKEN", "Invalid token"]);
      });
    }

    it("when it was issued to delete an account, then it answers INVALID_TOKEN and stays", async () => {
      const identifier = `delete-account-${"a".repeat(24)}`;
      await insertVerification(t, { identifier, value: user.id });
      assertRefusal(await reset({ token: "a".repeat(24) }), [400, "INVALID_TOKEN"]);
      assert.equal((await findVerifications(t, user.id, "delete-account-")).length, 1);
    });

    it("when its user is gone, then it answers USER_NOT_FOUND and makes no account", async () => {
      const { User, Account } = t.auth.models;
      await User.deleteOne({ _id: parseId(user.id) ?? "" });
      await Account.deleteMany({ userId: parseId(user.id) ?? "" });
      assertRefusal(await reset({}), [400, "USER_NOT_FOUND", "User not found"]);
      assert.deepEqual(await accounts(), []);
    });
  });

  describe("given a password that is refused", () => {
    const cases = [
      ...REFUSED_PASSWORDS.map(
        ([what, newPassword, code]) => [`it ${what}`, () => newPassword, code] as const,
      ),
      ["it is the user's address", () => user.email.toUpperCase(), "PASSWORD_COMPROMISED"],
    ] as const;
    for (const [when, newPassword, code] of cases) {
      it(`when ${when}, then it answers ${code}, and the token stays usable`, async () => {
        assertRefusal(await reset({ newPassword: newPassword() }), [400, code]);
        await reset({}).expect(200);
      });
    }

    const wrong = [
      { newPassword: undefined },
      { newPassword: { $ne: "" } },
      { newPassword: 12345678 },
      { token: { $gt: "" } },
      { token: ["a"] },
    ];
    for (const body of wrong) {
      it(`when ${Object.keys(body)[0] ?? ""} is ${JSON.stringify(Object.values(body)[0])}, then it answers VALIDATION_ERROR`, async () => {
        assertRefusal(await reset(body), [400, "VALIDATION_ERROR", /^\[body\./]);
        await reset({}).expect(200);
      });
    }
  });

  describe("given 50 parallel uses of one token", () => {
    it("when each sets another password, then exactly one wins, and its password is the one that signs in", async () => {
      const winners: string[] = [];
      const answers = await inParallel(50, async (n) => {
        const newPassword = `${NEW_PASSWORD}-${n}`;
        const response = await reset({ newPassword });
        if (response.status === 200) winners.push(newPassword);
        return response;
      });
      assert.deepEqual(answers, { "200": 1, "400 INVALID_TOKEN": 49 });
      await signIn(winners[0] ?? "").expect(200);
      assert.equal((await accounts()).length, 1);
    });
  });

  describe("given onPasswordReset", () => {
    it("when a token is used by several, then it is called once, with user and request", async () => {
      const calls: { user: UserLike; request: Request | undefined }[] = [];
      const observed = await startApp(
        options({
          onPasswordReset: ({ user: changed }, sentFor) => {
            calls.push({ user: changed, request: sentFor });
          },
        }),
      );
      const owner = await observed.givenUser();
      const mine = await newToken(observed, owner);
      const answers = await inParallel(5, () => reset({ token: mine }, observed));
      assert.equal(answers["200"], 1);
      await until(() => calls.length > 0, "not called");
      assert.equal(calls.length, 1);
      assert.deepEqual([calls[0]?.user.id, calls[0]?.user.email], [owner.id, owner.email]);
      assert.equal(new URL(calls[0]?.request?.url ?? "").pathname, PATH);
      await observed.stop();
    });
  });

  itOutlivesACallback({
    option: "emailAndPassword.onPasswordReset",
    start: (onPasswordReset) => startApp(options({ onPasswordReset })),
    async act(app) {
      const owner = await app.givenUser();
      const mine = await newToken(app, owner);
      assert.deepEqual((await reset({ token: mine }, app).expect(200)).body, DONE);
      await signIn(NEW_PASSWORD, owner, app).expect(200);
    },
  });

  describe("given other ways to store passwords", () => {
    it("when advanced.compatibility is better-auth, then the official format is written", async () => {
      const compatible = await startApp({
        ...options(),
        advanced: { compatibility: "better-auth" },
      });
      const owner = await compatible.givenUser();
      await reset({ token: await newToken(compatible, owner) }, compatible).expect(200);
      const account = await compatible.auth.models.Account.findOne({
        providerId: "credential",
        accountId: owner.id,
      }).lean();
      assert.match(account?.password ?? "", /^[0-9a-f]{32}:[0-9a-f]{128}$/);
      await signIn(NEW_PASSWORD, owner, compatible).expect(200);
      await compatible.stop();
    });

    it("when password.hash is given, then it makes what is stored", async () => {
      const own = await startApp(
        options({
          password: {
            hash: (password) => Promise.resolve(`own:${password.length}`),
            verify: ({ hash, password }) => Promise.resolve(hash === `own:${password.length}`),
          },
        }),
      );
      const owner = await own.givenUser();
      await reset({ token: await newToken(own, owner) }, own).expect(200);
      const account = await own.auth.models.Account.findOne({
        providerId: "credential",
        accountId: owner.id,
      }).lean();
      assert.equal(account?.password, `own:${NEW_PASSWORD.length}`);
      await own.stop();
    });
  });
});
