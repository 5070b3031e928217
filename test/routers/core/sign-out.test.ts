import assert from "node:assert/strict";
import request from "supertest";
import { randomToken } from "../../../lib/crypto/token.ts";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import {
  countRows,
  findRow,
  insertOfficialSession,
  insertSession,
  OWN_COOKIE,
  signedCookie,
  tampered,
} from "../../support/sessions.ts";

const CLEARED = ["session-token", "session_data", "dont_remember"].map(
  (name) => `better-auth.${name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax`,
);

describe("POST /sign-out", () => {
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp();
    user = await t.givenUser();
  });
  after(() => t.stop());

  const signOut = (headers: Readonly<Record<string, string>>, body: object = {}) =>
    request(t.server)
      .post("/auth/sign-out")
      .set({ origin: TEST_ORIGIN, ...headers })
      .send(body);

  describe("given a session", () => {
    it("when it is signed out, then it says so as `success` and as `status`", async () => {
      const { cookie } = await insertSession(t, user.id);
      const response = await signOut({ cookie }).expect(200);
      assert.deepEqual(response.body, { success: true, status: true });
    });

    it("when it is signed out, then its row is gone and the cookies are cleared", async () => {
      const own = await insertSession(t, user.id);
      const response = await signOut({ cookie: own.cookie });
      assert.deepEqual(setCookies(response), CLEARED);
      assert.equal(await findRow(t, own.token), null);
    });

    it("when it is signed out, then the other sessions of the user stay", async () => {
      const [own, other] = [await insertSession(t, user.id), await insertSession(t, user.id)];
      await signOut({ cookie: own.cookie });
      assert.notEqual(await findRow(t, other.token), null);
    });

    it("when it is signed out by Bearer, then its row is gone", async () => {
      const own = await insertSession(t, user.id);
      const response = await signOut({ authorization: `Bearer ${own.token}` }).expect(200);
      assert.deepEqual(setCookies(response), CLEARED);
      assert.equal(await findRow(t, own.token), null);
    });

    it("when it is a row of Better Auth, then that row is gone", async () => {
      const official = await t.givenUser();
      const own = await insertOfficialSession(t, official.id);
      await signOut({ cookie: own.cookie }).expect(200);
      assert.equal(await countRows(t, official.id), 1, "the one of the sign-up");
    });

    it("when its user is banned, then it is signed out all the same", async () => {
      const banned = await t.givenUser();
      await t.auth.models.User.updateOne({ email: banned.email }, { $set: { banned: true } });
      await signOut({ cookie: banned.cookie }).expect(200);
      assert.equal(await countRows(t, banned.id), 0);
    });

    it("when it is signed out twice, then both answers are the same", async () => {
      const { cookie } = await insertSession(t, user.id);
      const [first, second] = [await signOut({ cookie }), await signOut({ cookie })];
      assert.deepEqual([second.status, second.body], [first.status, first.body]);
      assert.deepEqual(setCookies(second), setCookies(first));
    });

    it("when the body names what provider logout would take, then it is accepted", async () => {
      const { cookie } = await insertSession(t, user.id);
      const body = { callbackURL: "/bye", disableRedirect: true, state: "x" };
      const response = await signOut({ cookie }, body).expect(200);
      assert.deepEqual(response.body, { success: true, status: true });
      assert.equal(response.get("location"), undefined);
    });

    it("when the body is no JSON, then it answers 400 and the session stays", async () => {
      const own = await insertSession(t, user.id);
      const response = await request(t.server)
        .post("/auth/sign-out")
        .set({ cookie: own.cookie, origin: TEST_ORIGIN, "content-type": "application/json" })
        .send("{");
      assert.equal(response.status, 400);
      assert.equal((response.body as { code: string }).code, "BAD_REQUEST");
      assert.deepEqual(setCookies(response), []);
      assert.notEqual(await findRow(t, own.token), null);
    });
  });

  describe("given no session", () => {
    const credentials: Readonly<Record<string, () => Readonly<Record<string, string>>>> = {
      "nothing is presented": () => ({}),
      "the cookie is unknown": () => ({ cookie: signedCookie(OWN_COOKIE, randomToken(32)) }),
      "the cookie was tampered with": () => ({
        cookie: `${OWN_COOKIE}=${encodeURIComponent(tampered(user.token))}`,
      }),
      "Bearer is a handle": () => ({ authorization: "Bearer session_0123456789abcdef01234567" }),
    };
    for (const [what, headers] of Object.entries(credentials)) {
      it(`when ${what}, then it succeeds and clears the cookies`, async () => {
        const response = await signOut(headers()).expect(200);
        assert.deepEqual(response.body, { success: true, status: true });
        assert.deepEqual(setCookies(response), CLEARED);
      });
    }

    it("when a tampered cookie names a live session, then that session stays", async () => {
      const own = await insertSession(t, user.id);
      await signOut({ cookie: `${OWN_COOKIE}=${encodeURIComponent(tampered(own.token))}` });
      assert.notEqual(await findRow(t, own.token), null);
    });
  });

  describe("given a database that refuses the deletion", () => {
    it("when signed out, then it is logged and the cookies are cleared", async () => {
      const { db } = t.database;
      const { cookie } = await insertSession(t, user.id);
      await db?.renameCollection("session", "session_rows");
      await db?.createCollection("session", { viewOn: "session_rows" });
      try {
        const response = await signOut({ cookie }).expect(200);
        assert.deepEqual(setCookies(response), CLEARED);
        assert.ok(t.logged.includes("error: a session could not be deleted at sign-out"));
      } finally {
        await db?.dropCollection("session");
        await db?.renameCollection("session_rows", "session");
      }
    });
  });
});
