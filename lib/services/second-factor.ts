import type {
  ActiveSession,
  AuthContext,
  Call,
  CounterRule,
  PendingSignIn,
  Taken,
} from "../context.ts";
import { decrypt } from "../crypto/cipher.ts";
import { hmacBase64url } from "../crypto/signature.ts";
import type { TotpSettings } from "../crypto/totp.ts";
import { coreErrors, failCore, failures, type AuthError, type ErrorTable } from "../errors.ts";
import { formatId, referenceForms, type Id } from "../models/id.ts";
import type { KnownSession, Session } from "../models/session.ts";
import type { TwoFactor } from "../models/two-factor.ts";
import type { User } from "../models/user.ts";
import type { UserLike } from "../options.ts";
import type { UserView } from "../views.ts";
import { unreadable, type BackupCodeRules } from "./backup-codes.ts";
import { changeRow, deleteRow } from "./changes.ts";
import { clearCookie } from "./cookies.ts";
import { credentialMark, findCredential, isCurrentMark } from "./credential.ts";
import { anyOf, atLeast, notAfter } from "./filter.ts";
import { guardOwnPassword } from "./guess-guard.ts";
import type { OneTimeCodeRules } from "./one-time-code.ts";
import { matchesPassword, spendSameWork } from "./password.ts";
import {
  beginAttempt,
  consumePendingSignIn,
  endPendingSignIn,
  isPending,
  type Attempt,
  type PendingCall,
} from "./pending-sign-in.ts";
import { createSession, isBanned, SessionRefused, setSessionCookies } from "./session.ts";
import { inTransaction, type Transaction } from "./transaction.ts";
import { trustDevice } from "./trusted-device.ts";
import { findUserById, updateUser } from "./user.ts";
import { deleteVerifications, TRUSTED_DEVICE } from "./verification.ts";

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

/** Codes that one pending sign-in may get wrong. */
const ATTEMPTS_PER_SIGN_IN = 5;
/** Whoever is signed in gets as many times the tries of `accountLockout`, in as many times its duration. */
const SIGNED_IN_TRIES = 5;
const SIGNED_IN_WINDOWS = 4;

/** Code of a wrong password. */
export const ownPasswordErrors = {
  INVALID_PASSWORD: [400, "Invalid password"],
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

/** The authenticator of a user; null without one. */
export async function findTwoFactor(
  auth: AuthContext,
  userId: Id,
  transaction?: Transaction,
): Promise<TwoFactor | null> {
  return auth.models.TwoFactor.findOne({ userId: anyOf(referenceForms(userId)) })
    .session(transaction ?? null)
    .lean();
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

/**
 * Asks for the caller's password, where they have one.
 *
 * @throws AuthError INVALID_PASSWORD (400); without a password too, unless `allowPasswordless`
 */
export async function requireOwnPassword(
  call: Call<ActiveSession, { readonly password?: string | undefined }>,
  { allowPasswordless }: Pick<TwoFactorRules, "allowPasswordless">,
): Promise<void> {
  const { auth, active, body } = call;
  const stored = (await findCredential(auth, active.user._id))?.password ?? "";
  const { password } = body;
  if (stored === "") {
    if (allowPasswordless) return;
    await spendSameWork(auth, password ?? "");
    throw fail("INVALID_PASSWORD");
  }
  if (password === undefined) throw fail("INVALID_PASSWORD");
  const matches = () => matchesPassword(auth, stored, password);
  if (!(await guardOwnPassword(call, matches))) throw fail("INVALID_PASSWORD");
}

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
  await auth.models.TwoFactor.updateOne({ _id: row._id }, { $set: NO_FAILURES });
}

/** What a right code leaves on the row. */
export const NO_FAILURES = { failedVerificationCount: 0, lockedUntil: null } as const;

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

/** Answer of every endpoint that verifies a code. */
export interface Verified {
  readonly token: string;
  readonly user: UserView;
}

/**
 * What follows a right code: a pending sign-in gets its session, of parallel calls one; a session stays as it is.
 *
 * @throws AuthError INVALID_TWO_FACTOR_COOKIE, FAILED_TO_CREATE_SESSION (401), BANNED_USER (403)
 */
export async function complete(
  call: PendingCall,
  { trustDeviceMaxAge }: TwoFactorRules,
  { trustsDevice }: { readonly trustsDevice: boolean },
): Promise<Verified> {
  const { auth, active, request, reply } = call;
  const twoFactorVerifiedAt = auth.now();
  if (!isPending(active)) {
    await changeRow(auth, "Session", { _id: active.session._id }, { twoFactorVerifiedAt });
    return { token: active.token, user: auth.views.user(active.user) };
  }
  const { persistent } = active;
  const over = () => {
    clearCookie(reply, auth.cookies.twoFactor);
    return fail("INVALID_TWO_FACTOR_COOKIE");
  };
  const made = await withSession(auth, active.user, over, async (transaction) => {
    if (!(await consumePendingSignIn(auth, active, transaction))) throw over();
    const fields = { twoFactorVerifiedAt };
    return createSession(call, active.user, { persistent, fields, transaction });
  });
  clearCookie(reply, auth.cookies.twoFactor);
  const user = await stillThere(auth, made);
  if (trustsDevice) await trustLiving(call, made, trustDeviceMaxAge);
  await setSessionCookies(auth, request, reply, { ...made, user });
  if (trustsDevice) clearCookie(reply, auth.cookies.dontRemember);
  return { token: made.token, user: auth.views.user(user) };
}

/** What ends the session meanwhile ends all trust, but could not yet see this one. */
async function trustLiving(
  call: PendingCall,
  { user, session }: ActiveSession,
  maxAge: number,
): Promise<void> {
  const { auth, reply } = call;
  await trustDevice(call, user, maxAge);
  if ((await auth.models.Session.exists({ _id: session._id })) !== null) return;
  await deleteVerifications(auth, TRUSTED_DEVICE.prefix, user._id);
  clearCookie(reply, auth.cookies.trustDevice);
  throw fail("INVALID_TWO_FACTOR_COOKIE");
}

/** What ended the user's sessions meanwhile could not yet see this one. */
async function stillThere(auth: AuthContext, { user, session }: ActiveSession): Promise<User> {
  const now = await findUserById(auth, formatId(user._id));
  if (now !== null && !isBanned(now, auth.now())) return now;
  await deleteRow(auth, "Session", { _id: session._id });
  throw now === null ? fail("INVALID_TWO_FACTOR_COOKIE") : failCore("BANNED_USER");
}

/** How a user's second factor changes. */
export interface TwoFactorSwitch {
  readonly twoFactorEnabled: boolean;
  /** What the new session has proven. */
  readonly fields?: Pick<Session, "twoFactorVerifiedAt">;
}

/**
 * Changes whether a user has a second factor, with what belongs to it, and puts a new session in the place of the
 * caller's; all or nothing. On a standalone server a call that is overtaken changes nothing either, because the session
 * is taken first.
 *
 * @param fields of the new session
 * @param change runs before the user is changed
 * @param ended made when the caller's session has ended meanwhile
 * @throws AuthError that of `change` and of `ended`; FAILED_TO_CREATE_SESSION (401)
 */
export async function switchTwoFactor(
  call: Call<ActiveSession>,
  { twoFactorEnabled, fields = {} }: TwoFactorSwitch,
  ended: () => AuthError,
  change: (transaction: Transaction) => Promise<void> = () => Promise.resolve(),
): Promise<ActiveSession> {
  const { auth, active, request, reply } = call;
  const { persistent } = active;
  const made = await withSession(auth, active.user, ended, async (transaction) => {
    const { _id } = active.session;
    if ((await deleteRow(auth, "Session", { _id }, { transaction })) === null) throw ended();
    await change(transaction);
    const user = await updateUser(
      auth,
      { _id: active.user._id },
      { twoFactorEnabled },
      transaction,
    );
    if (user === null) throw ended();
    const carried = { ...lastingFields(active.session), ...fields };
    return createSession(call, user, { persistent, fields: carried, transaction });
  });
  await setSessionCookies(auth, request, reply, made);
  return made;
}

/**
 * As `switchTwoFactor`, to a second factor that is an authenticator. On a standalone server another session of the user
 * may have switched it off, and its row away, in between: then it is off.
 */
export async function switchAuthenticatorOn(
  call: Call<ActiveSession>,
  { fields = {} }: Pick<TwoFactorSwitch, "fields">,
  ended: () => AuthError,
  change: (transaction: Transaction) => Promise<void>,
): Promise<ActiveSession> {
  const { auth, active } = call;
  const made = await switchTwoFactor(call, { twoFactorEnabled: true, fields }, ended, change);
  const { _id } = active.user;
  if (auth.database.transactions || (await findTwoFactor(auth, _id)) !== null) return made;
  await updateUser(auth, { _id }, { twoFactorEnabled: false });
  throw ended();
}

/** What a session hands on to the one that takes its place: the fields of the app and of features. */
function lastingFields(session: Readonly<KnownSession>): Partial<Session> {
  const own: Partial<Session> = { ...session };
  for (const name of RENEWED_FIELDS) Reflect.deleteProperty(own, name);
  return own;
}

const RENEWED_FIELDS = [
  "_id",
  "token",
  "expiresAt",
  "createdAt",
  "updatedAt",
  "ipAddress",
  "userAgent",
  "twoFactorVerifiedAt",
] as const satisfies readonly (keyof Session)[];

/**
 * Makes a session in a transaction. On a standalone server a new password may come in between, and end the sessions that
 * it finds: then the new one ends as well.
 *
 * @param ended made in that case
 * @throws AuthError FAILED_TO_CREATE_SESSION (401) when the database refuses it; that of `ended`
 */
async function withSession(
  auth: AuthContext,
  { _id }: User,
  ended: () => AuthError,
  work: (transaction: Transaction) => Promise<ActiveSession>,
): Promise<ActiveSession> {
  const mark = auth.database.transactions ? null : await credentialMark(auth, _id);
  const made = await inTransaction(auth, work).catch((cause: unknown) => {
    throw cause instanceof SessionRefused ? fail("FAILED_TO_CREATE_SESSION", { cause }) : cause;
  });
  if (mark === null || (await isCurrentMark(auth, _id, mark))) return made;
  await deleteRow(auth, "Session", { _id: made.session._id });
  throw ended();
}
