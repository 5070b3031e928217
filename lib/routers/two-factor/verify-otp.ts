import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import { forgetCodes } from "../../services/mailbox-limit.ts";
import { checkCode } from "../../services/one-time-code.ts";
import { isPending } from "../../services/pending-sign-in.ts";
import { codeErrors, findTwoFactor, type TwoFactorRules } from "../../services/second-factor.ts";
import { complete, switchTwoFactor } from "../../services/second-factor-switch.ts";
import { tryCode } from "../../services/second-factor-tries.ts";
import { hasSecondFactor } from "../../services/session.ts";
import { codeBody, refusals, verified } from "./schemas.ts";

const errors = {
  ...codeErrors,
  INVALID_CODE: refusals.INVALID_CODE,
  OTP_HAS_EXPIRED: [400, "OTP has expired"],
} as const;
const fail = failures(errors);

/** What is answered, by how the code was received. */
const CODE_OF = {
  none: "OTP_HAS_EXPIRED",
  "too-many": "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE",
  wrong: "INVALID_CODE",
} as const;

/** Made of the feature's rules. */
export function verifyTwoFactorOTP(rules: TwoFactorRules) {
  return endpoint("verifyTwoFactorOTP", {
    method: "POST",
    path: "/two-factor/verify-otp",
    summary: "Verify a code that was sent",
    access: "pending",
    credentials: true,
    rateLimit: { window: 10, max: 3 },
    body: codeBody,
    response: verified,
    errors,
    async handler(call) {
      const { auth, active, body } = call;
      const row = await findTwoFactor(auth, active.user._id);
      await tryCode(call, row, rules, { perSignIn: false }, async (tries) => {
        const take = () => tries.take();
        const check = await checkCode(auth, active, body.code, rules.otp, take);
        if (check !== "right") throw fail(CODE_OF[check]);
      });
      await forgetCodes(auth, active.user.email);
      if (isPending(active) || hasSecondFactor(active.user)) {
        return complete(call, rules, { trustsDevice: body.trustDevice === true });
      }
      const ended = () => fail("INVALID_TWO_FACTOR_COOKIE");
      const on = { twoFactorEnabled: true, fields: { twoFactorVerifiedAt: auth.now() } };
      const { token, user } = await switchTwoFactor({ ...call, active }, on, ended);
      return { token, user: auth.views.user(user) };
    },
  });
}
