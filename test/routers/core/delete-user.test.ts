import assert from "node:assert/strict";
import request from "supertest";
import { hashToken } from "../../../lib/crypto/token.ts";
import type { AuthOptions } from "../../../lib/index.ts";
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
import { createOutbox, itOutlivesACallback } from "../../support/outbox.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { OWN_COOKIE } from "../../support/sessions.ts";
import { findVerifications, insertVerification } from "../../support/verifications.ts";

const PATH = "/auth/delete-user";
const DELETED = { success: true, message: "User deleted" };
const MAILED = { success: true, message: "Verification email sent" };
const DAY = 86_400;

type DeleteUser = NonNullable<NonNullable<AuthOptions["user"]>["deleteUser"]>;

describe("POST /delete-user", () => {
  const outbox = createOutbox();
  const options = (deleteUser: DeleteUser = {}): AuthOptions => ({
    user: { deleteUser: { enabled: true, ...deleteUser } },
  });
  const post = (app: TestApp, { cookie }: Pick<TestUser, "cookie">, body: object = {}) =>
    request(app.server).post(PATH).set({ cookie, origin: TEST_ORIGIN }).send(body);
  const exists = async (app: TestApp, { id }: TestUser) =>
    (await app.auth.models.User.exists({ _id: parseId(id) ?? "" })) !== null;

  describe("given no mailed confirmation", () => {
    let t: TestApp;
    let user: TestUser;
    before(async () => {
      t = await startApp(options());
    });
    after(() => t.stop());
    beforeEach(async () => {
      user = await t.givenUser();
    });
    const age = () => {
      t.clock.advance(DAY + 1);
    };

    itNeedsASession(() => t, { method: "POST", path: PATH, credentials: true });

    it("when the session is fresh, then the user is deleted, and the cookies are cleared", async () => {
      const response = await post(t, user).expect(200);
      assert.deepEqual(response.body, DELETED);
      assert.equal(cookieHeader(response), "");
      assert.ok(setCookies(response).some((line) => line.startsWith(`${OWN_COOKIE}=;`)));
      assert.equal(await exists(t, user), false);
      const session = await request(t.server).get("/auth/get-session").set("cookie", user.cookie);
      assert.equal(session.body, null);
    });

    it("when the right password is sent, then that is enough, however old the session is", async () => {
      age();
      await post(t, user, { password: TEST_PASSWORD }).expect(200, DELETED);
      assert.equal(await exists(t, user), false);
    });

    it("when the address is free again, then someone can sign up with it, as another user", async () => {
      await post(t, user).expect(200);
      const heir = await t.givenUser({ email: user.email });
      assert.notEqual(heir.id, user.id);
    });

    it("when the session is old and no password is sent, then it answers SESSION_EXPIRED", async () => {
      age();
      const response = await post(t, user);
      assertRefusal(response, [
        400,
        "SESSION_EXPIRED",
        "Session expired. Re-authenticate to perform this action.",
      ]);
      assert.equal(await exists(t, user), true);
    });

    for (const password of ["Wrong-7-orchard", "", "x".repeat(9000)]) {
      it(`when the password is wrong (${password.length} characters), then it answers INVALID_PASSWORD`, async () => {
        const response = await post(t, user, { password });
        assertRefusal(response, [400, "INVALID_PASSWORD", "Invalid password"]);
        assert.deepEqual(setCookies(response), []);
        assert.equal(await exists(t, user), true);
      });
    }

    for (const password of [TEST_PASSWORD, ""]) {
      it(`when there is no password account and ${password === "" ? "an empty" : "a"} password is sent, then it answers CREDENTIAL_ACCOUNT_NOT_FOUND`, async () => {
        await t.auth.models.Account.deleteMany({ providerId: "credential", accountId: user.id });
        const response = await post(t, user, { password });
        assertRefusal(response, [
          400,
          "CREDENTIAL_ACCOUNT_NOT_FOUND",
          "Credential account not found",
        ]);
        assert.equal(await exists(t, user), true);
      });
    }

    it("when it is called 50 times at once, then exactly one deletes", async () => {
      const answers = await inParallel(50, () => post(t, user));
      assert.deepEqual(answers, { "200": 1, "401 UNAUTHORIZED": 49 });
    });

    it("when it is called again, then it answers 401", async () => {
      await post(t, user).expect(200);
      assertRefusal(await post(t, user), [401, "UNAUTHORIZED"]);
    });

    it("when another user is there, then they stay as they are", async () => {
      const other = await t.givenUser();
      await post(t, user).expect(200);
      await t.givenSession(other);
      await post(t, other, { password: TEST_PASSWORD }).expect(200);
    });

    const wrong = [{ password: 1 }, { password: { $ne: "" } }, { token: ["a"] }, { token: null }];
    for (const body of wrong) {
      it(`when the body is ${JSON.stringify(body)}, then it answers VALIDATION_ERROR`, async () => {
        assertRefusal(await post(t, user, body), [400, "VALIDATION_ERROR", /^\[body\./]);
        assert.equal(await exists(t, user), true);
      });
    }

    it("when callbackURL is another site, then it is refused and no one is deleted", async () => {
      const response = await post(t, user, { callbackURL: "https://evil.example" });
      assertRefusal(response, [403, "INVALID_CALLBACK_URL"]);
      assert.equal(await exists(t, user), true);
    });
  });

  describe("given a token", () => {
    let t: TestApp;
    let user: TestUser;
    before(async () => {
      t = await startApp(options({ sendDeleteAccountVerification: outbox.sender("delete") }));
    });
    after(() => t.stop());
    beforeEach(async () => {
      user = await t.givenUser();
    });
    const mailedToken = async (owner = user) => {
      await post(t, owner).expect(200, MAILED);
      return (await outbox.next()).token;
    };

    it("when one is asked for, then a link is mailed, and no one is deleted", async () => {
      const response = await post(t, user).expect(200);
      assert.deepEqual(response.body, MAILED);
      assert.deepEqual(setCookies(response), []);
      const { url, token, user: mailed, request: sentFor } = await outbox.next();
      assert.match(token, /^[0-9a-z]{32}$/);
      assert.equal(url, `${TEST_ORIGIN}/auth/delete-user/callback?token=${token}&callbackURL=%2F`);
      assert.deepEqual([mailed.id, mailed.email], [user.id, user.email]);
      assert.equal(sentFor?.url, TEST_ORIGIN + PATH);
      assert.equal(await exists(t, user), true);
    });

    it("when one is asked for, then its row has its hash, the user and a day", async () => {
      const token = await mailedToken();
      const [row, ...others] = await findVerifications(t, user.id);
      assert.deepEqual(others, []);
      assert.equal(row?.identifier, `delete-account-${hashToken(token)}`);
      assert.equal(row.expiresAt.getTime() - row.createdAt.getTime(), DAY * 1000);
    });

    it("when callbackURL is given, then the link carries it", async () => {
      await post(t, user, { callbackURL: "/bye?a=1" }).expect(200);
      assert.match((await outbox.next()).url, /&callbackURL=%2Fbye%3Fa%3D1$/);
    });

    it("when the right password is sent, then the link is mailed all the same", async () => {
      await post(t, user, { password: TEST_PASSWORD }).expect(200, MAILED);
      await outbox.next();
    });

    it("when the password is wrong, then no link is mailed", async () => {
      assertRefusal(await post(t, user, { password: "wrong" }), [400, "INVALID_PASSWORD"]);
      await outbox.assertEmpty();
    });

    it("when the session is old, then the link is mailed all the same", async () => {
      t.clock.advance(DAY + 1);
      await mailedToken();
    });

    it("when it is sent, then the user is deleted, however old the session is", async () => {
      t.clock.advance(DAY + 1);
      const token = await mailedToken();
      const response = await post(t, user, { token, callbackURL: "/bye" }).expect(200);
      assert.deepEqual(response.body, DELETED);
      assert.equal(response.get("location"), undefined);
      assert.equal(await exists(t, user), false);
    });

    it("when two were mailed, then both are live", async () => {
      const [first] = [await mailedToken(), await mailedToken()];
      await post(t, user, { token: first }).expect(200, DELETED);
    });

    it("when Better Auth has written it, then it counts", async () => {
      const identifier = `delete-account-${"a1".repeat(16)}`;
      await insertVerification(t, { identifier, value: user.id });
      await post(t, user, { token: "a1".repeat(16) }).expect(200, DELETED);
    });

    const cases: readonly (readonly [when: string, presented: () => Promise<string>])[] = [
      ["it is empty", () => Promise.resolve("")],
      ["nobody has it", () => Promise.resolve("0".repeat(32))],
      [
        "it has expired",
        async () => {
          const token = await mailedToken();
          t.clock.advance(DAY + 1);
          return token;
        },
      ],
      ["it is the hash from the database", async () => hashToken(await mailedToken())],
      ["it has a colon", async () => `h1:${(await mailedToken()).slice(3)}`],
      ["it is in upper case", async () => (await mailedToken()).toUpperCase()],
      [
        "it resets a password",
        async () => {
          const identifier = `reset-password:${"b".repeat(32)}`;
          await insertVerification(t, { identifier, value: user.id });
          return "b".repeat(32);
        },
      ],
    ];
    for (const [when, presented] of cases) {
      it(`when ${when}, then it answers INVALID_TOKEN`, async () => {
        const token = await presented();
        assertRefusal(await post(t, user, { token }), [404, "INVALID_TOKEN", "Invalid token"]);
        assert.equal(await exists(t, user), true);
      });
    }

    it("when it is another user's, then it answers INVALID_TOKEN, deletes no one, and is used up", async () => {
      const other = await t.givenUser();
      const token = await mailedToken(other);
      assertRefusal(await post(t, user, { token }), [404, "INVALID_TOKEN"]);
      assertRefusal(await post(t, other, { token }), [404, "INVALID_TOKEN"]);
      assert.deepEqual([await exists(t, user), await exists(t, other)], [true, true]);
    });

    it("when it comes with a wrong password, then it is not used up", async () => {
      const token = await mailedToken();
      const refused = await post(t, user, { token, password: "wrong" });
      assertRefusal(refused, [400, "INVALID_PASSWORD"]);
      await post(t, user, { token }).expect(200, DELETED);
    });

    it("when it is sent 50 times at once, then exactly one deletes", async () => {
      const token = await mailedToken();
      const answers = await inParallel(50, () => post(t, user, { token }));
      const { "200": won, "404 INVALID_TOKEN": late = 0, "401 UNAUTHORIZED": out = 0 } = answers;
      assert.deepEqual([won, late + out], [1, 49]);
    });
  });

  describe("given other options", () => {
    it("when the feature is off, then it answers NOT_FOUND and deletes no one", async () => {
      const t = await startApp();
      const user = await t.givenUser();
      assertRefusal(await post(t, user), [404, "NOT_FOUND", "Not Found"]);
      assert.equal(await exists(t, user), true);
      await t.stop();
    });

    it("when freshAge is 0, then every session is fresh", async () => {
      const t = await startApp({ ...options(), session: { freshAge: 0 } });
      const user = await t.givenUser();
      t.clock.advance(2 * DAY);
      await post(t, user).expect(200, DELETED);
      await t.stop();
    });

    it("when deleteTokenExpiresIn is given, then tokens live that long", async () => {
      const sendDeleteAccountVerification = outbox.sender("short");
      const t = await startApp(
        options({ sendDeleteAccountVerification, deleteTokenExpiresIn: 60 }),
      );
      const user = await t.givenUser();
      const tokens: string[] = [];
      for (let n = 0; n < 2; n += 1) {
        await post(t, user).expect(200, MAILED);
        tokens.push((await outbox.next()).token);
        t.clock.advance(59);
      }
      assertRefusal(await post(t, user, { token: tokens[0] }), [404, "INVALID_TOKEN"]);
      await post(t, user, { token: tokens[1] }).expect(200, DELETED);
      await t.stop();
    });
  });

  itOutlivesACallback({
    option: "user.deleteUser.sendDeleteAccountVerification",
    start: (callback) => startApp(options({ sendDeleteAccountVerification: callback })),
    async act(app) {
      await post(app, await app.givenUser()).expect(200, MAILED);
    },
  });
});
