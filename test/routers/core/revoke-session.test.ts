import assert from "node:assert/strict";
import request from "supertest";
import { hashToken, randomToken } from "../../../lib/crypto/token.ts";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import {
  countRows,
  findRow,
  insertOfficialSession,
  insertSession,
  signed,
  type StoredSession,
} from "../../support/sessions.ts";

const PATH = "/auth/revoke-session";

describe("POST /revoke-session", () => {
  let t: TestApp;
  let user: TestUser;
  let other: StoredSession;
  before(async () => {
    t = await startApp();
    user = await t.givenUser();
  });
  after(() => t.stop());
  beforeEach(async () => {
    other = await insertSession(t, user.id);
  });

  const revoke = (body: object, cookie = user.cookie) =>
    request(t.server).post(PATH).set({ cookie, origin: TEST_ORIGIN }).send(body);
  const isLive = async ({ token }: { readonly token: string }) =>
    (await findRow(t, token)) !== null;

  itNeedsASession(() => t, {
    method: "POST",
    path: PATH,
    body: { token: "x" },
    credentials: true,
  });

  describe("given another session of the user", () => {
    const references: Readonly<Record<string, (session: StoredSession) => object>> = {
      "its token": ({ token }) => ({ token }),
      "its handle": ({ id }) => ({ token: `session_${id}` }),
      "its id": ({ id }) => ({ id }),
      "its id in capitals": ({ id }) => ({ id: id.toUpperCase() }),
      "its token beside the id of another": ({ token }) => ({ token, id: randomToken(24) }),
    };
    for (const [what, body] of Object.entries(references)) {
      it(`when ${what} is given, then it is ended and the own one stays`, async () => {
        const response = await revoke(body(other)).expect(200);
        assert.deepEqual(response.body, { status: true });
        assert.equal(await isLive(other), false);
        assert.equal(await isLive(user), true);
      });
    }

    it("when token and id name two sessions, then the token wins", async () => {
      const third = await insertSession(t, user.id);
      await revoke({ token: other.token, id: third.id }).expect(200);
      assert.deepEqual([await isLive(other), await isLive(third)], [false, true]);
    });

    it("when it is a row of Better Auth, then its token ends it", async () => {
      const owner = await t.givenUser();
      const official = await insertOfficialSession(t, owner.id);
      await revoke({ token: official.token }, owner.cookie).expect(200);
      assert.equal(await countRows(t, owner.id), 1);
    });

    it("when its row refers to the user by text, then it is ended", async () => {
      const older = await insertSession(t, user.id, { userId: user.id });
      await revoke({ token: `session_${older.id}` }).expect(200);
      assert.equal(await isLive(older), false);
    });

    it("when it is ended, then it no longer opens anything", async () => {
      await revoke({ token: other.token });
      const next = await request(t.server).get("/auth/get-session").set("cookie", other.cookie);
      assert.equal(next.body, null);
    });

    const useless: Readonly<Record<string, (session: StoredSession) => object>> = {
      "an unknown token": () => ({ token: randomToken(32) }),
      "an unknown handle": () => ({ token: "session_0123456789abcdef01234567" }),
      "an empty token": () => ({ token: "" }),
      "an unknown id": () => ({ id: "0123456789abcdef01234567" }),
      "a malformed id": () => ({ id: "../x" }),
      "the stored hash": ({ token }) => ({ token: hashToken(token) }),
      "the signed token": ({ token }) => ({ token: signed(token) }),
      "the id as a token": ({ id }) => ({ token: id }),
      "a handle as the id": ({ id }) => ({ id: `session_${id}` }),
      "an unknown token beside its id": ({ id }) => ({ token: randomToken(32), id }),
    };
    for (const [what, body] of Object.entries(useless)) {
      it(`when ${what} is given, then it says the same and nothing ends`, async () => {
        const response = await revoke(body(other)).expect(200);
        assert.deepEqual(response.body, { status: true });
        assert.deepEqual([await isLive(other), await isLive(user)], [true, true]);
      });
    }
  });

  describe("given a session of another user", () => {
    const references: Readonly<Record<string, (session: StoredSession) => object>> = {
      token: ({ token }) => ({ token }),
      handle: ({ id }) => ({ token: `session_${id}` }),
      id: ({ id }) => ({ id }),
    };
    for (const [what, body] of Object.entries(references)) {
      it(`when its ${what} is given, then it says the same and the session stays`, async () => {
        const stranger = await t.givenUser();
        const theirs = await insertSession(t, stranger.id);
        const response = await revoke(body(theirs)).expect(200);
        assert.deepEqual(response.body, { status: true });
        assert.equal(await isLive(theirs), true);
      });
    }
  });

  describe("given the current session", () => {
    it("when it is revoked, then cookies are left and the next call finds none", async () => {
      const response = await revoke({ token: other.token }, other.cookie).expect(200);
      assert.deepEqual(setCookies(response), []);
      await revoke({ token: other.token }, other.cookie).expect(401);
    });
  });

  describe("given a body that names no session", () => {
    const bodies: readonly object[] = [
      {},
      { token: null },
      { token: 5 },
      { token: ["x"] },
      { token: { $ne: "" } },
      { token: { $gt: "" }, id: "0123456789abcdef01234567" },
      { id: { $ne: "" } },
      { id: 7 },
      { token: "x", id: { $ne: "" } },
    ];
    for (const body of bodies) {
      it(`when it is ${JSON.stringify(body)}, then it is refused and nothing ends`, async () => {
        const rows = await countRows(t, user.id);
        const response = await revoke(body).expect(400);
        const { code, message } = response.body as { code: string; message: string };
        assert.equal(code, "VALIDATION_ERROR");
        assert.match(message, /^\[body\.(?:token|id)\] /);
        assert.equal(await countRows(t, user.id), rows);
      });
    }
  });

  describe("given auth.api", () => {
    it("when the headers of the user are passed, then it ends the session", async () => {
      const headers = { cookie: user.cookie };
      const answer = await t.auth.api.revokeSession({ headers, body: { token: other.token } });
      assert.deepEqual(answer, { status: true });
      assert.equal(await isLive(other), false);
    });

    it("when no headers are passed, then it throws UNAUTHORIZED", async () => {
      await assert.rejects(t.auth.api.revokeSession({ body: { token: other.token } }), {
        name: "AuthError",
        status: 401,
        code: "UNAUTHORIZED",
      });
      assert.equal(await isLive(other), true);
    });
  });
});
