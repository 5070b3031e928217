import assert from "node:assert/strict";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { refuseRows } from "../../support/refuse-rows.ts";
import { countRows, insertSession } from "../../support/sessions.ts";
import {
  call,
  changeRowOf,
  codeOf,
  cookiesAfter,
  givenEnrolled,
  givenPending,
  givenSentCodes,
  PENDING_COOKIE,
  startTwoFactorApp,
  userOf,
  wrongCode,
  type EnrolledUser,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

const INVALID = [401, "INVALID_BACKUP_CODE", "Invalid backup code"] as const;
const INVALID_COOKIE = [401, "INVALID_TWO_FACTOR_COOKIE"] as const;

describe("POST /two-factor/verify-backup-code", () => {
  let t: TwoFactorApp;
  let user: EnrolledUser;
  let pending: string;
  let code: string;
  before(async () => {
    t = await startTwoFactorApp();
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await givenEnrolled(t);
    pending = await givenPending(t, user);
    code = user.backupCodes[0] ?? "";
  });
  const verify = (cookie: string, body: object) => call(t, "verify-backup-code", cookie, body);

  it("when the code is right, then it signs in, once", async () => {
    const answer = await verify(pending, { code }).expect(200);
    assert.equal(await userOf(t, cookiesAfter(pending, answer)), user.id);
    const again = await givenPending(t, user);
    assertRefusal(await verify(again, { code }), INVALID);
    await verify(again, { code: user.backupCodes[1] }).expect(200);
  });

  it("when one code is tried 50 times at once in many sign-ins, then one session comes of it", async () => {
    const all = await Promise.all(Array.from({ length: 25 }, () => givenPending(t, user)));
    const before = await countRows(t, user.id);
    const answers = await inParallel(50, (n) => verify(all[n % 25] ?? "", { code }));
    assert.equal(answers["200"], 1, JSON.stringify(answers));
    assert.equal(await countRows(t, user.id), before + 1);
  });

  it("when two calls use codes at the same instant, then the one that loses is asked to try again", async () => {
    for (let round = 0; round < 10; round += 1) {
      const own = await givenEnrolled(t);
      const answers = await inParallel(9, (n) => verify(own.cookie, { code: own.backupCodes[n] }));
      const total = (answers["200"] ?? 0) + (answers["409 CONFLICT"] ?? 0);
      assert.equal(total, 9, JSON.stringify(answers));
      if ((answers["409 CONFLICT"] ?? 0) > 0) return;
    }
    assert.fail("never met");
  });

  it("when codes and those of the authenticator are wrong, then they share five attempts", async () => {
    for (let n = 0; n < 5; n += 1) {
      const answer =
        n % 2 === 0
          ? await verify(pending, { code: "aaaaa-bbbbb" })
          : await call(t, "verify-totp", pending, { code: wrongCode(t, user) });
      assert.equal(answer.status, 401);
    }
    assertRefusal(await verify(pending, { code }), [400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"]);
    assertRefusal(await call(t, "verify-totp", pending, { code: codeOf(t, user) }), INVALID_COOKIE);
  });

  it("when the account is locked, then ACCOUNT_TEMPORARILY_LOCKED", async () => {
    const lockedUntil = new Date(t.clock.now().getTime() + 1000);
    await changeRowOf(t, user, { lockedUntil });
    assertRefusal(await verify(pending, { code }), [429, "ACCOUNT_TEMPORARILY_LOCKED"]);
  });

  it("when no session is wanted, then the user is answered, the code is used, and the wait goes on", async () => {
    const before = await countRows(t, user.id);
    const answer = await verify(pending, { code, disableSession: true }).expect(200);
    assert.deepEqual(Object.keys(answer.body as object), ["user"]);
    assert.equal(await countRows(t, user.id), before);
    assert.ok(cookiesAfter(pending, answer).includes(PENDING_COOKIE));
    assertRefusal(await verify(pending, { code }), INVALID);
    await call(t, "verify-totp", pending, { code: codeOf(t, user) }).expect(200);
  });

  it("when someone signed in uses one, then their own token is answered", async () => {
    const answer = await verify(user.cookie, { code, disableSession: true }).expect(200);
    assert.equal((answer.body as { token: string }).token, user.token);
    assertRefusal(await verify(user.cookie, { code }), INVALID);
  });

  it("when the session is impersonated, then SESSION_NOT_FRESH", async () => {
    const { cookie } = await insertSession(t, user.id, { impersonatedBy: user.id });
    assertRefusal(await verify(cookie, { code }), [403, "SESSION_NOT_FRESH"]);
  });

  for (const change of [
    (text: string) => text.replace("-", ""),
    (text: string) => text.replace("-", " "),
    (text: string) => ` ${text}`,
    (text: string) => `${text}a`,
    (text: string) => text.slice(0, -1),
    () => "",
  ]) {
    it(`when the code is changed by ${change.toString()}, then INVALID_BACKUP_CODE`, async () => {
      assertRefusal(await verify(pending, { code: change(code) }), INVALID);
    });
  }

  for (const typed of [undefined, 7, ["a"], { $ne: "" }]) {
    it(`when the code is ${JSON.stringify(typed)}, then VALIDATION_ERROR`, async () => {
      assertRefusal(await verify(pending, { code: typed }), [400, "VALIDATION_ERROR"]);
    });
  }

  it("when the codes cannot be decrypted, then INVALID_BACKUP_CODE, and a line in the log", async () => {
    await changeRowOf(t, user, { backupCodes: "ab".repeat(80) });
    t.logged.splice(0);
    assertRefusal(await verify(pending, { code }), INVALID);
    assert.deepEqual(t.logged, [
      `error: the list of backup codes of user ${user.id} cannot be read: add the secret that encrypted it to \`secrets\``,
    ]);
  });

  it("when the user has no codes, then BACKUP_CODES_NOT_ENABLED", async () => {
    const waiting = await givenPending(t, await givenSentCodes(t));
    const answer = await verify(waiting, { code });
    assertRefusal(answer, [400, "BACKUP_CODES_NOT_ENABLED", "Backup codes aren't enabled"]);
  });

  it("when the database refuses the session, then FAILED_TO_CREATE_SESSION", async () => {
    const own = await startTwoFactorApp();
    const enrolled = await givenEnrolled(own);
    const waiting = await givenPending(own, enrolled);
    await refuseRows(own, "session");
    const answer = await call(own, "verify-backup-code", waiting, {
      code: enrolled.backupCodes[0],
    });
    assertRefusal(answer, [401, "FAILED_TO_CREATE_SESSION"]);
    await own.stop();
  });

  for (const storeBackupCodes of [
    "plain",
    {
      encrypt: (text: string) => Buffer.from(text).toString("base64"),
      decrypt: (stored: string) => Buffer.from(stored, "base64").toString(),
    },
  ] as const) {
    it(`when they are stored ${typeof storeBackupCodes === "string" ? storeBackupCodes : "by the app"}, then each works once`, async () => {
      const customBackupCodesGenerate = () => ["one", "two"];
      const own = await startTwoFactorApp({
        backupCodeOptions: { storeBackupCodes, customBackupCodesGenerate },
      });
      const enrolled = await givenEnrolled(own);
      assert.deepEqual(enrolled.backupCodes, ["one", "two"]);
      const waiting = await givenPending(own, enrolled);
      await call(own, "verify-backup-code", waiting, { code: "one" }).expect(200);
      const again = await givenPending(own, enrolled);
      assertRefusal(await call(own, "verify-backup-code", again, { code: "one" }), INVALID);
      await own.stop();
    });
  }
});
