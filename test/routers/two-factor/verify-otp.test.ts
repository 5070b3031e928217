import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { symmetricEncrypt } from "better-auth/crypto";
import { setCookies, TEST_SECRET, type TestUser } from "../../support/app.ts";
import { hashToken } from "../../../lib/crypto/token.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { refuseRows } from "../../support/refuse-rows.ts";
import { countRows, insertSession } from "../../support/sessions.ts";
import { insertVerification } from "../../support/verifications.ts";
import {
  call,
  cookiesAfter,
  givenEnrolled,
  givenPending,
  givenSentCodes,
  otherThan,
  PENDING_COOKIE,
  rowOf,
  sendCode,
  startTwoFactorApp,
  userOf,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

const INVALID_CODE = [401, "INVALID_CODE", "Invalid code"] as const;
const EXPIRED = [400, "OTP_HAS_EXPIRED", "OTP has expired"] as const;
const INVALID_COOKIE = [401, "INVALID_TWO_FACTOR_COOKIE"] as const;
const TOO_MANY = [400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"] as const;
const LOCKED = [429, "ACCOUNT_TEMPORARILY_LOCKED"] as const;

const identifierOf = (pending: string) =>
  decodeURIComponent(pending.split(`${PENDING_COOKIE}=`)[1] ?? "").split(".")[0] ?? "";

describe("POST /two-factor/verify-otp", () => {
  let t: TwoFactorApp;
  let user: TestUser;
  let pending: string;
  before(async () => {
    t = await startTwoFactorApp();
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await givenSentCodes(t);
    pending = await givenPending(t, user);
  });
  const verify = (cookie: string, code: unknown) => call(t, "verify-otp", cookie, { code });

  it("when the code is right, then it signs in, and the code is used up", async () => {
    const code = await sendCode(t, pending);
    const answer = await verify(pending, code).expect(200);
    const cookies = cookiesAfter(pending, answer);
    assert.ok(!cookies.includes(PENDING_COOKIE));
    assert.equal(await userOf(t, cookies), user.id);
    assertRefusal(await verify(pending, code), INVALID_COOKIE);
  });

  it("when it is tried 50 times at once, then one session comes of it", async () => {
    const before = await countRows(t, user.id);
    const code = await sendCode(t, pending);
    const answers = await inParallel(50, () => verify(pending, code));
    assert.equal(answers["200"], 1, JSON.stringify(answers));
    assert.equal(answers["429 ACCOUNT_TEMPORARILY_LOCKED"], undefined, JSON.stringify(answers));
    assert.equal(await countRows(t, user.id), before + 1);
  });

  it("when five tries are wrong, then the sixth is refused whatever it is, and the code is gone", async () => {
    const code = await sendCode(t, pending);
    for (let n = 0; n < 5; n += 1)
      assertRefusal(await verify(pending, otherThan(code)), INVALID_CODE);
    assertRefusal(await verify(pending, code), TOO_MANY);
    assertRefusal(await verify(pending, code), EXPIRED);
    await verify(pending, await sendCode(t, pending)).expect(200);
  });

  it("when 50 wrong codes are tried at once, then no more than five are looked at", async () => {
    const code = await sendCode(t, pending);
    const answers = await inParallel(50, () => verify(pending, otherThan(code)));
    assert.ok((answers["401 INVALID_CODE"] ?? 0) <= 5, JSON.stringify(answers));
    assert.ok((answers["401 INVALID_CODE"] ?? 0) >= 1);
  });

  it("when no code was looked at, then no try counts for the account", async () => {
    for (let n = 0; n < 12; n += 1) assertRefusal(await verify(pending, "000000"), EXPIRED);
    for (const round of [1, 2]) {
      const code = await sendCode(t, pending);
      for (let n = 0; n < 5; n += 1) {
        assertRefusal(await verify(pending, otherThan(code)), INVALID_CODE);
      }
      if (round === 1) assertRefusal(await verify(pending, code), TOO_MANY);
    }
    assertRefusal(await verify(pending, await sendCode(t, pending)), LOCKED);
  });

  it("when the account is locked, then the code that waits is as it was", async () => {
    const other = await givenPending(t, user);
    const code = await sendCode(t, other);
    const identifier = `2fa-otp-${hashToken(identifierOf(other))}`;
    const stored = () => t.auth.models.Verification.findOne({ identifier }).lean();
    const before = await stored();
    for (let n = 0; n < 10; n += 1) {
      const wrong = n % 5 === 0 ? otherThan(await sendCode(t, pending)) : "wrong";
      await verify(pending, wrong).expect(401);
    }
    assertRefusal(await verify(other, code), LOCKED);
    assert.match(before?.value ?? "", /:0$/);
    const after = await stored();
    assert.deepEqual([after?.value, after?.expiresAt], [before?.value, before?.expiresAt]);
  });

  it("when ten codes are wrong, over however many that were sent, then the account is locked for a while", async () => {
    let code = "";
    for (let n = 0; n < 10; n += 1) {
      if (n % 5 === 0) code = await sendCode(t, pending);
      assertRefusal(await verify(pending, otherThan(code)), INVALID_CODE);
    }
    assertRefusal(await verify(pending, await sendCode(t, pending)), LOCKED);
    t.clock.advance(901);
    const later = await givenPending(t, user);
    await verify(later, await sendCode(t, later)).expect(200);
  });

  it("when the user has an authenticator, then the wrong codes count there", async () => {
    const enrolled = await givenEnrolled(t);
    const waiting = await givenPending(t, enrolled);
    const code = await sendCode(t, waiting);
    assertRefusal(await verify(waiting, otherThan(code)), INVALID_CODE);
    assert.equal((await rowOf(t, enrolled))?.failedVerificationCount, 1);
    await verify(waiting, code).expect(200);
    assert.equal((await rowOf(t, enrolled))?.failedVerificationCount, 0);
  });

  it("when the code is too old, or there is none, then OTP_HAS_EXPIRED", async () => {
    assertRefusal(await verify(pending, "000000"), EXPIRED);
    const code = await sendCode(t, pending);
    t.clock.advance(181);
    assertRefusal(await verify(pending, code), EXPIRED);
  });

  it("when a try was wrong, then the code lasts no longer for that", async () => {
    const code = await sendCode(t, pending);
    t.clock.advance(120);
    assertRefusal(await verify(pending, otherThan(code)), INVALID_CODE);
    t.clock.advance(61);
    assertRefusal(await verify(pending, code), EXPIRED);
  });

  it("when the code of someone else's sign-in is given, then it is refused", async () => {
    const theirs = await givenPending(t, await givenSentCodes(t));
    const code = await sendCode(t, theirs);
    assertRefusal(await verify(pending, code), EXPIRED);
  });

  for (const [what, change] of [
    ["empty", () => ""],
    ["cut short", (code: string) => code.slice(1)],
    ["behind a space", (code: string) => ` ${code}`],
    ["with a space in it", (code: string) => `${code.slice(0, 3)} ${code.slice(3)}`],
    ["with a letter behind", (code: string) => `${code}a`],
    ["with a digit behind", (code: string) => `${code}0`],
    ["of 9000 characters", (code: string) => code.repeat(1500)],
  ] as const) {
    it(`when the right code is ${what}, then INVALID_CODE`, async () => {
      const code = await sendCode(t, pending);
      assertRefusal(await verify(pending, change(code)), INVALID_CODE);
    });
  }

  for (const typed of [undefined, 123456, ["123456"], { $gt: "" }]) {
    it(`when the code is ${JSON.stringify(typed)}, then VALIDATION_ERROR`, async () => {
      assertRefusal(await verify(pending, typed), [400, "VALIDATION_ERROR"]);
    });
  }

  it("when someone signed in verifies one, then it is switched on, with a new session", async () => {
    const plain = await t.givenUser();
    const code = await sendCode(t, plain.cookie);
    const answer = await verify(plain.cookie, code).expect(200);
    const { token, user: shown } = answer.body as {
      token: string;
      user: { twoFactorEnabled: boolean };
    };
    assert.equal(shown.twoFactorEnabled, true);
    assert.notEqual(token, plain.token);
    assert.equal(await userOf(t, plain.cookie), null);
    assert.equal(await userOf(t, cookiesAfter(plain.cookie, answer)), plain.id);
  });

  it("when it is on already, then the session stays", async () => {
    const answer = await verify(user.cookie, await sendCode(t, user.cookie)).expect(200);
    assert.deepEqual(setCookies(answer), []);
    assert.equal(await userOf(t, user.cookie), user.id);
  });

  it("when the session is impersonated, then SESSION_NOT_FRESH", async () => {
    const { cookie } = await insertSession(t, user.id, { impersonatedBy: user.id });
    assertRefusal(await verify(cookie, "000000"), [403, "SESSION_NOT_FRESH"]);
  });

  it("when the database refuses the session, then FAILED_TO_CREATE_SESSION", async () => {
    const own = await startTwoFactorApp();
    const waiting = await givenPending(own, await givenSentCodes(own));
    const code = await sendCode(own, waiting);
    await refuseRows(own, "session");
    const answer = await call(own, "verify-otp", waiting, { code });
    assertRefusal(answer, [401, "FAILED_TO_CREATE_SESSION"]);
    await own.stop();
  });

  for (const [form, value] of [
    ["plain", () => "123456:0"],
    ["hashed", () => `${createHash("sha256").update("123456").digest("base64url")}:0`],
    ["encrypted", async () => `${await symmetricEncrypt({ key: TEST_SECRET, data: "123456" })}:0`],
  ] as const) {
    it(`when Better Auth left a code, ${form}, then it works`, async () => {
      const identifier = `2fa-otp-${identifierOf(pending)}`;
      await insertVerification(t, { identifier, value: await value() });
      assertRefusal(await verify(pending, "000000"), INVALID_CODE);
      await verify(pending, "123456").expect(200);
    });
  }

  for (const storeOTP of [
    "plain",
    "encrypted",
    { hash: (code: string) => `h${code}` },
    { encrypt: (code: string) => `e${code}`, decrypt: (stored: string) => stored.slice(1) },
  ] as const) {
    it(`when storeOTP is ${JSON.stringify(storeOTP)}, then codes work`, async () => {
      const own = await startTwoFactorApp({ otpOptions: { storeOTP, digits: 8, period: 1 } });
      const waiting = await givenPending(own, await givenSentCodes(own));
      const code = await sendCode(own, waiting);
      assert.match(code, /^\d{8}$/);
      assertRefusal(
        await call(own, "verify-otp", waiting, { code: otherThan(code) }),
        INVALID_CODE,
      );
      await call(own, "verify-otp", waiting, { code }).expect(200);
      await own.stop();
    });
  }
});
