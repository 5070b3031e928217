import type { ActiveSession, AuthContext, Call } from "../context.ts";
import { decrypt } from "../crypto/cipher.ts";
import { coreErrors, failCore, failures, type ErrorTable } from "../errors.ts";
import { referenceForms, type Id } from "../models/id.ts";
import type { KnownSession } from "../models/session.ts";
import type { TwoFactor } from "../models/two-factor.ts";
import type { User } from "../models/user.ts";
import type { UserLike } from "../options.ts";
import { unreadable, type BackupCodeRules } from "./backup-codes.ts";
import { totpURI, type TotpSettings } from "../crypto/totp.ts";
import { findCredential } from "./credential.ts";
import { anyOf } from "./filter.ts";
import { guardOwnPassword } from "./guess-guard.ts";
import type { OneTimeCodeRules } from "./one-time-code.ts";
import { matchesPassword, spendSameWork } from "./password.ts";
import { hasSecondFactor } from "./session.ts";
import type { Transaction } from "./transaction.ts";

/** What the options of the feature say. */
export interface TwoFactorRules {
  /** Undefined: the name of the app. */
  readonly issuer: string | undefined;
  readonly totp: TotpSettings & {
    readonly disable: boolean;
    readonly allowPasswordless: boolean;
  };
  readonly otp: OneTimeCodeRules;
  readonly backupCodes: BackupCodeRules;
  readonly skipVerificationOnEnable: boolean;
  /** Seconds. */
  readonly twoFactorCookieMaxAge: number;
  /** Seconds. */
  readonly trustDeviceMaxAge: number;
  readonly allowPasswordless: boolean;
  readonly required: ((user: UserLike) => boolean | Promise<boolean>) | undefined;
  readonly requiredFrom: Date | undefined;
  /** Seconds. */
  readonly gracePeriod: number;
  /** Seconds. */
  readonly stepUpMaxAge: number;
  readonly accountLockout: {
    readonly enabled: boolean;
    readonly maxFailedAttempts: number;
    readonly durationSeconds: number;
  };
}

/** Code of a wrong password. */
export const ownPasswordErrors = {
  INVALID_PASSWORD: [400, "Invalid password"],
  TWO_FACTOR_REQUIRED: coreErrors.TWO_FACTOR_REQUIRED,
} as const satisfies ErrorTable;

/** Code of a session that the database refuses. */
export const newSessionErrors = {
  FAILED_TO_CREATE_SESSION: [401, "Failed to create session"],
} as const satisfies ErrorTable;

/** Codes of every endpoint that looks at a code. */
export const codeErrors = {
  ...newSessionErrors,
  INVALID_TWO_FACTOR_COOKIE: coreErrors.INVALID_TWO_FACTOR_COOKIE,
  TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE: [400, "Too many attempts. Please request a new code."],
  ACCOUNT_TEMPORARILY_LOCKED: [
    429,
    "Too many failed verification attempts. Your account is temporarily locked. Please try again later.",
  ],
} as const satisfies ErrorTable;
const fail = failures({ ...codeErrors, ...ownPasswordErrors });

/** What a user's authenticators come from, also one that no code has confirmed yet; null without one. */
export async function findTwoFactor(
  auth: AuthContext,
  userId: Id,
  transaction?: Transaction,
): Promise<TwoFactor | null> {
  return auth.models.TwoFactor.findOne({ userId: anyOf(referenceForms(userId)) })
    .session(transaction ?? null)
    .lean();
}

/** Whether a code has confirmed it. Better Auth 1.4 writes no mark: there the user's own says it. */
export function isConfirmed({ verified }: TwoFactor, user: Readonly<User>): boolean {
  return verified ?? hasSecondFactor(user);
}

/** The secret of an authenticator; null, and a line in the log, when no configured secret decrypts it. */
export async function readSecret(
  auth: AuthContext,
  { secret, userId }: TwoFactor,
): Promise<string | null> {
  const text = await decrypt(secret, auth.keys.cipher);
  if (text === null) auth.log.error(unreadable("the authenticator", userId));
  return text;
}

/** What an authenticator reads: `otpauth://totp/…`, with the issuer that is given, else the feature's, else the app's name. */
export function addressOf(
  { auth, active }: Pick<Call<ActiveSession>, "auth" | "active">,
  secret: string,
  rules: Pick<TwoFactorRules, "issuer" | "totp">,
  issuer?: string,
): string {
  const name = [issuer, rules.issuer].find(Boolean) ?? auth.config.appName;
  return totpURI(secret, { issuer: name, account: active.user.email }, rules.totp);
}

/**
 * Asks for the caller's password. Where there is none and `allowPasswordless` asks for none, whoever has a second factor
 * has to have proven it lately: a session alone does not replace it.
 *
 * @throws AuthError INVALID_PASSWORD (400); TWO_FACTOR_REQUIRED (403)
 */
export async function requireOwnPassword(
  call: Call<ActiveSession, { readonly password?: string | undefined }>,
  { stepUpMaxAge }: Pick<TwoFactorRules, "stepUpMaxAge">,
  { allowPasswordless }: Pick<TwoFactorRules, "allowPasswordless">,
): Promise<void> {
  const { auth, active, body } = call;
  const stored = (await findCredential(auth, active.user._id))?.password ?? "";
  const { password } = body;
  if (stored === "") {
    if (allowPasswordless) {
      if (hasSecondFactor(active.user)) requireRecentProof(auth, active.session, stepUpMaxAge);
      return;
    }
    await spendSameWork(auth, password ?? "");
    throw fail("INVALID_PASSWORD");
  }
  if (password === undefined) throw fail("INVALID_PASSWORD");
  const matches = () => matchesPassword(auth, stored, password);
  if (!(await guardOwnPassword(call, matches))) throw fail("INVALID_PASSWORD");
}

/**
 * @param maxAge seconds
 * @throws AuthError TWO_FACTOR_REQUIRED (403)
 */
export function requireRecentProof(
  { now }: AuthContext,
  { twoFactorVerifiedAt }: Readonly<KnownSession>,
  maxAge: number,
): void {
  const provenAt = twoFactorVerifiedAt?.getTime() ?? 0;
  if (now().getTime() - provenAt >= maxAge * 1000) throw failCore("TWO_FACTOR_REQUIRED");
}
