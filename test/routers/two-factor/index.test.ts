import assert from "node:assert/strict";
import request from "supertest";
import { twoFactor, username, type TwoFactorOptions } from "../../../lib/index.ts";
import type { ServerApi } from "../../../lib/plugin.ts";
import { hashToken } from "../../../lib/crypto/token.ts";
import { setCookies, startApp, TEST_ORIGIN, TEST_PASSWORD } from "../../support/app.ts";
import { createOutbox, follow } from "../../support/outbox.ts";
import { inParallel } from "../../support/parallel.ts";
import { startFailingMongo } from "../../support/fail-points.ts";
import { freshDatabase } from "../../support/mongo.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { countRows, signedCookie } from "../../support/sessions.ts";
import { findVerifications } from "../../support/verifications.ts";
import {
  call,
  changeRowOf,
  codeOf,
  cookiesAfter,
  DEVICE_COOKIE,
  givenEnrolled,
  givenPending,
  givenSentCodes,
  PENDING_COOKIE,
  rowOf,
  signIn,
  startTwoFactorApp,
  userOf,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

const password = TEST_PASSWORD;

describe("twoFactor", () => {
  describe("given a user with a second factor who signs in", () => {
    let t: TwoFactorApp;
    before(async () => {
      t = await startTwoFactorApp();
    });
    after(() => t.stop());

    it("when the password is right, then no session comes of it, and the cookies say what waits", async () => {
      const { email, id, cookie } = await givenEnrolled(t);
      const before = await countRows(t, id);
      const answer = await signIn(t, { email, password }, cookie).expect(200);
      const methods = ["totp", "otp"];
      assert.deepEqual(answer.body, { twoFactorRedirect: true, twoFactorMethods: methods });
      assert.equal(answer.get("set-auth-token"), undefined);
      assert.equal(await countRows(t, id), before);
      const lines = setCookies(answer);
      const waiting = lines.find((line) => line.startsWith(PENDING_COOKIE)) ?? "";
      assert.match(
        decodeURIComponent(waiting),
        /^better-auth\.two_factor=2fa-[\w-]{20}\.[A-Za-z0-9+/]{43}=; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/,
      );
      assert.ok(lines.some((line) => line.startsWith("better-auth.session-token=; Max-Age=0")));
      assert.equal(await userOf(t, cookiesAfter(cookie, answer)), null);
    });

    it("when it waits, then the rows have hashed identifiers and 600 s, and no secret is stored", async () => {
      const user = await givenEnrolled(t);
      const pending = await givenPending(t, user);
      const identifier =
        decodeURIComponent(pending.split(`${PENDING_COOKIE}=`)[1] ?? "").split(".")[0] ?? "";
      const [row] = await findVerifications(t, user.id, "2fa-");
      assert.equal(row?.identifier, `2fa-${hashToken(identifier.slice(4))}`);
      const attempts = await t.auth.models.Verification.findOne({
        identifier: `2fa-attempts-${hashToken(identifier)}`,
      }).lean();
      assert.equal(attempts?.value, "0");
      assert.ok(attempts.expiresAt >= row.expiresAt);
      assert.equal((row.expiresAt.getTime() - row.createdAt.getTime()) / 1000, 600);
    });

    it("when the password is wrong, then it is as for everyone", async () => {
      const { email } = await givenEnrolled(t);
      const answer = await signIn(t, { email, password: "Wrong-7-orchard" });
      assertRefusal(answer, [401, "INVALID_EMAIL_OR_PASSWORD"]);
    });

    it("when the user is banned, then BANNED_USER before any code", async () => {
      const { email } = await givenEnrolled(t);
      await t.auth.models.User.updateOne({ email }, { banned: true });
      const answer = await signIn(t, { email, password });
      assertRefusal(answer, [403, "BANNED_USER"]);
      assert.ok(!setCookies(answer).some((line) => line.startsWith(PENDING_COOKIE)));
    });

    it("when codes are sent to the user, then that is the one method", async () => {
      const { email } = await givenSentCodes(t);
      const answer = await signIn(t, { email, password }).expect(200);
      assert.deepEqual((answer.body as { twoFactorMethods: string[] }).twoFactorMethods, ["otp"]);
    });

    it("when it is called by the server, then it is the same", async () => {
      const { email } = await givenEnrolled(t);
      const { headers, response } = await t.auth.api.signInEmail({
        body: { email, password },
        returnHeaders: true,
      });
      assert.equal((response as unknown as { twoFactorRedirect: boolean }).twoFactorRedirect, true);
      assert.ok(headers.getSetCookie().some((line) => line.startsWith(PENDING_COOKIE)));
    });
  });

  describe("given a trusted browser", () => {
    let t: TwoFactorApp;
    before(async () => {
      t = await startTwoFactorApp();
    });
    after(() => t.stop());

    async function givenTrusted(rememberMe = true) {
      const user = await givenEnrolled(t);
      const pending = await givenPending(t, user, { rememberMe });
      const body = { code: codeOf(t, user), trustDevice: true };
      const answer = await call(t, "verify-totp", pending, body).expect(200);
      const jar = cookiesAfter(pending, answer);
      const device = jar.split("; ").find((pair) => pair.startsWith(DEVICE_COOKIE)) ?? "";
      return { ...user, jar, device, answer };
    }

    it("when its user signs in, then no code is asked for, and row and cookie are new ones", async () => {
      const { email, id, device } = await givenTrusted();
      const [before] = await findVerifications(t, id, "trust-device-");
      assert.match(before?.identifier ?? "", /^trust-device-h1:[\w-]{43}$/);
      const answer = await signIn(t, { email, password }, device).expect(200);
      assert.equal(typeof (answer.body as { token?: string }).token, "string");
      const rows = await findVerifications(t, id, "trust-device-");
      assert.equal(rows.length, 1);
      assert.notEqual(rows[0]?.identifier, before?.identifier);
      const line = setCookies(answer).find((one) => one.startsWith(DEVICE_COOKIE)) ?? "";
      assert.match(line, /; Max-Age=2592000;/);
      const next = cookiesAfter(device, answer);
      assert.ok(!next.includes(device));

      const replayed = await signIn(t, { email, password }, device).expect(200);
      assert.equal((replayed.body as { twoFactorRedirect?: boolean }).twoFactorRedirect, true);
      assert.ok(!cookiesAfter(device, replayed).includes(DEVICE_COOKIE));
      const again = await signIn(t, { email, password }, next).expect(200);
      assert.equal(typeof (again.body as { token?: string }).token, "string");
    });

    it("when 50 sign-ins use its cookie at once, then one needs no code", async () => {
      const { email, device } = await givenTrusted();
      let tokens = 0;
      await inParallel(50, async () => {
        const answer = await signIn(t, { email, password }, device);
        if ("token" in (answer.body as object)) tokens += 1;
        return answer;
      });
      assert.equal(tokens, 1);
    });

    it("when someone else signs in there, then a code is asked for, and the cookie expires", async () => {
      const { device, id } = await givenTrusted();
      const other = await givenEnrolled(t);
      const answer = await signIn(t, { email: other.email, password }, device).expect(200);
      assert.equal((answer.body as { twoFactorRedirect?: boolean }).twoFactorRedirect, true);
      assert.equal((await findVerifications(t, id, "trust-device-")).length, 1);
    });

    for (const value of [
      "",
      "!",
      "a!trust-device-b",
      `${"a".repeat(43)}!trust-device-${"a".repeat(32)}`,
    ]) {
      it(`when the cookie holds ${JSON.stringify(value)}, signed, then a code is asked for`, async () => {
        const { email } = await givenEnrolled(t);
        const answer = await signIn(t, { email, password }, signedCookie(DEVICE_COOKIE, value));
        assert.equal((answer.body as { twoFactorRedirect?: boolean }).twoFactorRedirect, true);
        assert.ok(
          setCookies(answer).some((line) => line.startsWith(`${DEVICE_COOKIE}=; Max-Age=0`)),
        );
      });
    }

    it("when 30 days pass, then a code is asked for", async () => {
      const { email, device } = await givenTrusted();
      t.clock.advance(2_592_001);
      const answer = await signIn(t, { email, password }, device).expect(200);
      assert.equal((answer.body as { twoFactorRedirect?: boolean }).twoFactorRedirect, true);
    });

    it("when the password is reset, then a code is asked for", async () => {
      const outbox = createOutbox();
      const own = await startTwoFactorApp(
        {},
        { emailAndPassword: { enabled: true, sendResetPassword: outbox.sender("reset") } },
      );
      const user = await givenEnrolled(own);
      const pending = await givenPending(own, user);
      const body = { code: codeOf(own, user), trustDevice: true };
      const trusted = await call(own, "verify-totp", pending, body).expect(200);
      const waiting = await givenPending(own, user);
      await request(own.server)
        .post("/auth/forget-password")
        .send({ email: user.email })
        .expect(200);
      const { token } = await outbox.next();
      const newPassword = "Harbour-9-violet";
      await changeRowOf(own, user, { failedVerificationCount: 3 });
      await request(own.server)
        .post("/auth/reset-password")
        .send({ token, newPassword })
        .expect(200);
      const cookie = cookiesAfter("", trusted);
      const answer = await signIn(own, { email: user.email, password: newPassword }, cookie);
      assert.equal((answer.body as { twoFactorRedirect?: boolean }).twoFactorRedirect, true);
      own.clock.advance(30);
      assertRefusal(await call(own, "verify-totp", waiting, { code: codeOf(own, user) }), [
        401,
        "INVALID_TWO_FACTOR_COOKIE",
      ]);
      assert.equal((await rowOf(own, user))?.failedVerificationCount, 3);
      await own.stop();
    });

    it("when the sign-in was not to be remembered, then the mark of that is cleared", async () => {
      const { jar, answer } = await givenTrusted(false);
      assert.ok(!jar.includes("dont_remember"));
      assert.ok(setCookies(answer).some((line) => line.includes("dont_remember=; Max-Age=0")));
    });
  });

  it("when a user with a username signs in by it, then a code is asked for", async () => {
    const plugins = [username(), twoFactor({ skipVerificationOnEnable: true })];
    const t = await startApp({ plugins });
    const { cookie, email } = await t.givenUser();
    await t.auth.models.User.updateOne({ email }, { username: "ada" });
    await call(t, "enable", cookie, { password }).expect(200);
    const answer = await request(t.server)
      .post("/auth/sign-in/username")
      .send({ username: "ada", password })
      .expect(200);
    assert.deepEqual(answer.body, { twoFactorRedirect: true, twoFactorMethods: ["totp"] });
    await t.stop();
  });

  it("when the link of a mail verifies the address, then it signs no such user in", async () => {
    const outbox = createOutbox();
    const t = await startTwoFactorApp(
      {},
      {
        emailVerification: {
          sendVerificationEmail: outbox.sender("verify"),
          sendOnSignUp: true,
          autoSignInAfterVerification: true,
        },
      },
    );
    const user = await givenEnrolled(t);
    const { url } = await outbox.next();
    const answer = await follow(t, url);
    assert.equal(cookiesAfter("", answer), "");
    assert.equal(
      (await t.auth.models.User.findOne({ email: user.email }).lean())?.emailVerified,
      true,
    );
    await t.stop();
  });

  it("when the secret is rotated, then what was stored before still works", async () => {
    const old = { version: 1, value: "old-secret-old-secret-old-secret-old" };
    const database = await freshDatabase();
    const t = await startTwoFactorApp({}, { database, secrets: [old] });
    const user = await givenEnrolled(t);
    assert.match((await rowOf(t, user))?.secret ?? "", /^\$ba\$1\$/);
    const secrets = [{ version: 2, value: "new-secret-new-secret-new-secret-new" }, old];
    const next = await startTwoFactorApp({}, { database, secrets, now: t.clock.now });
    const pending = await givenPending(next, user);
    await call(next, "verify-totp", pending, { code: codeOf(t, user) }).expect(200);
    const other = await givenPending(next, user);
    await call(next, "verify-backup-code", other, { code: user.backupCodes[0] }).expect(200);
    assert.match((await rowOf(next, user))?.backupCodes ?? "", /^\$ba\$2\$/);
    await next.stop();
    await t.stop();
  });

  it("when the server stands alone, then it is the same without transactions", async function () {
    this.timeout(60_000);
    const mongo = await startFailingMongo({ standalone: true });
    const t = await startTwoFactorApp({}, { database: mongo.uri("second") });
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    const code = codeOf(t, user);
    const answers = await inParallel(50, () => call(t, "verify-totp", pending, { code }));
    assert.equal(answers["200"], 1, JSON.stringify(answers));
    const signedIn = await t.givenUser();
    await call(t, "enable", signedIn.cookie, { password, method: "otp" }).expect(200);
    await call(t, "disable", user.cookie, { password }).expect(200);
    await t.stop();
    await mongo.stop();
  });

  it("when the app has hooks of the database, then the limits hold all the same", async () => {
    const seen: string[] = [];
    const t = await startTwoFactorApp(
      {},
      {
        databaseHooks: {
          session: { create: { after: () => void seen.push("session") } },
          verification: {
            create: { before: () => undefined },
            update: { before: () => undefined },
            delete: { before: () => undefined },
          },
        },
      },
    );
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    let looked = 0;
    for (let round = 0; round < 8; round += 1) {
      const answers = await inParallel(9, () => call(t, "verify-totp", pending, { code: "x" }));
      looked += answers["401 INVALID_CODE"] ?? 0;
    }
    assert.equal(looked, 5);
    const other = await givenPending(t, user);
    await call(t, "verify-totp", other, { code: codeOf(t, user) }).expect(200);
    assert.equal(seen.length, 3);
    await t.stop();
  });

  it("when the feature is off, then there is nothing of it", async () => {
    const t = await startApp();
    const { cookie } = await t.givenUser();
    assertRefusal(await call(t, "enable", cookie, { password }), [404, "NOT_FOUND"]);
    const session = await request(t.server).get("/auth/get-session").set("cookie", cookie);
    const { user } = session.body as { user: object };
    assert.equal("twoFactorEnabled" in user, false);
    await t.stop();
  });

  it("when options of Better Auth have no effect here, then one warning says so", async () => {
    const t = await startTwoFactorApp({ schema: {}, twoFactorTable: "second" });
    assert.deepEqual(t.logged, [
      "warn: twoFactor(): these options have no effect here: schema, twoFactorTable",
    ]);
    await t.stop();
  });

  it("when a policy names nobody, then a warning says so", async () => {
    const t = await startTwoFactorApp({ gracePeriod: 0, requiredFrom: new Date() });
    assert.deepEqual(t.logged, [
      "warn: twoFactor(): without required, requiredFrom, gracePeriod has no effect",
    ]);
    await t.stop();
    const other = await startTwoFactorApp({ required: () => true, gracePeriod: 0 });
    assert.deepEqual(other.logged, []);
    await other.stop();
    const empty = await startApp({ plugins: [twoFactor({ totpOptions: { disable: true } })] });
    assert.deepEqual(empty.logged, [
      "warn: twoFactor(): totpOptions.disable leaves no codes without otpOptions.sendOTP",
    ]);
    await empty.stop();
  });

  it("when one endpoint alone needs no password, then users without one are served by it", async () => {
    const t = await startTwoFactorApp({
      totpOptions: { allowPasswordless: true },
      backupCodeOptions: { allowPasswordless: true },
    });
    const { cookie, uri } = await givenEnrolled(t);
    await t.auth.models.Account.deleteMany({});
    await call(t, "get-totp-uri", cookie).expect(200, { totpURI: uri });
    await call(t, "generate-backup-codes", cookie).expect(200);
    assertRefusal(await call(t, "disable", cookie, { password }), [400, "INVALID_PASSWORD"]);
    await t.stop();
  });

  it("when users without a password need none, then a session alone does not replace their second factor", async () => {
    const t = await startTwoFactorApp({ allowPasswordless: true });
    const user = await givenEnrolled(t);
    const { cookie } = user;
    await t.auth.models.Account.deleteMany({});
    t.clock.advance(900);
    for (const path of ["disable", "enable", "get-totp-uri", "generate-backup-codes"]) {
      assertRefusal(await call(t, path, cookie), [403, "TWO_FACTOR_REQUIRED"]);
    }
    await call(t, "verify-totp", cookie, { code: codeOf(t, user) }).expect(200);
    await call(t, "disable", cookie).expect(200);
    await t.stop();
  });

  it("when requests are limited, then three in ten seconds", async () => {
    const t = await startTwoFactorApp({}, { rateLimit: { enabled: true } });
    const verify = () => request(t.server).post("/auth/two-factor/verify-totp").send({ code: "0" });
    for (let n = 0; n < 3; n += 1)
      assertRefusal(await verify(), [401, "INVALID_TWO_FACTOR_COOKIE"]);
    assertRefusal(await verify(), [429, "TOO_MANY_REQUESTS"]);
    await t.stop();
  });

  for (const [options, message] of [
    [{ totpOptions: { digits: 7 } }, "totpOptions.digits must be 6 or 8"],
    [{ otpOptions: { sendOTP: true } }, "otpOptions.sendOTP must be a function"],
    [{ trustDeviceMaxAge: 0 }, "trustDeviceMaxAge must be 1 or more"],
    [
      { backupCodeOptions: { amount: 1.5 } },
      "backupCodeOptions.amount must be a whole number of codes",
    ],
    [
      { otpOptions: { storeOTP: "md5" } },
      'otpOptions.storeOTP must be "hashed", "encrypted", "plain", { hash } or { encrypt, decrypt }',
    ],
    [{ otpOptions: null }, "otpOptions must be an object"],
    [{ trustDevices: true }, "trustDevices is not an option (docs/options.md lists them)"],
    [
      { totpOptions: { digit: 6 } },
      "totpOptions.digit is not an option (docs/options.md lists them)",
    ],
  ] as const) {
    it(`when the options are ${JSON.stringify(options)}, then it throws`, () => {
      const wrong = options as unknown as TwoFactorOptions;
      assert.throws(() => twoFactor(wrong), new TypeError(`twoFactor(): ${message}`));
    });
  }
});

/** `startApp` knows nothing of the features it is given. */
type Calls = ServerApi<ReturnType<typeof twoFactor>>;

describe("server calls", () => {
  it("when the server asks, then it gets the present code of a secret, and the codes of a user", async () => {
    const plugins = [twoFactor({ totpOptions: { period: 60 } })];
    const t = await startApp({ plugins });
    const api = t.auth.api as unknown as Calls;
    const user = await givenEnrolled(t);
    const { code } = await api.generateTOTP({ body: { secret: "12345678901234567890" } });
    assert.match(code, /^\d{6}$/);
    const { backupCodes, status } = await api.viewBackupCodes({ body: { userId: user.id } });
    assert.equal(status, true);
    assert.deepEqual(backupCodes, user.backupCodes);
    await assert.rejects(api.viewBackupCodes({ body: { userId: "nobody" } }), {
      status: 400,
      code: "BACKUP_CODES_NOT_ENABLED",
    });
    await changeRowOf(t, user, { backupCodes: "x" });
    await assert.rejects(api.viewBackupCodes({ body: { userId: user.id } }), {
      code: "INVALID_BACKUP_CODE",
    });
    for (const path of (twoFactor().serverCalls ?? []).flatMap(({ paths }) => paths)) {
      const answer = await request(t.server)
        .post(`/auth${path}`)
        .set("origin", TEST_ORIGIN)
        .send({ userId: user.id, secret: "x" });
      assertRefusal(answer, [404, "NOT_FOUND"]);
    }
    await t.stop();
  });

  it("when another user signs in while a sign-in waits in the browser, then it waits no more there", async () => {
    const t = await startTwoFactorApp();
    const pending = await givenPending(t, await givenEnrolled(t));
    const { email } = await t.givenUser();
    const answer = await signIn(t, { email, password }, pending).expect(200);
    assert.ok(setCookies(answer).some((one) => one.startsWith(`${PENDING_COOKIE}=; Max-Age=0`)));
    await t.stop();
  });

  it("when a page lists trusted browsers, then only the user's own, and each can be ended", async () => {
    const t = await startTwoFactorApp();
    const api = t.auth.api as unknown as Calls;
    const given = async () => {
      const user = await givenEnrolled(t);
      const pending = await givenPending(t, user);
      const body = { code: codeOf(t, user), trustDevice: true };
      const answer = await call(t, "verify-totp", pending, body)
        .set("user-agent", "Lantern/7")
        .expect(200);
      return { ...user, cookie: cookiesAfter(pending, answer) };
    };
    const [user, other] = [await given(), await given()];
    const headers = { cookie: user.cookie };
    const list = await api.listTrustedDevices({ headers });
    assert.deepEqual(
      list.map(({ userAgent }) => userAgent),
      ["Lantern/7"],
    );
    const id = list[0]?.id ?? "";
    await api.revokeTrustedDevice({ headers: { cookie: other.cookie }, body: { id } });
    assert.deepEqual(await api.listTrustedDevices({ headers }), list);
    await api.revokeTrustedDevice({ headers, body: { id } });
    assert.deepEqual(await api.listTrustedDevices({ headers }), []);
    const again = await signIn(t, { email: user.email, password }, user.cookie).expect(200);
    assert.equal((again.body as { twoFactorRedirect?: boolean }).twoFactorRedirect, true);
    await assert.rejects(api.listTrustedDevices(), { status: 401, code: "UNAUTHORIZED" });
    await t.stop();
  });
});
