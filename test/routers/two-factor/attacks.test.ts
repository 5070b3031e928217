import assert from "node:assert/strict";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../../lib/dev/index.ts";
import type { AuthOptions, TwoFactorOptions } from "../../../lib/index.ts";
import { cookieHeader, setCookies } from "../../support/app.ts";
import { assertRefusal } from "../../support/refusal.ts";
import {
  call,
  codeOf,
  cookiesAfter,
  DEVICE_COOKIE,
  givenEnrolled,
  givenPending,
  givenSentCodes,
  PENDING_COOKIE,
  signIn,
  startTwoFactorApp,
  type TwoFactorApp,
  wrongCode,
} from "../../support/two-factor.ts";

/** Tries that once succeeded, or once made the server fail. */
describe("attacks on the second factor", () => {
  let t: TwoFactorApp;
  let mongo: EmbeddedMongo;
  before(async function () {
    this.timeout(60_000);
    mongo = await startEmbeddedMongo({ standalone: true });
  });
  after(() => mongo.stop());
  const start = async (options: TwoFactorOptions = {}, app: AuthOptions = {}) => {
    t = await startTwoFactorApp(options, app);
  };
  /** What happens once, while a row of this kind is about to be stored, or has just been. */
  let during: (() => Promise<unknown>) | null = null;
  const meanwhile = async () => {
    const work = during;
    during = null;
    await work?.();
  };
  const startInterrupted = (collection: "session" | "2fa-" | "trust-device-", database?: string) =>
    start(
      {},
      {
        ...(database !== undefined && { database }),
        databaseHooks: {
          session: {
            create: { before: () => (collection === "session" ? meanwhile() : undefined) },
          },
          verification: {
            create: {
              after: ({ identifier }) =>
                new RegExp(`^${collection}h1:`).test(identifier) ? meanwhile() : undefined,
            },
          },
        },
      },
    );
  const newPassword = () =>
    t.database.collection("account").updateOne({}, { $set: { password: "another hash" } });
  const verifications = (front: string) =>
    t.database
      .collection("verification")
      .countDocuments({ identifier: new RegExp(`^${front}h1:`) });
  const rows = () => t.auth.models.TwoFactor.find().lean();
  afterEach(() => t.stop());

  it("when the issuer is half a character, then it is refused, and nothing is stored", async () => {
    await start();
    const { cookie, password } = await t.givenUser();
    const answer = await call(t, "enable", cookie, { password, issuer: "\ud800" });
    assertRefusal(answer, [400, "VALIDATION_ERROR"]);
    assert.deepEqual(await rows(), []);
  });

  it("when switching on fails behind an unconfirmed enrolment, then no enrolment is left", async () => {
    let refuse = false;
    await start(
      { skipVerificationOnEnable: true },
      { databaseHooks: { session: { create: { before: () => !refuse } } } },
    );
    const { cookie, password } = await t.givenUser();
    refuse = true;
    const refused = await call(t, "enable", cookie, { password });
    assertRefusal(refused, [401, "FAILED_TO_CREATE_SESSION"]);
    assert.deepEqual(await rows(), []);
    refuse = false;
    await call(t, "enable", cookie, { password }).expect(200);
  });

  it("when the app's own cipher throws on what it did not write, then the codes are wrong", async () => {
    const own = {
      encrypt: (text: string) => `own:${text}`,
      decrypt: (stored: string) => {
        if (!stored.startsWith("own:")) throw new Error("not mine");
        return stored.slice(4);
      },
    };
    await start({ backupCodeOptions: { storeBackupCodes: own } });
    const user = await givenEnrolled(t);
    const spoilt = async (backupCodes: string) => {
      await t.auth.models.TwoFactor.updateOne({}, { backupCodes });
    };
    await spoilt("neither");
    const [code = ""] = user.backupCodes;
    const wrong = await call(t, "verify-backup-code", await givenPending(t, user), { code });
    assertRefusal(wrong, [401, "INVALID_BACKUP_CODE"]);
  });

  for (const mark of [1, "true", "yes"]) {
    it(`when twoFactorEnabled is ${JSON.stringify(mark)}, then sign-in asks for a code`, async () => {
      await start();
      const { email, password } = await givenEnrolled(t);
      await t.database
        .collection("user")
        .updateOne({ email }, { $set: { twoFactorEnabled: mark } });
      const answer = await signIn(t, { email, password }).expect(200);
      assert.equal((answer.body as { twoFactorRedirect?: boolean }).twoFactorRedirect, true);
    });
  }

  it("when the session is refused, then the sign-in goes on waiting in this browser", async () => {
    let refuse = false;
    await start({}, { databaseHooks: { session: { create: { before: () => !refuse } } } });
    const user = await givenEnrolled(t);
    const cookie = await givenPending(t, user);
    refuse = true;
    const [first = "", second = ""] = user.backupCodes;
    const refused = await call(t, "verify-backup-code", cookie, { code: first });
    assertRefusal(refused, [401, "FAILED_TO_CREATE_SESSION"]);
    assert.ok(!setCookies(refused).some((line) => line.startsWith(`${PENDING_COOKIE}=;`)));
    refuse = false;
    await call(t, "verify-backup-code", cookie, { code: second }).expect(200);
  });

  it("when the account is locked, then no code is sent", async () => {
    await start({ accountLockout: { maxFailedAttempts: 1 } });
    const user = await givenEnrolled(t);
    const cookie = await givenPending(t, user);
    await call(t, "verify-backup-code", cookie, { code: "wrong" }).expect(401);
    await call(t, "send-otp", await givenPending(t, user)).expect(200);
    for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
    assert.deepEqual(t.sent, []);
  });

  it("when a reset comes between the trust of a browser and its session, then neither is left", async () => {
    await startInterrupted("trust-device-");
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    // As a reset does, which is committed meanwhile.
    during = () => t.database.collection("session").deleteMany({});
    const code = codeOf(t, user);
    const answer = await call(t, "verify-totp", pending, { code, trustDevice: true });
    assertRefusal(answer, [401, "INVALID_TWO_FACTOR_COOKIE"]);
    assert.doesNotMatch(cookieHeader(answer), new RegExp(DEVICE_COOKIE));
    assert.equal(await verifications("trust-device-"), 0);
  });

  it("when a new password overtakes the sign-in of a trusted browser, then it is trusted no more", async () => {
    await startInterrupted("session");
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    const body = { code: codeOf(t, user), trustDevice: true };
    const trusted = cookiesAfter(pending, await call(t, "verify-totp", pending, body).expect(200));
    during = newPassword;
    const { email, password } = user;
    const answer = await signIn(t, { email, password }, trusted);
    assertRefusal(answer, [401, "INVALID_EMAIL_OR_PASSWORD"]);
    assert.equal(await verifications("trust-device-"), 0);
  });

  it("when a new password overtakes a sign-in that is to wait, then nothing waits", async () => {
    await startInterrupted("2fa-");
    const { email, password } = await givenEnrolled(t);
    during = newPassword;
    const answer = await signIn(t, { email, password });
    assertRefusal(answer, [401, "INVALID_EMAIL_OR_PASSWORD"]);
    assert.equal(await verifications("2fa-"), 0);
    assert.doesNotMatch(cookieHeader(answer), new RegExp(PENDING_COOKIE));
  });

  it("when a ban overtakes the code, then BANNED_USER, and no session is left", async () => {
    await startInterrupted("session");
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    const before = await t.auth.models.Session.countDocuments();
    during = () => t.database.collection("user").updateOne({}, { $set: { banned: true } });
    const answer = await call(t, "verify-totp", pending, { code: codeOf(t, user) });
    assertRefusal(answer, [403, "BANNED_USER"]);
    assert.equal(await t.auth.models.Session.countDocuments(), before);
  });

  it("when a new password overtakes a sign-in on a standalone server, then it gets no session", async () => {
    await startInterrupted("session", mongo.uri);
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    during = async () => {
      await t.database.collection("session").deleteMany({});
      await newPassword();
    };
    const answer = await call(t, "verify-totp", pending, { code: codeOf(t, user) });
    assertRefusal(answer, [401, "INVALID_TWO_FACTOR_COOKIE"]);
    assert.equal(await t.database.collection("session").countDocuments(), 0);
  });

  it("when a session is changed while its second factor is switched, then the new one has the change", async () => {
    const hash = (text: string) => Promise.resolve(`hash of ${text}`);
    const verify = async () => {
      await meanwhile();
      return true;
    };
    await start({}, { emailAndPassword: { enabled: true, password: { hash, verify } } });
    const user = await givenEnrolled(t);
    const { Session } = t.auth.models;
    await Session.updateMany({}, { activeOrganizationId: "left meanwhile" });
    during = () => Session.updateMany({}, { activeOrganizationId: null });
    await call(t, "disable", user.cookie, { password: user.password }).expect(200);
    assert.equal((await Session.findOne().lean())?.activeOrganizationId, null);
  });

  it("when two calls use backup codes at once, then the one that loses is no wrong code", async () => {
    const own = {
      encrypt: (text: string) => text,
      decrypt: async (stored: string) => {
        await meanwhile();
        return stored.trim();
      },
    };
    await start({ backupCodeOptions: { storeBackupCodes: own } });
    const user = await givenEnrolled(t);
    const { TwoFactor } = t.auth.models;
    const [row] = await rows();
    await TwoFactor.updateOne({}, { backupCodes: ` ${row?.backupCodes ?? ""}` });
    const [code = ""] = user.backupCodes;
    during = () => TwoFactor.updateOne({}, { backupCodes: `  ${row?.backupCodes ?? ""}` });
    const lost = await call(t, "verify-backup-code", await givenPending(t, user), { code });
    assertRefusal(lost, [409, "CONFLICT"]);
    assert.equal((await rows())[0]?.failedVerificationCount, 0);
  });

  it("when a look at a code was cut off, then it counts as a wrong one, and the sign-in goes on", async () => {
    await start();
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    const { Verification } = t.auth.models;
    await Verification.updateOne({ identifier: /^2fa-attempts-/ }, { value: "busy-3" });
    const verify = (code: string) => call(t, "verify-totp", pending, { code });
    assertRefusal(await verify(codeOf(t, user)), [401, "INVALID_TWO_FACTOR_COOKIE"]);
    t.clock.advance(30);
    assertRefusal(await verify("000000x"), [401, "INVALID_CODE"]);
    assertRefusal(await verify(codeOf(t, user)), [400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"]);
  });

  it("when the backup codes belong to an authenticator that no code confirmed, then they prove nothing", async () => {
    await start();
    const { cookie, password } = await givenSentCodes(t);
    const enabled = await call(t, "enable", cookie, { password }).expect(200);
    const [code = ""] = (enabled.body as { backupCodes: string[] }).backupCodes;
    const answer = await call(t, "verify-backup-code", cookie, { code });
    // Whoever is sent codes has a second factor, but not this one.
    assertRefusal(answer, [400, "BACKUP_CODES_NOT_ENABLED"]);
  });

  it("when the owner's session verifies a code, then the lock of the sign-in stays", async () => {
    await start({ accountLockout: { maxFailedAttempts: 1 } });
    const user = await givenEnrolled(t);
    const wait = () => givenPending(t, user);
    await call(t, "verify-totp", await wait(), { code: wrongCode(t, user) }).expect(401);
    await call(t, "verify-totp", user.cookie, { code: codeOf(t, user) }).expect(200);
    t.clock.advance(600);
    const refused = await call(t, "verify-totp", await wait(), { code: codeOf(t, user) });
    assertRefusal(refused, [429, "ACCOUNT_TEMPORARILY_LOCKED"]);
    assert.match(refused.get("retry-after") ?? "", /^(?:300|29\d)$/);
  });
});
