import { z } from "zod";
import type { ActiveSession, AuthContext, Call } from "../../context.ts";
import { encrypt } from "../../crypto/cipher.ts";
import { totpURI } from "../../crypto/totp.ts";
import { randomToken } from "../../crypto/token.ts";
import { endpoint } from "../../endpoint.ts";
import { failCore, failures } from "../../errors.ts";
import { createId } from "../../models/id.ts";
import type { TwoFactor } from "../../models/two-factor.ts";
import { newBackupCodes } from "../../services/backup-codes.ts";
import { isDuplicateKey } from "../../services/database-errors.ts";
import { notTrue } from "../../services/filter.ts";
import {
  findTwoFactor,
  newSessionErrors,
  ownPasswordErrors,
  requireOwnPassword,
  switchTwoFactor,
  type TwoFactorRules,
} from "../../services/second-factor.ts";
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
      const { auth, active, body } = call;
      await requireOwnPassword(call, rules);
      if (body.method === "otp") {
        if (rules.otp.sendOTP === undefined) throw fail("OTP_NOT_CONFIGURED");
        await switchOn(call);
        return { method: "otp" as const };
      }
      if (rules.totp.disable) throw fail("TOTP_NOT_CONFIGURED");
      const secret = randomToken(SECRET_LENGTH, undefined, auth.config.randomBytes);
      const { codes, stored } = await newBackupCodes(auth, rules.backupCodes);
      const enrolment = {
        secret: await encrypt(secret, auth.keys.cipher, auth.config.randomBytes),
        backupCodes: stored,
        verified: rules.skipVerificationOnEnable,
      };
      const store = (transaction: Transaction) => enrol(call, enrolment, transaction);
      await (rules.skipVerificationOnEnable ? switchOn(call, store) : store(undefined));
      const issuer = body.issuer ?? rules.issuer ?? auth.config.appName;
      const uri = totpURI(secret, { issuer, account: active.user.email }, rules.totp);
      return { method: "totp" as const, totpURI: uri, backupCodes: codes };
    },
  });
}

async function switchOn(
  call: EnableCall,
  store?: (transaction: Transaction) => Promise<void>,
): Promise<void> {
  const ended = () => failCore("UNAUTHORIZED");
  await switchTwoFactor(call, { twoFactorEnabled: true }, ended, store);
}

/**
 * Stores a new authenticator, in place of one that no code has confirmed.
 *
 * @throws AuthError TOTP_ALREADY_ENABLED (400): a confirmed one is never replaced
 */
async function enrol(
  call: EnableCall,
  enrolment: Enrolment,
  transaction: Transaction,
): Promise<void> {
  const { auth, active } = call;
  const row = await findTwoFactor(auth, active.user._id, transaction);
  // Better Auth 1.4 writes no mark: there the user's own says whether a code has confirmed it.
  if (row !== null && (row.verified ?? active.user.twoFactorEnabled) === true) {
    throw fail("TOTP_ALREADY_ENABLED");
  }
  const isStored = await (row === null
    ? add(call, enrolment, transaction)
    : replace(auth, row, enrolment, transaction));
  if (!isStored) throw fail("TOTP_ALREADY_ENABLED");
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

/** @returns false when a code has confirmed it meanwhile, or a parallel call was first */
async function replace(
  { models }: AuthContext,
  { _id, secret }: TwoFactor,
  enrolment: Enrolment,
  transaction: Transaction,
): Promise<boolean> {
  const replaced = await models.TwoFactor.findOneAndUpdate(
    { _id, secret, verified: notTrue() },
    { $set: enrolment, $unset: { lastUsedStep: true } },
  )
    .session(transaction ?? null)
    .lean();
  return replaced !== null;
}
