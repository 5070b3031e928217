import type { ActiveSession, AuthContext, Call, PendingSignIn, RequestInfo } from "../context.ts";
import { sign, unsign } from "../crypto/signature.ts";
import { formatId } from "../models/id.ts";
import type { User } from "../models/user.ts";
import type { Verification } from "../models/verification.ts";
import { changeRow } from "./changes.ts";
import { clearCookie, readCookies, setCookie } from "./cookies.ts";
import { clearSessionCookies } from "./session.ts";
import { bearerValue, endsWithBrowser } from "./session-token.ts";
import type { Transaction } from "./transaction.ts";
import { findUserById } from "./user.ts";
import {
  addKeyed,
  consumeVerification,
  findKeyed,
  findVerification,
  issueVerification,
  PENDING_SIGN_IN,
} from "./verification.ts";

const ATTEMPTS_PREFIX = "2fa-attempts-";
/** In front of the count while a code is being looked at. */
const BUSY = "busy-";
/** Milliseconds after which nobody looks any more. */
const BUSY_MS = 30_000;

/** What a pending endpoint is called with. */
export type PendingCall<Body = unknown> = Call<ActiveSession | PendingSignIn, Body>;

/** Whether the caller is not signed in yet. */
export function isPending(active: ActiveSession | PendingSignIn | null): active is PendingSignIn {
  return active !== null && "identifier" in active;
}

/**
 * The sign-in that the signed cookie of a request (or its Bearer header, for clients without cookies) waits with.
 *
 * @returns null when it is unknown, expired or over, and when its user is gone
 */
export async function findPendingSignIn(
  auth: AuthContext,
  request: RequestInfo,
): Promise<PendingSignIn | null> {
  const cookies = readCookies(request.headers);
  const cookie = cookies.get(auth.cookies.twoFactor.name);
  for (const value of [bearerValue(request.headers.authorization), cookie]) {
    const identifier = typeof value === "string" ? unsign(value, auth.keys.signing) : null;
    if (!identifier?.startsWith(PENDING_SIGN_IN.prefix)) continue;
    const row = await findVerification(auth, PENDING_SIGN_IN, secretOf(identifier));
    const user = row === null ? null : await findUserById(auth, row.value);
    if (row === null || user === null) continue;
    const persistent = row.rememberMe !== false && !endsWithBrowser(auth, cookies);
    return { user, identifier, persistent, expiresAt: row.expiresAt };
  }
  return null;
}

/**
 * Lets a sign-in wait: a row, the signed cookie, no session.
 *
 * @param expiresIn seconds
 */
export async function startPendingSignIn(
  { auth, request, reply }: Call,
  user: User,
  { persistent, expiresIn }: { readonly persistent: boolean; readonly expiresIn: number },
): Promise<void> {
  const [key] = auth.keys.signing;
  // Clients without cookies would not send the mark back; only Better Auth's rows leave it to that.
  const issuing = { userId: user._id, expiresIn, ...(!persistent && { rememberMe: false }) };
  const secret = await issueVerification(auth, PENDING_SIGN_IN, issuing);
  const identifier = PENDING_SIGN_IN.prefix + secret;
  await startAttempts(auth, identifier, new Date(auth.now().getTime() + expiresIn * 1000));
  clearSessionCookies(auth, request, reply);
  if (!persistent) setCookie(reply, auth.cookies.dontRemember, sign("true", key));
  setCookie(reply, auth.cookies.twoFactor, sign(identifier, key), expiresIn);
}

/**
 * Uses a pending sign-in up: of parallel calls, one does.
 *
 * @returns false when it was over already
 */
export async function consumePendingSignIn(
  auth: AuthContext,
  { identifier, user }: PendingSignIn,
  transaction?: Transaction,
): Promise<boolean> {
  const secret = secretOf(identifier);
  const row = await consumeVerification(auth, PENDING_SIGN_IN, secret, transaction);
  return row?.value === formatId(user._id);
}

/** Ends a pending sign-in without a session. */
export async function endPendingSignIn(
  { auth, reply }: Call,
  pending: PendingSignIn,
): Promise<void> {
  await consumePendingSignIn(auth, pending);
  clearCookie(reply, auth.cookies.twoFactor);
}

/** The one attempt of a pending sign-in that is being looked at. */
export interface Attempt {
  /** Lets the next one begin. */
  settle(outcome: { readonly isWrong: boolean }): Promise<void>;
}

/**
 * Begins an attempt of a pending sign-in. One at a time: of parallel guesses, no two share a place in the count, and none
 * ends the sign-in while another one may be right.
 *
 * @returns "busy" while there is another one, "spent" when there is none left
 */
export async function beginAttempt(
  auth: AuthContext,
  { identifier, expiresAt }: PendingSignIn,
  allowed: number,
): Promise<Attempt | "busy" | "spent"> {
  const row = await findAttempts(auth, identifier, expiresAt);
  const count = row === null ? "busy" : countOf(auth, row, allowed);
  if (row === null || count === "busy") return "busy";
  if (count >= allowed) return "spent";
  const change = (from: string, value: string) =>
    changeRow(
      auth,
      "Verification",
      { _id: row._id, value: from },
      { value, updatedAt: auth.now() },
    );
  const busy = `${BUSY}${String(count)}`;
  if ((await change(row.value, busy)) === null) return "busy";
  return {
    async settle({ isWrong }) {
      await change(busy, String(isWrong ? count + 1 : count));
    },
  };
}

async function findAttempts(
  auth: AuthContext,
  identifier: string,
  expiresAt: Date,
): Promise<Verification | null> {
  const by = { prefix: ATTEMPTS_PREFIX, key: identifier };
  const row = await findKeyed(auth, by);
  if (row !== null) return row;
  // Better Auth 1.4 writes no such row.
  await startAttempts(auth, identifier, expiresAt);
  return findKeyed(auth, by);
}

/** A look that a crash has cut off counts as a wrong one. */
function countOf(
  auth: AuthContext,
  { value, updatedAt }: Verification,
  allowed: number,
): number | "busy" {
  const isBusy = value.startsWith(BUSY);
  if (isBusy && auth.now().getTime() - updatedAt.getTime() < BUSY_MS) return "busy";
  const digits = isBusy ? value.slice(BUSY.length) : value;
  if (!/^\d{1,9}$/.test(digits)) return allowed;
  return isBusy ? Number(digits) + 1 : Number(digits);
}

async function startAttempts(
  auth: AuthContext,
  identifier: string,
  expiresAt: Date,
): Promise<void> {
  await addKeyed(auth, { prefix: ATTEMPTS_PREFIX, key: identifier }, { value: "0", expiresAt });
}

function secretOf(identifier: string): string {
  return identifier.slice(PENDING_SIGN_IN.prefix.length);
}
