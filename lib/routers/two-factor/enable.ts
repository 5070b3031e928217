import { z } from "zod";
import type { ActiveSession, AuthContext, Call } from "../../context.ts";
import { encrypt } from "../../crypto/cipher.ts";
import { randomToken } from "../../crypto/token.ts";
import { endpoint } from "../../endpoint.ts";
import { failCore, failures } from "../../errors.ts";
import { createId } from "../../models/id.ts";
import type { TwoFactor } from "../../models/two-factor.ts";
import { newBackupCodes } from "../../services/backup-codes.ts";
import { isDuplicateKey } from "../../services/database-errors.ts";
import { notTrue } from "../../services/filter.ts";
import {
  addressOf,
  findTwoFactor,
  isConfirmed,
  newSessionErrors,
  ownPasswordErrors,
  requireOwnPassword,
  type TwoFactorRules,
} from "../../services/second-factor.ts";
import { switchAuthenticatorOn, switchTwoFactor } from "../../services/second-factor-switch.ts";
import { insert, type Transaction } from "../../services/transaction.ts";
import { issuerField, passwordField } from "./schemas.ts";

const errors = {
  ...ownPasswordErrors,
  ...newSessionErrors,
  OTP_NOT_CONFIGURED: [400, "OTP is not available"],
  TOTP_NOT_CONFIGURED: [400, "TOTP is not available"],
  TOTP_ALREADY_ENABLED: [400, "TOTP is already enabled"],
} as const;
const fail = failures(errors);

/** Characters of a secret, as in Better Auth: 190 bits. */
const SECRET_LENGTH = 32;

const ended = () => failCore("UNAUTHORIZED");

type EnableCall = Call<ActiveSession>;
/** What a new authenticator is stored with. */
type Enrolment = Pick<TwoFactor, "secret" | "backupCodes"> & { readonly verified: boolean };

/** Made of the feature's rules. */
export function enableTwoFactor(rules: TwoFactorRules) {
  return endpoint("enableTwoFactor", {
    method: "POST",
    path: "/two-factor/enable",
    summary: "Set up a second factor for the caller",
    access: "session",
    beforeEnrolment: true,
    credentials: true,
    rateLimit: { window: 10, max: 3 },
    body: z.object({
      password: passwordField(rules),
      issuer: issuerField.optional().describe("Name of the app in the authenticator"),
      method: z.enum(["totp", "otp"]).default("totp"),
    }),
    response: z.discriminatedUnion("method", [
      z.object({
        method: z.literal("totp"),
        totpURI: z.string(),
        backupCodes: z.array(z.string()),
      }),
      z.object({ method: z.literal("otp") }),
    ]),
    errors,
    async handler(call) {
      const { auth, body } = call;
      await requireOwnPassword(call, rules, rules);
      if (body.method === "otp") {
        if (rules.otp.sendOTP === undefined) throw fail("OTP_NOT_CONFIGURED");
        await switchTwoFactor(call, { twoFactorEnabled: true }, ended);
        return { method: "otp" as const };
      }
      if (rules.totp.disable) throw fail("TOTP_NOT_CONFIGURED");
      // Before a session is taken that a refusal would have to give back.
      if (rules.skipVerificationOnEnable) await findUnconfirmed(call);
      const secret = randomToken(SECRET_LENGTH, undefined, auth.config.randomBytes);
      const { codes, stored } = await newBackupCodes(auth, rules.backupCodes);
      const enrolment = {
        secret: await encrypt(secret, auth.keys.cipher, auth.config.randomBytes),
        backupCodes: stored,
        verified: rules.skipVerificationOnEnable,
      };
      const store = (transaction: Transaction) => enrol(call, enrolment, transaction);
      if (rules.skipVerificationOnEnable) await switchAuthenticatorOn(call, {}, ended, store);
      else await store(undefined);
      const uri = addressOf(call, secret, rules, body.issuer);
      return { method: "totp" as const, totpURI: uri, backupCodes: codes };
    },
  });
}

/**
 * Stores a new authenticator, in place of one that no code has confirmed; of parallel calls, the last one counts.
 *
 * @throws AuthError TOTP_ALREADY_ENABLED (400): a confirmed one is never replaced
 */
async function enrol(
  call: EnableCall,
  enrolment: Enrolment,
  transaction: Transaction,
): Promise<void> {
  const row = await findUnconfirmed(call, transaction);
  if (row === null && (await add(call, enrolment, transaction))) return;
  // A parallel call may have added one.
  const there = row ?? (await findUnconfirmed(call, transaction));
  if (there !== null && (await replace(call.auth, there, enrolment, transaction))) return;
  throw fail("TOTP_ALREADY_ENABLED");
}

/** @throws AuthError TOTP_ALREADY_ENABLED (400) */
async function findUnconfirmed(
  { auth, active }: EnableCall,
  transaction?: Transaction,
): Promise<TwoFactor | null> {
  const row = await findTwoFactor(auth, active.user._id, transaction);
  if (row !== null && isConfirmed(row, active.user)) throw fail("TOTP_ALREADY_ENABLED");
  return row;
}

/** @returns false when a parallel call was first */
async function add(
  { auth, active }: EnableCall,
  enrolment: Enrolment,
  transaction: Transaction,
): Promise<boolean> {
  try {
    const row = { _id: createId(), userId: active.user._id, ...enrolment };
    await insert(auth.models.TwoFactor, row, transaction);
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/** @returns false when a code has confirmed it meanwhile */
async function replace(
  { models }: AuthContext,
  { _id }: TwoFactor,
  enrolment: Enrolment,
  transaction: Transaction,
): Promise<boolean> {
  const replaced = await models.TwoFactor.findOneAndUpdate(
    { _id, verified: notTrue() },
    { $set: enrolment, $unset: { lastUsedStep: true } },
  )
    .session(transaction ?? null)
    .lean();
  return replaced !== null;
}
