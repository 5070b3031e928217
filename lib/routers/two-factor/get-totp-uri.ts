import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import {
  addressOf,
  findTwoFactor,
  ownPasswordErrors,
  readSecret,
  requireOwnPassword,
  type TwoFactorRules,
} from "../../services/second-factor.ts";
import { refusals, passwordField } from "./schemas.ts";

const errors = {
  ...ownPasswordErrors,
  TOTP_NOT_CONFIGURED: refusals.TOTP_NOT_CONFIGURED,
  TOTP_NOT_ENABLED: refusals.TOTP_NOT_ENABLED,
} as const;
const fail = failures(errors);

/** Made of the feature's rules. */
export function getTOTPURI(rules: TwoFactorRules) {
  return endpoint("getTOTPURI", {
    method: "POST",
    path: "/two-factor/get-totp-uri",
    summary: "Show the address for the caller's authenticator",
    access: "session",
    beforeEnrolment: true,
    credentials: true,
    rateLimit: { window: 10, max: 3 },
    body: z.object({ password: passwordField(rules.totp) }),
    response: z.object({ totpURI: z.string() }),
    errors,
    async handler(call) {
      const { auth, active } = call;
      if (rules.totp.disable) throw fail("TOTP_NOT_CONFIGURED");
      await requireOwnPassword(call, rules, rules.totp);
      const row = await findTwoFactor(auth, active.user._id);
      if (row === null) throw fail("TOTP_NOT_ENABLED");
      const secret = await readSecret(auth, row);
      if (secret === null) throw fail("TOTP_NOT_ENABLED");
      return { totpURI: addressOf(call, secret, rules) };
    },
  });
}
