import { setTimeout as sleep } from "node:timers/promises";
import type { AuthContext, Call } from "../context.ts";
import { hmacBase64url, sign, unsign } from "../crypto/signature.ts";
import { randomToken } from "../crypto/token.ts";
import { failCore, type AuthError } from "../errors.ts";
import { readCookies, setCookie } from "./cookies.ts";

/** Failures in a window that are answered at once; each further one waits a little longer. */
const FREE_FAILURES = 5;
/** Milliseconds that each further failure adds to its answer. */
const DELAY_STEP_MS = 10;
const MAX_DELAY_MS = 500;
/** Seconds that a browser counts as known: 400 days, the most that browsers keep (RFC 6265bis §5.5). */
const KNOWN_DEVICE_MAX_AGE = 34_560_000;
/** Accounts that one browser is known to at most. */
const MAX_KNOWN_ACCOUNTS = 5;
const DEVICE_ID_LENGTH = 16;
const ACCOUNT_MARK_LENGTH = 22;

/**
 * Guards a check of a password against guessing: at most `rateLimit.account.maxFailures` wrong ones per account and
 * window reach it, from however many addresses. A browser that signed in to the account before has a count of its own,
 * so that an attacker's guesses do not lock the owner out. Accounts that do not exist are counted alike.
 *
 * @param identifier lower-case e-mail address or username; stored as a MAC
 * @param check null: the password was wrong
 * @throws AuthError TOO_MANY_REQUESTS (429), before the password is looked at
 */
export async function guardGuesses<T>(
  call: Pick<Call, "auth" | "request" | "reply">,
  identifier: string,
  check: () => Promise<T | null>,
): Promise<T | null> {
  const { auth } = call;
  const { enabled, account } = auth.config.rateLimit;
  if (!enabled || account === false) return check();
  const device = readDevice(call);
  const mark = accountMark(auth, identifier);
  const key = device.accounts.includes(mark) ? `guess|${mark}|${device.id}` : `guess|${mark}`;
  const rule = { max: account.maxFailures, window: account.window };
  // Counted before the check: of many guesses at once, none may slip through while others are being checked.
  const { allowed, count, resetsInMs } = await auth.counters.take(key, rule);
  if (!allowed) throw tooMany(resetsInMs);
  const found = await check().catch(async (error: unknown) => {
    await auth.counters.giveBack(key);
    throw error;
  });
  if (found === null) {
    await sleep(delayOf(count));
    return null;
  }
  await auth.counters.giveBack(key);
  rememberDevice(call, device, mark);
  return found;
}

/** Notes that this browser signed in to the account (at sign-up, say). */
export function markKnownDevice(
  call: Pick<Call, "auth" | "request" | "reply">,
  identifier: string,
): void {
  const { enabled, account } = call.auth.config.rateLimit;
  if (!enabled || account === false) return;
  rememberDevice(call, readDevice(call), accountMark(call.auth, identifier));
}

/** Forgets the failures of an account: its owner has proven themselves by mail. */
export async function forgiveGuesses(auth: AuthContext, identifier: string): Promise<void> {
  const { enabled, account } = auth.config.rateLimit;
  if (!enabled || account === false) return;
  await auth.counters.clear(`guess|${accountMark(auth, identifier)}`);
}

function delayOf(failures: number): number {
  return Math.min(MAX_DELAY_MS, Math.max(0, failures - FREE_FAILURES) * DELAY_STEP_MS);
}

function tooMany(resetsInMs: number): AuthError {
  const seconds = String(Math.max(1, Math.ceil(resetsInMs / 1000)));
  const headers = { "Retry-After": seconds, "X-Retry-After": seconds };
  return failCore("TOO_MANY_REQUESTS", { headers });
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
  const [id = "", ...accounts] = text?.split("!") ?? [];
  return id === "" ? { id: randomToken(DEVICE_ID_LENGTH), accounts: [] } : { id, accounts };
}

function rememberDevice(
  { auth, reply }: Pick<Call, "auth" | "reply">,
  { id, accounts }: Device,
  mark: string,
): void {
  const known = [mark, ...accounts.filter((other) => other !== mark)].slice(0, MAX_KNOWN_ACCOUNTS);
  const [key] = auth.keys.signing;
  const value = sign([id, ...known].join("!"), key);
  setCookie(reply, auth.cookies.knownDevice, value, KNOWN_DEVICE_MAX_AGE);
}

/** Stands for an account in counters and cookies without naming it. */
function accountMark({ keys }: AuthContext, identifier: string): string {
  return hmacBase64url(`account|${identifier}`, keys.signing[0]).slice(0, ACCOUNT_MARK_LENGTH);
}
