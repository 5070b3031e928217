import { Challenge, type Call, type Proof, type SignInAttempt } from "../../context.ts";
import type { User } from "../../models/user.ts";
import { plugin } from "../../plugin.ts";
import { startPendingSignIn } from "../../services/pending-sign-in.ts";
import { findTwoFactor, type TwoFactorRules } from "../../services/second-factor.ts";
import { useTrustedDevice } from "../../services/trusted-device.ts";
import { disableTwoFactor } from "./disable.ts";
import { enableTwoFactor } from "./enable.ts";
import { generateBackupCodes } from "./generate-backup-codes.ts";
import { generateTOTP } from "./generate-totp.ts";
import { getTOTPURI } from "./get-totp-uri.ts";
import { createRules, type TwoFactorOptions } from "./schemas.ts";
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
    serverCalls: [generateTOTP(rules), viewBackupCodes(rules)],
    hooks: { challengeSignIn: (call, user, attempt) => challenge(rules, call, user, attempt) },
  });
}

async function challenge(
  rules: TwoFactorRules,
  call: Call,
  user: Readonly<User>,
  { proof, persistent }: SignInAttempt,
): Promise<Challenge | null> {
  if (user.twoFactorEnabled !== true || !SINGLE_FACTORS.has(proof)) return null;
  if (await useTrustedDevice(call, user, rules.trustDeviceMaxAge)) return null;
  const row = await findTwoFactor(call.auth, user._id);
  const methods = [
    ...(row !== null && row.verified !== false && !rules.totp.disable ? ["totp"] : []),
    ...(rules.otp.sendOTP === undefined ? [] : ["otp"]),
  ];
  await startPendingSignIn(call, user, { persistent, expiresIn: rules.twoFactorCookieMaxAge });
  return new Challenge({ twoFactorRedirect: true, twoFactorMethods: methods });
}
