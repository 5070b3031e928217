import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import { runInBackground } from "../../services/background.ts";
import { fetchRequest } from "../../services/fetch-request.ts";
import { issueCode } from "../../services/one-time-code.ts";
import { limitCodes } from "../../services/mailbox-limit.ts";
import { isPending } from "../../services/pending-sign-in.ts";
import { findTwoFactor, type TwoFactorRules } from "../../services/second-factor.ts";
import { isLocked } from "../../services/second-factor-tries.ts";
import { done } from "../core/schemas.ts";
import { refusals } from "./schemas.ts";

const errors = { OTP_NOT_CONFIGURED: refusals.OTP_NOT_CONFIGURED } as const;
const fail = failures(errors);

/** Made of the feature's rules. */
export function sendTwoFactorOTP(rules: TwoFactorRules) {
  return endpoint("sendTwoFactorOTP", {
    method: "POST",
    path: "/two-factor/send-otp",
    summary: "Send a code to the user",
    access: "pending",
    credentials: true,
    rateLimit: { window: 10, max: 3 },
    response: done,
    errors,
    async handler({ auth, active, request }) {
      const { sendOTP } = rules.otp;
      if (sendOTP === undefined) throw fail("OTP_NOT_CONFIGURED");
      // A code that would not be looked at is not sent.
      const row = isPending(active) ? await findTwoFactor(auth, active.user._id) : null;
      if (isLocked(auth, row, rules)) return { status: true as const };
      await limitCodes(auth, active.user.email);
      const otp = await issueCode(auth, active, rules.otp);
      const user = { ...auth.views.user(active.user) };
      runInBackground(auth, "twoFactor.otpOptions.sendOTP", async () => {
        await sendOTP({ user, otp }, fetchRequest(request));
      });
      return { status: true as const };
    },
  });
}
