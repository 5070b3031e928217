import { z } from "zod";
import { totpCode, totpStep } from "../../crypto/totp.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import type { TwoFactorRules } from "../../services/second-factor.ts";
import { refusals } from "./schemas.ts";

const errors = { TOTP_NOT_CONFIGURED: refusals.TOTP_NOT_CONFIGURED } as const;
const fail = failures(errors);

/** Made of the feature's rules; without a route. */
export function generateTOTP(rules: TwoFactorRules) {
  return endpoint("generateTOTP", {
    method: "POST",
    path: "/two-factor/generate-totp",
    summary: "Make the present code of a secret",
    access: "server",
    body: z.object({ secret: z.string() }),
    response: z.object({ code: z.string() }),
    errors,
    async handler({ auth, body }) {
      if (rules.totp.disable) throw fail("TOTP_NOT_CONFIGURED");
      const step = totpStep(auth.now(), rules.totp);
      return { code: await totpCode(body.secret, step, rules.totp) };
    },
  });
}
