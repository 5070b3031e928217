import { z } from "zod";
import type { AuthContext } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import type { TwoFactor } from "../../models/two-factor.ts";
import { includesCode, readBackupCodes, storedCodes } from "../../services/backup-codes.ts";
import { isPending } from "../../services/pending-sign-in.ts";
import {
  codeErrors,
  findTwoFactor,
  isConfirmed,
  type TwoFactorRules,
} from "../../services/second-factor.ts";
import { complete } from "../../services/second-factor-switch.ts";
import { tryCode, type Tries } from "../../services/second-factor-tries.ts";
import { flag, publicUser } from "../core/schemas.ts";
import { codeBody, refusals } from "./schemas.ts";

const errors = {
  ...codeErrors,
  INVALID_BACKUP_CODE: [401, "Invalid backup code"],
  BACKUP_CODES_NOT_ENABLED: refusals.BACKUP_CODES_NOT_ENABLED,
  CONFLICT: [409, "Failed to verify backup code. Please try again."],
} as const;
const fail = failures(errors);

/** Made of the feature's rules. */
export function verifyBackupCode(rules: TwoFactorRules) {
  return endpoint("verifyBackupCode", {
    method: "POST",
    path: "/two-factor/verify-backup-code",
    summary: "Verify a backup code and use it up",
    access: "pending",
    credentials: true,
    rateLimit: { window: 10, max: 3 },
    body: codeBody.extend({
      disableSession: flag.optional().describe("Starts no session; the sign-in goes on waiting"),
    }),
    response: z.object({ token: z.string().optional(), user: publicUser }),
    errors,
    async handler(call) {
      const { auth, active, body } = call;
      const row = await findTwoFactor(auth, active.user._id);
      if (row === null || !isConfirmed(row, active.user)) throw fail("BACKUP_CODES_NOT_ENABLED");
      await tryCode(call, row, rules, { perSignIn: true }, (tries) =>
        useCode(auth, row, body.code, rules, tries),
      );
      if (body.disableSession === true && isPending(active)) {
        return { user: auth.views.user(active.user) };
      }
      return complete(call, rules, { trustsDevice: body.trustDevice === true });
    },
  });
}

/**
 * Uses a code up, only while the stored ones are those that were read.
 *
 * @throws AuthError INVALID_BACKUP_CODE (401); CONFLICT (409) when another call was first
 */
async function useCode(
  auth: AuthContext,
  row: TwoFactor,
  code: string,
  { backupCodes: rules }: TwoFactorRules,
  tries: Tries,
): Promise<void> {
  await tries.take();
  const codes = await readBackupCodes(auth, row, rules);
  if (codes === null || !includesCode(codes, code)) throw fail("INVALID_BACKUP_CODE");
  const others = codes.filter((other) => other !== code);
  const backupCodes = await storedCodes(auth, others, rules);
  const used = await auth.models.TwoFactor.findOneAndUpdate(
    { _id: row._id, backupCodes: row.backupCodes },
    { $set: { backupCodes } },
  ).lean();
  if (used !== null) return;
  await tries.giveBack();
  throw fail("CONFLICT");
}
