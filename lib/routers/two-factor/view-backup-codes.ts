import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import { parseId } from "../../models/id.ts";
import { readBackupCodes } from "../../services/backup-codes.ts";
import { findTwoFactor, type TwoFactorRules } from "../../services/second-factor.ts";
import { refusals } from "./schemas.ts";

const errors = {
  BACKUP_CODES_NOT_ENABLED: refusals.BACKUP_CODES_NOT_ENABLED,
  INVALID_BACKUP_CODE: [400, "Invalid backup code"],
} as const;
const fail = failures(errors);

/** Made of the feature's rules; without a route. */
export function viewBackupCodes(rules: TwoFactorRules) {
  return endpoint("viewBackupCodes", {
    method: "POST",
    path: "/two-factor/view-backup-codes",
    summary: "Show the backup codes of a user",
    access: "server",
    body: z.object({ userId: z.string() }),
    response: z.object({ status: z.literal(true), backupCodes: z.array(z.string()) }),
    errors,
    async handler({ auth, body }) {
      const userId = parseId(body.userId);
      const row = userId === null ? null : await findTwoFactor(auth, userId);
      if (row === null) throw fail("BACKUP_CODES_NOT_ENABLED");
      const codes = await readBackupCodes(auth, row, rules.backupCodes);
      if (codes === null) throw fail("INVALID_BACKUP_CODE");
      return { status: true as const, backupCodes: [...codes] };
    },
  });
}
