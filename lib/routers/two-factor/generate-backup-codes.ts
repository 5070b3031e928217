import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import { referenceForms } from "../../models/id.ts";
import { newBackupCodes } from "../../services/backup-codes.ts";
import { anyOf } from "../../services/filter.ts";
import {
  ownPasswordErrors,
  requireOwnPassword,
  type TwoFactorRules,
} from "../../services/second-factor.ts";
import { hasSecondFactor } from "../../services/session.ts";
import { passwordField } from "./schemas.ts";

const errors = {
  ...ownPasswordErrors,
  TWO_FACTOR_NOT_ENABLED: [400, "Two factor isn't enabled"],
} as const;
const fail = failures(errors);

/** Made of the feature's rules. */
export function generateBackupCodes(rules: TwoFactorRules) {
  return endpoint("generateBackupCodes", {
    method: "POST",
    path: "/two-factor/generate-backup-codes",
    summary: "Replace the caller's backup codes",
    access: "session",
    credentials: true,
    rateLimit: { window: 10, max: 3 },
    body: z.object({ password: passwordField(rules.backupCodes) }),
    response: z.object({ status: z.literal(true), backupCodes: z.array(z.string()) }),
    errors,
    async handler(call) {
      const { auth, active } = call;
      await requireOwnPassword(call, rules, rules.backupCodes);
      if (!hasSecondFactor(active.user)) throw fail("TWO_FACTOR_NOT_ENABLED");
      const { codes, stored } = await newBackupCodes(auth, rules.backupCodes);
      const changed = await auth.models.TwoFactor.findOneAndUpdate(
        { userId: anyOf(referenceForms(active.user._id)) },
        { $set: { backupCodes: stored } },
      ).lean();
      if (changed === null) throw fail("TWO_FACTOR_NOT_ENABLED");
      return { status: true as const, backupCodes: codes };
    },
  });
}
