import assert from "node:assert/strict";
import request from "supertest";
import { setCookies, TEST_ORIGIN, type TestUser } from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { startMonitoredApp, type MonitoredApp } from "../../support/monitored.ts";
import {
  countRows,
  findRow,
  insertOfficialSession,
  insertSession,
} from "../../support/sessions.ts";

const PATH = "/auth/revoke-other-sessions";

describe("POST /revoke-other-sessions", () => {
  let t: MonitoredApp;
  let user: TestUser;
  before(async () => {
    t = await startMonitoredApp();
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
    await insertSession(t, user.id);
    await insertOfficialSession(t, user.id);
  });

  const revoke = (cookie = user.cookie) =>
    request(t.server).post(PATH).set({ cookie, origin: TEST_ORIGIN });

  itNeedsASession(() => t, { method: "POST", path: PATH, credentials: true });

  it("when called, then only the current session is left", async () => {
    const response = await revoke().expect(200);
    assert.deepEqual(response.body, { status: true });
    assert.deepEqual(setCookies(response), []);
    assert.equal(await countRows(t, user.id), 1);
    assert.notEqual(await findRow(t, user.token), null);
  });

  it("when called with a session of Better Auth, then that one is left", async () => {
    const own = await insertOfficialSession(t, user.id);
    await revoke(own.cookie).expect(200);
    const rows = await t.auth.models.Session.find({ token: own.token }).lean();
    assert.deepEqual([rows.length, await countRows(t, user.id)], [1, 1]);
  });

  it("when called, then rows that refer to the user by text end too", async () => {
    const older = await insertSession(t, user.id, { userId: user.id });
    await revoke().expect(200);
    assert.equal(await findRow(t, older.token), null);
  });

  it("when called, then one operation deletes them", async () => {
    assert.deepEqual(await t.commandsOf(() => revoke().expect(200)), ["aggregate", "delete"]);
  });

  it("when it is the only session, then nothing changes", async () => {
    await revoke().expect(200);
    await revoke().expect(200);
    assert.equal(await countRows(t, user.id), 1);
  });

  it("when others have sessions, then they are untouched", async () => {
    const other = await t.givenUser();
    await revoke().expect(200);
    assert.equal(await countRows(t, other.id), 1);
  });
});
