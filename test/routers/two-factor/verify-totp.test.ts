import assert from "node:assert/strict";
import request from "supertest";
import { setCookies, TEST_PASSWORD, type TestUser } from "../../support/app.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { refuseRows } from "../../support/refuse-rows.ts";
import { countRows, insertSession, signedCookie, tampered } from "../../support/sessions.ts";
import { findVerifications } from "../../support/verifications.ts";
import {
  call,
  changeRowOf,
  codeOf,
  cookiesAfter,
  givenEnrolled,
  givenPending,
  PENDING_COOKIE,
  rowOf,
  startTwoFactorApp,
  STEP,
  userOf,
  wrongCode,
  type EnrolledUser,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

interface Verified {
  readonly token: string;
  readonly user: { readonly id: string; readonly twoFactorEnabled: boolean };
}

const password = TEST_PASSWORD;
const INVALID_CODE = [401, "INVALID_CODE", "Invalid code"] as const;
const INVALID_COOKIE = [401, "INVALID_TWO_FACTOR_COOKIE", "Invalid two factor cookie"] as const;
const TOO_MANY = [
  400,
  "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE",
  "Too many attempts. Please request a new code.",
] as const;
const LOCKED = [429, "ACCOUNT_TEMPORARILY_LOCKED"] as const;

describe("POST /two-factor/verify-totp", () => {
  let t: TwoFactorApp;
  before(async () => {
    t = await startTwoFactorApp();
  });
  after(() => t.stop());
  const verify = (cookie: string, body: object) => call(t, "verify-totp", cookie, body);

  describe("given an authenticator that no code has confirmed", () => {
    let user: TestUser & { readonly uri: string };
    beforeEach(async () => {
      const known = await t.givenUser();
      const enabled = await call(t, "enable", known.cookie, { password }).expect(200);
      user = { ...known, uri: (enabled.body as { totpURI: string }).totpURI };
    });

    it("when the code is right, then it is on, and a new session takes the place of the old one", async () => {
      const answer = await verify(user.cookie, { code: codeOf(t, user) }).expect(200);
      const { token, user: shown } = answer.body as Verified;
      assert.deepEqual([shown.id, shown.twoFactorEnabled], [user.id, true]);
      assert.notEqual(token, user.token);
      assert.equal(answer.get("set-auth-token")?.startsWith(`${token}.`), true);
      assert.equal(await userOf(t, user.cookie), null);
      assert.equal(await userOf(t, cookiesAfter(user.cookie, answer)), user.id);
      assert.equal((await rowOf(t, user))?.verified, true);
      assert.equal(await countRows(t, user.id), 1);
    });

    it("when the same code is tried 50 times at once, then it counts once", async () => {
      const code = codeOf(t, user);
      const answers = await inParallel(50, () => verify(user.cookie, { code }));
      assert.equal(answers["200"], 1, JSON.stringify(answers));
      assert.equal(answers["429 ACCOUNT_TEMPORARILY_LOCKED"], undefined, JSON.stringify(answers));
      assert.equal(await countRows(t, user.id), 1);
    });

    it("when the code is wrong 50 times, then the next one is not looked at for an hour", async () => {
      const wrong = wrongCode(t, user);
      const answers = await inParallel(60, () => verify(user.cookie, { code: wrong }));
      assert.deepEqual(answers, { "401 INVALID_CODE": 50, "429 ACCOUNT_TEMPORARILY_LOCKED": 10 });
      assertRefusal(await verify(user.cookie, { code: codeOf(t, user) }), LOCKED);
      t.clock.advance(3601);
      await verify(user.cookie, { code: codeOf(t, user) }).expect(200);
    });

    it("when the session was made by an admin who impersonates, then SESSION_NOT_FRESH", async () => {
      const { cookie } = await insertSession(t, user.id, { impersonatedBy: user.id });
      assertRefusal(await verify(cookie, { code: codeOf(t, user) }), [403, "SESSION_NOT_FRESH"]);
    });

    it("when its user signs in, then no code is asked for", async () => {
      const { token } = await t.givenSession(user);
      assert.equal(typeof token, "string");
    });
  });

  describe("given a pending sign-in", () => {
    let user: EnrolledUser;
    let pending: string;
    beforeEach(async () => {
      user = await givenEnrolled(t);
      pending = await givenPending(t, user);
    });

    /** Seconds that the newest session lasts. */
    async function newestLife(): Promise<number> {
      const row = await t.auth.models.Session.findOne({}).sort({ _id: -1 }).lean();
      return ((row?.expiresAt.getTime() ?? 0) - (row?.createdAt.getTime() ?? 0)) / 1000;
    }

    it("when the code is right, then it signs in, and the cookie of the wait is cleared", async () => {
      const answer = await verify(pending, { code: codeOf(t, user) }).expect(200);
      const { token, user: shown, ...rest } = answer.body as Verified;
      assert.deepEqual([shown.id, shown.twoFactorEnabled, rest], [user.id, true, {}]);
      const cookies = cookiesAfter(pending, answer);
      assert.ok(!cookies.includes(PENDING_COOKIE));
      assert.equal(await userOf(t, cookies), user.id);
      assert.equal(answer.get("set-auth-token")?.startsWith(`${token}.`), true);
      assertRefusal(await verify(pending, { code: codeOf(t, user, 1) }), INVALID_COOKIE);
    });

    it("when a client has no cookies, then the value as Bearer does as well", async () => {
      const value = decodeURIComponent(pending.split(`${PENDING_COOKIE}=`)[1] ?? "");
      const answer = await request(t.server)
        .post("/auth/two-factor/verify-totp")
        .set("authorization", `Bearer ${value}`)
        .send({ code: codeOf(t, user) })
        .expect(200);
      assert.equal((answer.body as Verified).user.id, user.id);
    });

    it("when such a client is not to be remembered, then neither is its session", async () => {
      const forgetful = await givenPending(t, user, { rememberMe: false });
      const value = /two_factor=([^;]+)/.exec(forgetful)?.[1] ?? "";
      await request(t.server)
        .post("/auth/two-factor/verify-totp")
        .set("authorization", `Bearer ${value}`)
        .send({ code: codeOf(t, user) })
        .expect(200);
      assert.equal(await newestLife(), 86_400);
    });

    it("when the browser is not to remember, then the session ends with it", async () => {
      const forgetful = await givenPending(t, user, { rememberMe: false });
      const answer = await verify(forgetful, { code: codeOf(t, user) }).expect(200);
      const [line = ""] = setCookies(answer).filter((one) => one.includes("session-token"));
      assert.doesNotMatch(line, /Max-Age/);
      assert.equal(await newestLife(), 86_400);
    });

    for (const [steps, isTaken] of [
      [-2, false],
      [-1, true],
      [1, true],
      [2, false],
    ] as const) {
      it(`when the clock is ${steps} steps away, then the code is ${isTaken ? "taken" : "refused"}`, async () => {
        t.clock.advance(3 * STEP);
        const answer = await verify(pending, { code: codeOf(t, user, steps) });
        if (isTaken) assert.equal(answer.status, 200);
        else assertRefusal(answer, INVALID_CODE);
      });
    }

    it("when a code was used, then it is refused in another sign-in, and so is an older one", async () => {
      t.clock.advance(STEP);
      const code = codeOf(t, user);
      const older = codeOf(t, user, -1);
      await verify(pending, { code }).expect(200);
      const other = await givenPending(t, user);
      assertRefusal(await verify(other, { code }), INVALID_CODE);
      assertRefusal(await verify(other, { code: older }), INVALID_CODE);
      t.clock.advance(STEP);
      await verify(other, { code: codeOf(t, user) }).expect(200);
    });

    it("when the code that confirmed the authenticator is used again, then it is refused", async () => {
      const own = await t.givenUser();
      const enabled = await call(t, "enable", own.cookie, { password });
      const code = codeOf(t, { uri: (enabled.body as { totpURI: string }).totpURI });
      await verify(own.cookie, { code }).expect(200);
      assertRefusal(await verify(await givenPending(t, own), { code }), INVALID_CODE);
    });

    it("when one code is tried in 50 sign-ins at once, then one session comes of it", async () => {
      const all = await Promise.all(Array.from({ length: 9 }, () => givenPending(t, user)));
      const before = await countRows(t, user.id);
      const code = codeOf(t, user);
      const answers = await inParallel(50, (n) => verify(all[n % 9] ?? "", { code }));
      assert.equal(answers["200"], 1, JSON.stringify(answers));
      assert.equal(await countRows(t, user.id), before + 1);
    });

    for (const typed of ["000 000", " 000000", "00000", "0000000", "abcdef", "", "٠٠٠٠٠٠"]) {
      it(`when the code is ${JSON.stringify(typed)}, then INVALID_CODE`, async () => {
        assertRefusal(await verify(pending, { code: typed }), INVALID_CODE);
      });
    }

    for (const code of [undefined, null, 123456, ["123456"], { $ne: "" }]) {
      it(`when the code is ${JSON.stringify(code)}, then VALIDATION_ERROR`, async () => {
        assertRefusal(await verify(pending, { code }), [400, "VALIDATION_ERROR"]);
      });
    }

    it("when five codes are wrong, then the sixth ends the sign-in", async () => {
      const wrong = wrongCode(t, user);
      for (let n = 0; n < 5; n += 1) {
        assertRefusal(await verify(pending, { code: wrong }), INVALID_CODE);
      }
      const answer = await verify(pending, { code: codeOf(t, user) });
      assertRefusal(answer, TOO_MANY);
      assert.ok(!cookiesAfter(pending, answer).includes(PENDING_COOKIE));
      assertRefusal(await verify(pending, { code: codeOf(t, user) }), INVALID_COOKIE);
      assert.deepEqual(await findVerifications(t, user.id, "2fa-"), []);
    });

    it("when 50 codes are guessed at once, again and again, then five are looked at", async () => {
      const wrong = wrongCode(t, user);
      let looked = 0;
      for (let round = 0; round < 8; round += 1) {
        const answers = await inParallel(50, () => verify(pending, { code: wrong }));
        looked += answers["401 INVALID_CODE"] ?? 0;
      }
      assert.equal(looked, 5);
      assert.equal((await rowOf(t, user))?.failedVerificationCount, 5);
    });

    it("when the right code is sent 50 times at once, then one session comes of it", async () => {
      const before = await countRows(t, user.id);
      const code = codeOf(t, user);
      const answers = await inParallel(50, () => verify(pending, { code }));
      assert.equal(answers["200"], 1, JSON.stringify(answers));
      assert.equal(await countRows(t, user.id), before + 1);
    });

    it("when 50 codes are guessed at once in many sign-ins, then ten are looked at, and the account is locked", async () => {
      const all = await Promise.all(Array.from({ length: 50 }, () => givenPending(t, user)));
      const wrong = wrongCode(t, user);
      const answers = await inParallel(50, (n) => verify(all[n] ?? "", { code: wrong }));
      assert.deepEqual(answers, { "401 INVALID_CODE": 10, "429 ACCOUNT_TEMPORARILY_LOCKED": 40 });
      const locked = await verify(pending, { code: codeOf(t, user) });
      assertRefusal(locked, LOCKED);
      assert.match(locked.get("retry-after") ?? "", /^(?:900|89\d)$/);
      t.clock.advance(901);
      const later = await givenPending(t, user);
      await verify(later, { code: codeOf(t, user) }).expect(200);
      const { failedVerificationCount, lockedUntil } = (await rowOf(t, user)) ?? {};
      assert.deepEqual([failedVerificationCount, lockedUntil], [0, null]);
    });

    it("when the lock is over and the next code is wrong, then counting starts anew", async () => {
      const lockedUntil = new Date(t.clock.now().getTime() - 1);
      await changeRowOf(t, user, { failedVerificationCount: 10, lockedUntil });
      assertRefusal(await verify(pending, { code: wrongCode(t, user) }), INVALID_CODE);
      assert.equal((await rowOf(t, user))?.failedVerificationCount, 1);
    });

    it("when the password is changed meanwhile, then the sign-in is over", async () => {
      const session = await insertSession(t, user.id);
      await request(t.server)
        .post("/auth/change-password")
        .set({ cookie: session.cookie, origin: "http://app.test" })
        .send({ currentPassword: password, newPassword: "Harbour-9-violet" })
        .expect(200);
      assertRefusal(await verify(pending, { code: codeOf(t, user) }), INVALID_COOKIE);
    });

    it("when the user is banned meanwhile, then BANNED_USER and no session", async () => {
      const before = await countRows(t, user.id);
      await t.auth.models.User.updateOne({ email: user.email }, { banned: true });
      assertRefusal(await verify(pending, { code: codeOf(t, user) }), [403, "BANNED_USER"]);
      assert.equal(await countRows(t, user.id), before);
    });

    it("when the wait is too long, then INVALID_TWO_FACTOR_COOKIE", async () => {
      t.clock.advance(601);
      assertRefusal(await verify(pending, { code: codeOf(t, user) }), INVALID_COOKIE);
    });

    it("when the user is gone, then INVALID_TWO_FACTOR_COOKIE", async () => {
      await t.auth.models.User.deleteOne({ email: user.email });
      assertRefusal(await verify(pending, { code: codeOf(t, user) }), INVALID_COOKIE);
    });

    for (const [what, cookie] of [
      ["no cookie", () => ""],
      [
        "a bad signature",
        () => `${PENDING_COOKIE}=${encodeURIComponent(tampered("2fa-" + "a".repeat(20)))}`,
      ],
      ["an unknown wait", () => signedCookie(PENDING_COOKIE, "2fa-" + "a".repeat(20))],
      ["no signature", () => decodeURIComponent(pending).replace(/\.[^.]*$/, "")],
      ["the signed stored form", () => signedCookie(PENDING_COOKIE, "2fa-h1:" + "a".repeat(43))],
      ["another signed value", () => signedCookie(PENDING_COOKIE, user.token)],
    ] as const) {
      it(`when ${what} is presented, then INVALID_TWO_FACTOR_COOKIE`, async () => {
        const answer = await verify(cookie(), { code: codeOf(t, user) });
        assertRefusal(answer, INVALID_COOKIE);
      });
    }

    it("when it is someone else's wait, then the code of this user is wrong there", async () => {
      const other = await givenEnrolled(t);
      const theirs = await givenPending(t, other);
      assertRefusal(await verify(theirs, { code: codeOf(t, user) }), INVALID_CODE);
    });

    it("when the authenticator is not confirmed, or gone, then TOTP_NOT_ENABLED", async () => {
      await changeRowOf(t, user, { verified: false });
      const answer = await verify(pending, { code: codeOf(t, user) });
      assertRefusal(answer, [400, "TOTP_NOT_ENABLED", "TOTP not enabled"]);
      await t.auth.models.TwoFactor.deleteMany({});
      assertRefusal(await verify(pending, { code: codeOf(t, user) }), [400, "TOTP_NOT_ENABLED"]);
    });

    it("when no secret fits the stored one, then INVALID_CODE, and a line in the log", async () => {
      await changeRowOf(t, user, { secret: "ab".repeat(80) });
      t.logged.splice(0);
      assertRefusal(await verify(pending, { code: codeOf(t, user) }), INVALID_CODE);
      assert.deepEqual(t.logged, [
        `error: the authenticator of user ${user.id} cannot be read: add the secret that encrypted it to \`secrets\``,
      ]);
    });
  });

  it("when a session verifies one code 50 times at once, then it counts once, and nothing is locked", async () => {
    const user = await givenEnrolled(t);
    const code = codeOf(t, user);
    const answers = await inParallel(50, () => verify(user.cookie, { code }));
    assert.deepEqual(answers, { "200": 1, "401 INVALID_CODE": 49 });
    const wrong = await inParallel(50, () => verify(user.cookie, { code: wrongCode(t, user) }));
    assert.deepEqual(wrong, { "401 INVALID_CODE": 50 });
  });

  it("when a session has its authenticator already, then its own token is answered, and the step counts", async () => {
    const user = await givenEnrolled(t);
    const code = codeOf(t, user);
    const answer = await verify(user.cookie, { code }).expect(200);
    assert.equal((answer.body as Verified).token, user.token);
    assert.deepEqual(setCookies(answer), []);
    assertRefusal(await verify(user.cookie, { code }), INVALID_CODE);
  });

  it("when the database refuses the session, then FAILED_TO_CREATE_SESSION, and the wait goes on", async () => {
    const own = await startTwoFactorApp();
    const user = await givenEnrolled(own);
    const pending = await givenPending(own, user);
    await refuseRows(own, "session");
    const refused = await call(own, "verify-totp", pending, { code: codeOf(own, user) });
    assertRefusal(refused, [401, "FAILED_TO_CREATE_SESSION"]);
    await own.stop();
  });

  it("when authenticators are off, then TOTP_NOT_CONFIGURED", async () => {
    const own = await startTwoFactorApp({ totpOptions: { disable: true } });
    const { cookie } = await own.givenUser();
    const answer = await call(own, "verify-totp", cookie, { code: "000000" });
    assertRefusal(answer, [400, "TOTP_NOT_CONFIGURED", "totp isn't configured"]);
    await own.stop();
  });
});
