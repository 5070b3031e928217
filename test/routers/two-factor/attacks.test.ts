import assert from "node:assert/strict";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../../lib/dev/index.ts";
import type { AuthOptions, TwoFactorOptions } from "../../../lib/index.ts";
import { cookieHeader, setCookies } from "../../support/app.ts";
import { assertRefusal } from "../../support/refusal.ts";
import {
  call,
  codeOf,
  DEVICE_COOKIE,
  givenEnrolled,
  givenPending,
  PENDING_COOKIE,
  signIn,
  startTwoFactorApp,
  type TwoFactorApp,
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

  it("when the app's own cipher throws on what it did not write, then codes are wrong, or still read", async () => {
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
    assert.deepEqual(t.sent, []);
  });

  it("when a reset comes between the trust of a browser and its session, then neither is left", async () => {
    let during: (() => Promise<unknown>) | null = null;
    await start(
      {},
      {
        databaseHooks: {
          verification: {
            create: {
              after: async ({ identifier }) => {
                if (!identifier.startsWith("trust-device-")) return;
                const work = during;
                during = null;
                await work?.();
              },
            },
          },
        },
      },
    );
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    // As a reset does, which is committed meanwhile.
    during = () => t.database.collection("session").deleteMany({});
    const code = codeOf(t, user);
    const answer = await call(t, "verify-totp", pending, { code, trustDevice: true });
    assertRefusal(answer, [401, "INVALID_TWO_FACTOR_COOKIE"]);
    assert.doesNotMatch(cookieHeader(answer), new RegExp(DEVICE_COOKIE));
    const devices = t.database.collection("verification");
    assert.equal(await devices.countDocuments({ identifier: /^trust-device-/ }), 0);
  });

  it("when a new password overtakes a sign-in on a standalone server, then it gets no session", async () => {
    let during: (() => Promise<unknown>) | null = null;
    await start(
      {},
      {
        database: mongo.uri,
        databaseHooks: {
          session: {
            create: {
              before: async () => {
                const work = during;
                during = null;
                await work?.();
              },
            },
          },
        },
      },
    );
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    during = async () => {
      await t.database.collection("session").deleteMany({});
      await t.database.collection("account").updateOne({}, { $set: { password: "another hash" } });
    };
    const answer = await call(t, "verify-totp", pending, { code: codeOf(t, user) });
    assertRefusal(answer, [401, "INVALID_TWO_FACTOR_COOKIE"]);
    assert.equal(await t.database.collection("session").countDocuments(), 0);
  });
});
