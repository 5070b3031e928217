import { setTimeout as sleep } from "node:timers/promises";
import type { ActiveSession, AuthContext, Call, CounterRule } from "../context.ts";
import { hmacBase64url, sign, unsign } from "../crypto/signature.ts";
import { randomToken } from "../crypto/token.ts";
import { tooManyRequests } from "../errors.ts";
import { formatId } from "../models/id.ts";
import type { User } from "../models/user.ts";
import { readCookies, setCookie } from "./cookies.ts";

/** Failures in a window that are answered at once; each further one waits a little longer. */
const FREE_FAILURES = 5;
/** Milliseconds that each further failure adds to its answer. */
const DELAY_STEP_MS = 10;
/** Milliseconds that an answer is held back at most. */
export const MAX_DELAY_MS = 500;
/** Seconds that a browser counts as known: 400 days, the most that browsers keep (RFC 6265bis §5.5). */
export const KNOWN_DEVICE_MAX_AGE = 34_560_000;
/** Accounts that one browser is known to at most. */
export const MAX_KNOWN_ACCOUNTS = 5;
/** Counts of an account that its known browsers share: someone with many old cookies gets no more than these. */
export const KNOWN_DEVICE_COUNTS = 10;
const DEVICE_ID_LENGTH = 16;
const ACCOUNT_MARK_LENGTH = 22;
/** An id, and marks behind it. */
const DEVICE = /^[A-Za-z0-9]{16}(?:![\w-]{22})+$/;

/** What the guard needs of a call. */
type GuardedCall = Pick<Call, "auth" | "request" | "reply">;

/**
 * Guards a sign-in against guessing: at most `rateLimit.account.maxFailures` wrong passwords per account and window are
 * looked at, from however many addresses. A browser that signed in to the account before is counted apart, so that an
 * attacker's guesses do not lock the owner out. Accounts that do not exist are counted alike.
 *
 * @param identifier lower-case e-mail address, or `usernameIdentifier()`; stored as a MAC
 * @param check null: the password was wrong; what it throws does not count
 * @throws AuthError TOO_MANY_REQUESTS (429), before the password is looked at
 */
export async function guardGuesses<T>(
  call: GuardedCall,
  identifier: string,
  check: () => Promise<T | null>,
): Promise<T | null> {
  const rule = ruleOf(call.auth);
  if (rule === null) return check();
  const device = readDevice(call);
  const found = await countWrong(call.auth, signInKey(call.auth, identifier, device), rule, check);
  if (found !== null) rememberDevice(call, device, identifier);
  return found;
}

/**
 * Guards a check of the password of someone who is signed in, as `guardGuesses` does: a stolen session is no way to try
 * passwords. These are counted apart, so that guesses of others do not lock the owner out.
 *
 * @param check false: the password was wrong; what it throws does not count
 * @throws AuthError TOO_MANY_REQUESTS (429), before the password is looked at
 */
export async function guardOwnPassword(
  { auth, active }: Pick<Call<ActiveSession>, "auth" | "active">,
  check: () => Promise<boolean>,
): Promise<boolean> {
  const rule = ruleOf(auth);
  if (rule === null) return check();
  const found = await countWrong(auth, signedInKey(auth, active.user), rule, async () =>
    (await check()) ? true : null,
  );
  return found !== null;
}

/** Notes that this browser signed in to the account (at sign-up, say). */
export function markKnownDevice(call: GuardedCall, identifier: string): void {
  if (ruleOf(call.auth) === null) return;
  rememberDevice(call, readDevice(call), identifier);
}

/**
 * Forgets the failures of a user who has proven themselves by mail, and makes the browser a known one: otherwise an
 * attacker who goes on guessing would lock them out again at once.
 */
export async function forgiveGuesses(call: GuardedCall, user: User): Promise<void> {
  const { auth } = call;
  if (ruleOf(auth) === null) return;
  const device = readDevice(call);
  const stranger: Device = { id: device.id, accounts: [] };
  const identifiers = [
    user.email,
    ...(typeof user.username === "string" ? [usernameIdentifier(user.username)] : []),
  ];
  const keys = identifiers.flatMap((identifier) => [
    signInKey(auth, identifier, stranger),
    signInKey(auth, identifier, device),
  ]);
  for (const key of new Set([...keys, signedInKey(auth, user)])) await auth.counters.clear(key);
  rememberDevice(call, device, user.email);
}

/** Usernames may look like addresses, or like anything else where the app checks them. */
export function usernameIdentifier(username: string): string {
  return `username|${username}`;
}

/** Null: nothing is guarded. */
function ruleOf({ config }: AuthContext): CounterRule | null {
  const { enabled, account } = config.rateLimit;
  if (!enabled || account === false) return null;
  return { max: account.maxFailures, window: account.window };
}

async function countWrong<T>(
  { counters }: AuthContext,
  key: string,
  rule: CounterRule,
  check: () => Promise<T | null>,
): Promise<T | null> {
  // Counted before the check: of many guesses at once, none may slip through while others are being checked.
  const taken = await counters.take(key, rule);
  if (!taken.allowed) throw tooManyRequests(taken.resetsInMs);
  let isWrong = false;
  try {
    const found = await check();
    isWrong = found === null;
    if (isWrong) await sleep(delayOf(taken.count));
    return found;
  } finally {
    if (!isWrong) await counters.giveBack(key, taken);
  }
}

function delayOf(failures: number): number {
  return Math.min(MAX_DELAY_MS, Math.max(0, failures - FREE_FAILURES) * DELAY_STEP_MS);
}

/** Where the failures of signing in from this browser are counted. */
function signInKey(auth: AuthContext, identifier: string, device: Device): string {
  const marks = accountMarks(auth, identifier);
  const isKnown = marks.some((mark) => device.accounts.includes(mark));
  const shared = `guess|${marks[0]}`;
  return isKnown ? `${shared}|${String(device.id.charCodeAt(0) % KNOWN_DEVICE_COUNTS)}` : shared;
}

/** Where the failures of the signed-in user are counted. */
function signedInKey(auth: AuthContext, { _id }: User): string {
  return `guess|${accountMarks(auth, `id|${formatId(_id)}`)[0]}`;
}

/** What the signed known-device cookie says. */
interface Device {
  readonly id: string;
  /** Marks of the accounts that signed in here, the latest first. */
  readonly accounts: readonly string[];
}

function readDevice({ auth, request }: Pick<Call, "auth" | "request">): Device {
  const value = readCookies(request.headers).get(auth.cookies.knownDevice.name);
  const text = value === undefined ? null : unsign(value, auth.keys.signing);
  // The form is checked, because other values of ours are signed in the same way.
  const [id = "", ...accounts] = text !== null && DEVICE.test(text) ? text.split("!") : [];
  return id === "" ? { id: randomToken(DEVICE_ID_LENGTH), accounts: [] } : { id, accounts };
}

function rememberDevice(
  { auth, reply }: Pick<Call, "auth" | "reply">,
  { id, accounts }: Device,
  identifier: string,
): void {
  const marks = accountMarks(auth, identifier);
  const others = accounts.filter((other) => !marks.includes(other));
  const known = [marks[0], ...others].slice(0, MAX_KNOWN_ACCOUNTS);
  const value = sign([id, ...known].join("!"), auth.keys.signing[0]);
  setCookie(reply, auth.cookies.knownDevice, value, KNOWN_DEVICE_MAX_AGE);
}

/** Texts that stand for an account without naming it: one per accepted secret, that of the current one first. */
function accountMarks({ keys }: AuthContext, identifier: string): readonly [string, ...string[]] {
  const [current, ...older] = keys.signing;
  const mark = (key: typeof current) =>
    hmacBase64url(`account|${identifier}`, key).slice(0, ACCOUNT_MARK_LENGTH);
  return [mark(current), ...older.map(mark)];
}
