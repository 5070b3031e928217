import type { ActiveSession, AuthContext, CounterRule, PendingSignIn, Taken } from "../context.ts";
import { hmacBase64url } from "../crypto/signature.ts";
import { failures, type AuthError } from "../errors.ts";
import { formatId } from "../models/id.ts";
import type { TwoFactor } from "../models/two-factor.ts";
import { atLeast, notAfter } from "./filter.ts";
import {
  beginAttempt,
  endPendingSignIn,
  isPending,
  type Attempt,
  type PendingCall,
} from "./pending-sign-in.ts";
import { codeErrors, type TwoFactorRules } from "./second-factor.ts";

const fail = failures(codeErrors);

/** Codes that one pending sign-in may get wrong. */
const ATTEMPTS_PER_SIGN_IN = 5;
/** Whoever is signed in gets as many times the tries of `accountLockout`, in as many times its duration. */
const SIGNED_IN_TRIES = 5;
const SIGNED_IN_WINDOWS = 4;

/** The count of an account's wrong codes, as the look at one code uses it. */
export interface Tries {
  /**
   * Counts this one, before it is told whether the code is right: of many at once no more are told than are allowed.
   *
   * @throws AuthError ACCOUNT_TEMPORARILY_LOCKED (429)
   */
  take(): Promise<void>;
  /** Counts it no more: the code was right, but of no use any more. */
  giveBack(): Promise<void>;
}

/**
 * Looks at a code. Wrong ones are counted per pending sign-in and per account; those of someone who is signed in, or who
 * has no authenticator, apart.
 *
 * @param perSignIn false: the code has a count of its own
 * @param look takes a try before it tells anything; throws when the code is wrong
 * @throws AuthError that of `look`; ACCOUNT_TEMPORARILY_LOCKED (429); TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE (400), which ends
 *   the sign-in; INVALID_TWO_FACTOR_COOKIE (401) while another code of the sign-in is being looked at
 */
export async function tryCode<T>(
  call: PendingCall,
  row: TwoFactor | null,
  rules: TwoFactorRules,
  { perSignIn }: { readonly perSignIn: boolean },
  look: (tries: Tries) => Promise<T>,
): Promise<T> {
  const { auth, active } = call;
  if (isPending(active)) refuseLocked(auth, row, rules);
  const attempt = isPending(active) && perSignIn ? await startAttempt(call, active) : null;
  const account = triesOfAccount(call, row, rules);
  let isWrong = false;
  const tries: Tries = {
    async take() {
      await account.take();
      isWrong = true;
    },
    async giveBack() {
      isWrong = false;
      await account.giveBack();
    },
  };
  try {
    const seen = await look(tries);
    isWrong = false;
    await forgetTries(call, row);
    return seen;
  } finally {
    await attempt?.settle({ isWrong });
  }
}

/** Whether no code of a sign-in is looked at for now. */
export function isLocked(
  auth: AuthContext,
  row: TwoFactor | null,
  { accountLockout }: TwoFactorRules,
): boolean {
  const lockedUntil = row?.lockedUntil ?? null;
  return accountLockout.enabled && lockedUntil !== null && lockedUntil > auth.now();
}

function refuseLocked(auth: AuthContext, row: TwoFactor | null, rules: TwoFactorRules): void {
  if (!isLocked(auth, row, rules)) return;
  const lockedUntil = row?.lockedUntil ?? auth.now();
  throw locked(lockedUntil.getTime() - auth.now().getTime());
}

async function startAttempt(call: PendingCall, pending: PendingSignIn): Promise<Attempt> {
  const attempt = await beginAttempt(call.auth, pending, ATTEMPTS_PER_SIGN_IN);
  if (attempt === "busy") throw fail("INVALID_TWO_FACTOR_COOKIE");
  if (attempt !== "spent") return attempt;
  await endPendingSignIn(call, pending);
  throw fail("TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE");
}

function triesOfAccount(
  { auth, active }: PendingCall,
  row: TwoFactor | null,
  { accountLockout }: TwoFactorRules,
): Tries {
  const { enabled, maxFailedAttempts: max, durationSeconds: window } = accountLockout;
  if (!enabled) return { take: () => Promise.resolve(), giveBack: () => Promise.resolve() };
  if (!isPending(active)) {
    return triesOfCounter(auth, tryKey(auth, active), {
      max: max * SIGNED_IN_TRIES,
      window: window * SIGNED_IN_WINDOWS,
    });
  }
  return row === null
    ? triesOfCounter(auth, tryKey(auth, active), { max, window })
    : triesOfRow(auth, row, { max, window });
}

function triesOfCounter({ counters }: AuthContext, key: string, rule: CounterRule): Tries {
  let taken: Taken | null = null;
  return {
    async take() {
      taken = await counters.take(key, rule);
      if (!taken.allowed) throw locked(taken.resetsInMs);
    },
    async giveBack() {
      if (taken !== null) await counters.giveBack(key, taken);
    },
  };
}

async function forgetTries({ auth, active }: PendingCall, row: TwoFactor | null): Promise<void> {
  await auth.counters.clear(tryKey(auth, active));
  if (row === null || !isPending(active)) return;
  const none = { failedVerificationCount: 0, lockedUntil: null };
  await auth.models.TwoFactor.updateOne({ _id: row._id }, { $set: none });
}

/** One conditional update each: of parallel tries, as many count as are allowed. */
function triesOfRow({ models, now }: AuthContext, { _id }: TwoFactor, rule: CounterRule): Tries {
  return {
    async take() {
      const until = new Date(now().getTime() + rule.window * 1000);
      const wasLocked = { $gt: ["$lockedUntil", null] };
      const before = { $cond: [wasLocked, 0, { $ifNull: ["$failedVerificationCount", 0] }] };
      const count = { $add: [before, 1] };
      const lockedUntil = { $cond: [{ $gte: [count, rule.max] }, until, null] };
      const counted = await models.TwoFactor.findOneAndUpdate(
        { _id, lockedUntil: notAfter(now()) },
        [{ $set: { failedVerificationCount: count, lockedUntil } }],
        { updatePipeline: true },
      ).lean();
      if (counted === null) throw locked(rule.window * 1000);
    },
    async giveBack() {
      await models.TwoFactor.updateOne(
        { _id, failedVerificationCount: atLeast(1) },
        { $inc: { failedVerificationCount: -1 }, $set: { lockedUntil: null } },
      );
    },
  };
}

function tryKey(auth: AuthContext, active: ActiveSession | PendingSignIn): string {
  const where = isPending(active) ? "sign-in" : "session";
  const who = `second-factor|${where}|${formatId(active.user._id)}`;
  return `second-factor|${hmacBase64url(who, auth.keys.signing[0])}`;
}

function locked(resetsInMs: number): AuthError {
  const headers = { "Retry-After": String(Math.max(1, Math.ceil(resetsInMs / 1000))) };
  return fail("ACCOUNT_TEMPORARILY_LOCKED", { headers });
}
