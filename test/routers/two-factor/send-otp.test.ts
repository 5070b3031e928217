import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { until } from "../../support/outbox.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { insertSession } from "../../support/sessions.ts";
import {
  call,
  cookiesAfter,
  givenPending,
  givenSentCodes,
  sendCode,
  startTwoFactorApp,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

describe("POST /two-factor/send-otp", () => {
  let t: TwoFactorApp;
  before(async () => {
    t = await startTwoFactorApp();
  });
  after(() => t.stop());

  it("when a sign-in waits, then six digits are sent to its user, and only a MAC is stored", async () => {
    const user = await givenSentCodes(t);
    const code = await sendCode(t, await givenPending(t, user));
    assert.match(code, /^\d{6}$/);
    assert.equal(t.sent.at(-1)?.email, user.email);
    const rows = await t.auth.models.Verification.find({}).lean();
    const stored = JSON.stringify(rows);
    assert.ok(!stored.includes(code));
    assert.ok(!stored.includes(createHash("sha256").update(code).digest("base64url")));
    assert.match(stored, /"2fa-otp-h1:[\w-]{43}","value":"[\w-]{43}:0"/);
  });

  it("when it is asked again, then the older code is void", async () => {
    const pending = await givenPending(t, await givenSentCodes(t));
    const first = await sendCode(t, pending);
    const second = await sendCode(t, pending);
    if (first !== second) {
      assertRefusal(await call(t, "verify-otp", pending, { code: first }), [401, "INVALID_CODE"]);
    }
    await call(t, "verify-otp", pending, { code: second }).expect(200);
  });

  it("when more than five are asked for in 15 minutes, then TOO_MANY_REQUESTS, until one of them was right", async () => {
    const own = await startTwoFactorApp(
      {},
      { rateLimit: { enabled: true, customRules: { "/**": false } } },
    );
    const pending = await givenPending(own, await givenSentCodes(own));
    for (let time = 0; time < 4; time += 1) await sendCode(own, pending);
    const code = await sendCode(own, pending);
    const refused = await call(own, "send-otp", pending);
    assertRefusal(refused, [429, "TOO_MANY_REQUESTS"]);
    assert.match(refused.get("retry-after") ?? "", /^(?:900|8\d\d)$/);
    assert.equal(own.sent.length, 5);
    const session = cookiesAfter(pending, await call(own, "verify-otp", pending, { code }));
    await sendCode(own, session);
    const others = await givenPending(own, await givenSentCodes(own));
    await sendCode(own, others);
    await own.stop();
  });

  it("when the session is impersonated, then SESSION_NOT_FRESH", async () => {
    const { id } = await t.givenUser();
    const { cookie } = await insertSession(t, id, { impersonatedBy: id });
    assertRefusal(await call(t, "send-otp", cookie), [403, "SESSION_NOT_FRESH"]);
  });

  it("when sending fails, then the answer is the same, and the log says so", async () => {
    const own = await startTwoFactorApp({
      otpOptions: { sendOTP: () => assert.fail("mail server down") },
    });
    const { cookie } = await own.givenUser();
    await call(own, "send-otp", cookie).expect(200, { status: true });
    await until(() => own.logged.length > 0, "nothing logged");
    assert.deepEqual(own.logged, ["error: twoFactor.otpOptions.sendOTP failed"]);
    await own.stop();
  });

  it("when nothing sends codes, then OTP_NOT_CONFIGURED", async () => {
    const own = await startTwoFactorApp({ otpOptions: { sendOTP: undefined } });
    const { cookie } = await own.givenUser();
    const answer = await call(own, "send-otp", cookie);
    assertRefusal(answer, [400, "OTP_NOT_CONFIGURED", "otp isn't configured"]);
    await own.stop();
  });
});
