import assert from "node:assert/strict";
import { parseId } from "../../../lib/models/id.ts";
import { setCookies, TEST_PASSWORD } from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { refuseRows } from "../../support/refuse-rows.ts";
import { findVerifications } from "../../support/verifications.ts";
import {
  call,
  codeOf,
  cookiesAfter,
  DEVICE_COOKIE,
  givenEnrolled,
  givenPending,
  rowOf,
  signIn,
  startTwoFactorApp,
  userOf,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

const password = TEST_PASSWORD;

describe("POST /two-factor/disable", () => {
  let t: TwoFactorApp;
  beforeEach(async () => {
    t = await startTwoFactorApp();
  });
  afterEach(() => t.stop());

  itNeedsASession(() => t, {
    method: "POST",
    path: "/auth/two-factor/disable",
    body: { password },
    credentials: true,
  });

  it("when the password is right, then row and trusted browsers go, and the session is a new one", async () => {
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    const code = codeOf(t, user);
    const trusted = await call(t, "verify-totp", pending, { code, trustDevice: true }).expect(200);
    const cookie = cookiesAfter("", trusted);
    assert.equal((await findVerifications(t, user.id, "trust-device-")).length, 1);

    const answer = await call(t, "disable", cookie, { password }).expect(200, { status: true });
    assert.equal(await rowOf(t, user), null);
    assert.deepEqual(await findVerifications(t, user.id, "trust-device-"), []);
    assert.equal(await userOf(t, cookie), null);
    const after = cookiesAfter(cookie, answer);
    assert.equal(await userOf(t, after), user.id);
    assert.ok(!after.includes(DEVICE_COOKIE));
    const again = await signIn(t, { email: user.email, password }).expect(200);
    assert.equal(
      (again.body as { user: { twoFactorEnabled: boolean } }).user.twoFactorEnabled,
      false,
    );
  });

  it("when the session works in an organization, then so does the one that takes its place", async () => {
    const user = await givenEnrolled(t);
    const { Session } = t.auth.models;
    await Session.updateMany({ userId: parseId(user.id) }, { activeOrganizationId: "somewhere" });
    await call(t, "disable", user.cookie, { password }).expect(200);
    const [row, ...others] = await Session.find({ userId: parseId(user.id) }).lean();
    assert.equal(others.length, 0);
    assert.equal(row?.activeOrganizationId, "somewhere");
    assert.equal(row.twoFactorVerifiedAt, undefined);
  });

  it("when no browser is trusted, then no cookie of one is expired", async () => {
    const { cookie } = await givenEnrolled(t);
    const answer = await call(t, "disable", cookie, { password }).expect(200);
    assert.ok(!setCookies(answer).some((line) => line.startsWith(DEVICE_COOKIE)));
  });

  it("when the password is wrong, then INVALID_PASSWORD, and it stays on", async () => {
    const user = await givenEnrolled(t);
    const answer = await call(t, "disable", user.cookie, { password: "Wrong-7-orchard" });
    assertRefusal(answer, [400, "INVALID_PASSWORD"]);
    assert.notEqual(await rowOf(t, user), null);
  });

  it("when it is called 20 times at once, then one session comes of it", async () => {
    const user = await givenEnrolled(t);
    const answers = await inParallel(20, () => call(t, "disable", user.cookie, { password }));
    assert.deepEqual(answers, { "200": 1, "401 UNAUTHORIZED": 19 });
  });

  it("when the database refuses the session, then FAILED_TO_CREATE_SESSION, and it stays on", async () => {
    const user = await givenEnrolled(t);
    await refuseRows(t, "session");
    const answer = await call(t, "disable", user.cookie, { password });
    assertRefusal(answer, [401, "FAILED_TO_CREATE_SESSION"]);
    assert.notEqual(await rowOf(t, user), null);
  });
});
