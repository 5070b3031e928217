import assert from "node:assert/strict";
import { TEST_PASSWORD } from "../../support/app.ts";
import { assertRefusal } from "../../support/refusal.ts";
import {
  call,
  givenEnrolled,
  givenPending,
  givenSentCodes,
  startTwoFactorApp,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

const password = TEST_PASSWORD;

describe("POST /two-factor/generate-backup-codes", () => {
  let t: TwoFactorApp;
  before(async () => {
    t = await startTwoFactorApp();
  });
  after(() => t.stop());

  it("when the password is right, then new codes work and the old ones do not", async () => {
    const user = await givenEnrolled(t);
    const answer = await call(t, "generate-backup-codes", user.cookie, { password }).expect(200);
    const { status, backupCodes } = answer.body as { status: boolean; backupCodes: string[] };
    assert.equal(status, true);
    assert.equal(new Set([...backupCodes, ...user.backupCodes]).size, 20);
    const pending = await givenPending(t, user);
    const [old] = user.backupCodes;
    assertRefusal(await call(t, "verify-backup-code", pending, { code: old }), [
      401,
      "INVALID_BACKUP_CODE",
    ]);
    await call(t, "verify-backup-code", pending, { code: backupCodes[0] }).expect(200);
  });

  it("when the password is wrong, then INVALID_PASSWORD", async () => {
    const { cookie } = await givenEnrolled(t);
    const answer = await call(t, "generate-backup-codes", cookie, { password: "Wrong-7-orchard" });
    assertRefusal(answer, [400, "INVALID_PASSWORD"]);
  });

  it("when it is off, or there is no authenticator, then TWO_FACTOR_NOT_ENABLED", async () => {
    for (const { cookie } of [await t.givenUser(), await givenSentCodes(t)]) {
      const answer = await call(t, "generate-backup-codes", cookie, { password });
      assertRefusal(answer, [400, "TWO_FACTOR_NOT_ENABLED", "Two factor isn't enabled"]);
    }
  });
});
