import type { z } from "zod";
import {
  Challenge,
  type ActiveSession,
  type AuthContext,
  type Call,
  type Proof,
  type SignInAttempt,
} from "../../context.ts";
import { failCore } from "../../errors.ts";
import type { KnownSession } from "../../models/session.ts";
import type { User } from "../../models/user.ts";
import { plugin } from "../../plugin.ts";
import { startPendingSignIn } from "../../services/pending-sign-in.ts";
import {
  findTwoFactor,
  requireRecentProof,
  type TwoFactorRules,
} from "../../services/second-factor.ts";
import { hasSecondFactor } from "../../services/session.ts";
import { useTrustedDevice } from "../../services/trusted-device.ts";
import { disableTwoFactor } from "./disable.ts";
import { enableTwoFactor } from "./enable.ts";
import { generateBackupCodes } from "./generate-backup-codes.ts";
import { generateTOTP } from "./generate-totp.ts";
import { getTOTPURI } from "./get-totp-uri.ts";
import { listTrustedDevices } from "./list-trusted-devices.ts";
import { revokeTrustedDevice } from "./revoke-trusted-device.ts";
import { challenged, createRules, warningsAbout, type TwoFactorOptions } from "./schemas.ts";
import { sendTwoFactorOTP } from "./send-otp.ts";
import { verifyBackupCode } from "./verify-backup-code.ts";
import { verifyTwoFactorOTP } from "./verify-otp.ts";
import { verifyTOTP } from "./verify-totp.ts";
import { viewBackupCodes } from "./view-backup-codes.ts";

export type { TwoFactorOptions } from "./schemas.ts";

/** Proofs that a second factor has to join: one factor each, checked here and not by a provider. */
const SINGLE_FACTORS: ReadonlySet<Proof> = new Set(["password", "passkey"]);

/**
 * A second factor: codes of an authenticator or sent ones, backup codes, trusted browsers. The options are Better Auth's.
 *
 * @throws TypeError naming the option that is wrong
 */
export function twoFactor(options: TwoFactorOptions = {}) {
  const rules = createRules(options);
  return plugin({
    id: "two-factor",
    models: ["User", "TwoFactor", "Verification"],
    exposes: { user: { twoFactorEnabled: false } },
    warnings: warningsAbout(options),
    endpoints: [
      enableTwoFactor(rules),
      disableTwoFactor(rules),
      getTOTPURI(rules),
      verifyTOTP(rules),
      sendTwoFactorOTP(rules),
      verifyTwoFactorOTP(rules),
      generateBackupCodes(rules),
      verifyBackupCode(rules),
    ],
    serverCalls: [
      generateTOTP(rules),
      viewBackupCodes(rules),
      listTrustedDevices,
      revokeTrustedDevice,
    ],
    extends: { signInEmail: { response: challenged }, signInUsername: { response: challenged } },
    hooks: {
      challengeSignIn: (call, user, attempt) => challenge(rules, call, user, attempt),
      requireEnrolment: (auth, active) => admit(rules, auth, active),
      requireSecondFactor: (auth, active) => {
        stepUp(rules, auth, active);
      },
    },
  });
}

async function challenge(
  rules: TwoFactorRules,
  call: Call,
  user: Readonly<User>,
  { proof, persistent }: SignInAttempt,
): Promise<Challenge | null> {
  if (!hasSecondFactor(user) || proof === "passkey-verified") return null;
  if (!SINGLE_FACTORS.has(proof) && !(await isRequired(rules, call.auth, user))) return null;
  if (await useTrustedDevice(call, user, rules.trustDeviceMaxAge)) return null;
  const row = await findTwoFactor(call.auth, user._id);
  const methods: z.input<typeof challenged>["twoFactorMethods"] = [];
  if (row !== null && row.verified !== false && !rules.totp.disable) methods.push("totp");
  if (rules.otp.sendOTP !== undefined) methods.push("otp");
  await startPendingSignIn(call, user, { persistent, expiresIn: rules.twoFactorCookieMaxAge });
  const body: z.input<typeof challenged> = { twoFactorRedirect: true, twoFactorMethods: methods };
  return new Challenge(body);
}

async function isRequired(
  { required }: TwoFactorRules,
  auth: AuthContext,
  user: Readonly<User>,
): Promise<boolean> {
  return required !== undefined && (await required({ ...auth.views.user(user) }));
}

/**
 * Whoever has to have a second factor, and none yet, uses the app only until the grace period is over. An administrator
 * who acts as such a user could not set one up, and is asked for their own; a passkey that verified its user is two
 * factors in one.
 *
 * @throws AuthError TWO_FACTOR_ENROLMENT_REQUIRED (403)
 */
async function admit(
  rules: TwoFactorRules,
  auth: AuthContext,
  active: ActiveSession,
): Promise<void> {
  const { user } = active;
  if (rules.required === undefined || hasSecondFactor(user)) return;
  // A row edited by hand may lack it.
  const made: unknown = user.createdAt;
  const createdAt = made instanceof Date ? made.getTime() : 0;
  const since = Math.max(createdAt, rules.requiredFrom?.getTime() ?? 0);
  if (auth.now().getTime() < since + rules.gracePeriod * 1000) return;
  if (!(await isRequired(rules, auth, user)) || (await isExempt(auth, active))) return;
  throw failCore("TWO_FACTOR_ENROLMENT_REQUIRED");
}

async function isExempt({ models }: AuthContext, active: ActiveSession): Promise<boolean> {
  if (active.shown === undefined) return isEnough(active.session, active.user);
  // The copy in the cookie does not tell, and may be older than what another browser has set up.
  const [session, user] = await Promise.all([
    models.Session.findOne({ _id: active.session._id }).lean(),
    models.User.findOne({ _id: active.user._id }).lean(),
  ]);
  return session !== null && user !== null && isEnough(session, user);
}

function isEnough(session: Readonly<KnownSession>, user: Readonly<User>): boolean {
  return hasSecondFactor(user) || session.userVerified === true || session.impersonatedBy != null;
}

/** @throws AuthError TWO_FACTOR_ENROLMENT_REQUIRED, TWO_FACTOR_REQUIRED (403) */
function stepUp(rules: TwoFactorRules, auth: AuthContext, active: ActiveSession): void {
  const { user, session } = active;
  if (!hasSecondFactor(user) && session.userVerified !== true) {
    throw failCore("TWO_FACTOR_ENROLMENT_REQUIRED");
  }
  requireRecentProof(auth, session, rules.stepUpMaxAge);
}
