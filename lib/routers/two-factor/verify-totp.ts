import type { ActiveSession, AuthContext, Call } from "../../context.ts";
import { findTotpStep } from "../../crypto/totp.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import type { TwoFactor } from "../../models/two-factor.ts";
import { notAtLeast } from "../../services/filter.ts";
import { isPending, type PendingCall } from "../../services/pending-sign-in.ts";
import {
  codeErrors,
  findTwoFactor,
  readSecret,
  type TwoFactorRules,
} from "../../services/second-factor.ts";
import {
  complete,
  switchAuthenticatorOn,
  type Verified,
} from "../../services/second-factor-switch.ts";
import { tryCode, type Tries } from "../../services/second-factor-tries.ts";
import { hasSecondFactor } from "../../services/session.ts";
import type { Transaction } from "../../services/transaction.ts";
import { codeBody, refusals, verified } from "./schemas.ts";

const errors = {
  ...codeErrors,
  INVALID_CODE: refusals.INVALID_CODE,
  TOTP_NOT_CONFIGURED: refusals.TOTP_NOT_CONFIGURED,
  TOTP_NOT_ENABLED: refusals.TOTP_NOT_ENABLED,
} as const;
const fail = failures(errors);

/** Made of the feature's rules. */
export function verifyTOTP(rules: TwoFactorRules) {
  return endpoint("verifyTOTP", {
    method: "POST",
    path: "/two-factor/verify-totp",
    summary: "Verify a code of an authenticator",
    access: "pending",
    credentials: true,
    rateLimit: { window: 10, max: 3 },
    body: codeBody,
    response: verified,
    errors,
    async handler(call) {
      const { auth, active, body } = call;
      if (rules.totp.disable) throw fail("TOTP_NOT_CONFIGURED");
      const row = await findTwoFactor(auth, active.user._id);
      if (row === null || (isPending(active) && row.verified === false)) {
        throw fail("TOTP_NOT_ENABLED");
      }
      const confirmed = await tryCode(call, row, rules, { perSignIn: true }, (tries) =>
        look(call, row, rules, tries),
      );
      return confirmed ?? complete(call, rules, { trustsDevice: body.trustDevice === true });
    },
  });
}

/** @returns null when the code is right; what is answered when it is the first, which switches the second factor on */
async function look(
  call: PendingCall<{ readonly code: string }>,
  row: TwoFactor,
  rules: TwoFactorRules,
  tries: Tries,
): Promise<Verified | null> {
  const { auth, active, body } = call;
  const step = await findStep(auth, row, body.code, rules);
  if (isUsed(row, step)) throw fail("INVALID_CODE");
  await tries.take();
  if (step === null) throw fail("INVALID_CODE");
  const isOn = hasSecondFactor(active.user) && row.verified !== false;
  try {
    if (!isPending(active) && !isOn) return await confirm({ ...call, active }, row, step);
    await useStep(auth, row, step);
    return null;
  } catch (error) {
    await tries.giveBack();
    throw error;
  }
}

async function findStep(
  auth: AuthContext,
  row: TwoFactor,
  code: string,
  { totp }: TwoFactorRules,
): Promise<number | null> {
  const secret = await readSecret(auth, row);
  return secret === null ? null : findTotpStep(code, secret, auth.now(), totp);
}

/** Known before it is counted: a code that was right once is no guess. */
function isUsed({ lastUsedStep }: TwoFactor, step: number | null): boolean {
  return step !== null && lastUsedStep != null && step <= lastUsedStep;
}

/** The first right code switches the second factor on. */
async function confirm(call: Call<ActiveSession>, row: TwoFactor, step: number): Promise<Verified> {
  const { auth } = call;
  const ended = () => fail("INVALID_TWO_FACTOR_COOKIE");
  const proven = { fields: { twoFactorVerifiedAt: auth.now() } };
  const { token, user } = await switchAuthenticatorOn(call, proven, ended, (transaction) =>
    useStep(auth, row, step, { verified: true }, transaction),
  );
  return { token, user: auth.views.user(user) };
}

/**
 * Takes a step that is later than the last one: of parallel calls, one does (RFC 6238 §5.2).
 *
 * @throws AuthError INVALID_CODE (401)
 */
async function useStep(
  { models }: AuthContext,
  { _id, secret }: TwoFactor,
  step: number,
  changes: Partial<TwoFactor> = {},
  transaction?: Transaction,
): Promise<void> {
  const used = await models.TwoFactor.findOneAndUpdate(
    { _id, secret, lastUsedStep: notAtLeast(step) },
    { $set: { ...changes, lastUsedStep: step } },
  )
    .session(transaction ?? null)
    .lean();
  if (used === null) throw fail("INVALID_CODE");
}
