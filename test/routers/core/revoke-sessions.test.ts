import assert from "node:assert/strict";
import request from "supertest";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { countRows, insertOfficialSession, insertSession } from "../../support/sessions.ts";

const PATH = "/auth/revoke-sessions";

describe("POST /revoke-sessions", () => {
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
    await insertSession(t, user.id);
    await insertOfficialSession(t, user.id);
  });

  const revoke = () =>
    request(t.server).post(PATH).set({ cookie: user.cookie, origin: TEST_ORIGIN });

  itNeedsASession(() => t, { method: "POST", path: PATH, credentials: true });

  it("when called, then all sessions of the user end, the current one included", async () => {
    const response = await revoke().expect(200);
    assert.deepEqual(response.body, { status: true });
    assert.equal(await countRows(t, user.id), 0);
  });

  it("when called, then rows that refer to the user by text end too", async () => {
    const older = await insertSession(t, user.id, { userId: user.id });
    await revoke().expect(200);
    const next = await request(t.server).get("/auth/get-session").set("cookie", older.cookie);
    assert.equal(next.body, null);
  });

  it("when called, then no cookie is set and the next request clears them", async () => {
    assert.deepEqual(setCookies(await revoke()), []);
    const next = await request(t.server).get("/auth/get-session").set("cookie", user.cookie);
    assert.match(setCookies(next)[0] ?? "", /^better-auth\.session-token=; Max-Age=0/);
  });

  it("when called again, then it answers 401", async () => {
    await revoke().expect(200);
    await revoke().expect(401);
  });

  it("when others have sessions, then they are untouched", async () => {
    const other = await t.givenUser();
    await revoke().expect(200);
    assert.equal(await countRows(t, other.id), 1);
  });

  it("when a body comes along, then it is ignored", async () => {
    await revoke().send({ userId: "0123456789abcdef01234567" }).expect(200);
    assert.equal(await countRows(t, user.id), 0);
  });
});
