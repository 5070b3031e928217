import type { ClientSession, QueryFilter } from "mongoose";
import {
  Challenge,
  type ActiveSession,
  type AuthContext,
  type Call,
  type Reply,
  type RequestInfo,
  type SignInAttempt,
} from "../context.ts";
import { sign } from "../crypto/signature.ts";
import { hashToken, randomToken } from "../crypto/token.ts";
import { failCore } from "../errors.ts";
import { createId, idForms, referenceForms, type Id } from "../models/id.ts";
import type { KnownSession, Session } from "../models/session.ts";
import type { User } from "../models/user.ts";
import { sessionHandle } from "../views.ts";
import { defaultsOf } from "./additional-fields.ts";
import { changeRow, createRow, deleteRow, deleteRows } from "./changes.ts";
import {
  clearSessionCopy,
  readSessionCopy,
  renewSessionCopy,
  writeSessionCopy,
} from "./cookie-cache.ts";
import {
  clearCookie,
  clearOtherSessionNames,
  clearSentCookie,
  readCookies,
  setCookie,
} from "./cookies.ts";
import { isRefusal, isUnavailable } from "./database-errors.ts";
import { after, anyOf, noneOf } from "./filter.ts";
import { storedForms } from "./session-lookup.ts";
import { endsWithBrowser, presentedTokens } from "./session-token.ts";
import { endTrust } from "./trusted-device.ts";
import { userAgentOf } from "./user-agent.ts";
import { deleteVerifications, PENDING_SIGN_IN } from "./verification.ts";

/** Seconds that a session lasts in the database when it ends with the browser. */
const UNREMEMBERED_EXPIRES_IN = 86_400;
/** Letters and digits of a session token: 190 bits. */
const TOKEN_LENGTH = 32;
/** Rows that `/list-sessions` answers with at most. */
const LIST_LIMIT = 100;

/** What a request's credentials led to. */
export interface Lookup {
  readonly active: ActiveSession | null;
  /** The session is live, but its user is banned; `active` is null then. */
  readonly banned: boolean;
  /** Whether anything that looks like a session was presented. */
  readonly presented: boolean;
}

const NOTHING: Lookup = { active: null, banned: false, presented: false };

/** Finds the session of a request in the database, and deletes expired rows that it meets. Renews nothing. */
export async function lookUpSession(
  auth: AuthContext,
  request: RequestInfo,
  { keepExpired = false } = {},
): Promise<Lookup> {
  const { authorization, cookie } = request.headers;
  if (authorization === undefined && cookie === undefined) return NOTHING;
  const cookies = readCookies(request.headers);
  const tokens = presentedTokens(auth, request, cookies);
  if (tokens.length === 0) return NOTHING;
  const { live, expired } = await auth.sessions.find(tokens);
  if (expired.length > 0 && !keepExpired) await deleteExpired(auth, expired);
  if (live === null) return { active: null, banned: false, presented: true };
  if (isBanned(live.user, auth.now())) return { active: null, banned: true, presented: true };
  const active = { ...live, persistent: isPersistent(auth, cookies, live.session) };
  return { active, banned: false, presented: true };
}

/**
 * Finds the session of a request in the database, and renews it when it is due.
 *
 * @param copies whether its copy in the cookie is written anew, where `session.cookieCache` is on
 * @returns null without a live session
 * @throws AuthError BANNED_USER (403), when the user is banned
 */
export async function findActive(
  auth: AuthContext,
  request: RequestInfo,
  reply: Reply,
  { copies = false } = {},
): Promise<ActiveSession | null> {
  const deferred = defersWrites(auth, request);
  const { active, banned } = await lookUpSession(auth, request, { keepExpired: deferred });
  if (active === null) clearSessionCopy(auth, request, reply);
  if (banned) throw failCore("BANNED_USER");
  if (active !== null && !deferred && isRenewalDue(auth, active)) {
    return renew(auth, active, request, reply);
  }
  if (active !== null && copies) await renewSessionCopy(auth, request, reply, active);
  return active;
}

/** As `findActive`, for what only reads: the copy in the cookie spares the database, where it may. */
export async function findActiveToRead(
  auth: AuthContext,
  request: RequestInfo,
  reply: Reply,
): Promise<ActiveSession | null> {
  const copied = await findCopied(auth, request, reply);
  return copied ?? findActive(auth, request, reply, { copies: true });
}

/**
 * The session as its copy in the cookie has it.
 *
 * @param renews whether a session whose renewal is due is left to the database
 * @returns null when the database has to be asked, always so for methods that change things
 */
export async function findCopied(
  auth: AuthContext,
  request: RequestInfo,
  reply: Reply,
  { renews = true } = {},
): Promise<ActiveSession | null> {
  if (!isReading(request)) return null;
  const copy = await readSessionCopy(auth, request, reply);
  if (copy === null || isBanned(copy.user, auth.now())) return null;
  const persistent = isPersistent(auth, readCookies(request.headers), copy.session);
  const active = { ...copy, persistent };
  return renews && isRenewalDue(auth, active) ? null : active;
}

/** Whether a request asks and changes nothing. */
export function isReading({ method }: Pick<RequestInfo, "method">): boolean {
  return method === "GET" || method === "HEAD";
}

/** With `session.deferSessionRefresh`, reading requests neither renew nor delete sessions. */
export function defersWrites({ config }: AuthContext, request: RequestInfo): boolean {
  return config.session.deferSessionRefresh && isReading(request);
}

/** Whether a ban stands at this instant; any true value counts, as a row edited by hand may have it. */
export function isBanned(user: Readonly<User>, now: Date): boolean {
  const mark: unknown = user.banned;
  if (!Boolean(mark) || mark === "false") return false;
  return !(user.banExpires instanceof Date && user.banExpires <= now);
}

/** Whether a user has a second factor; any true value counts, as for a ban. */
export function hasSecondFactor(user: Readonly<User>): boolean {
  const mark: unknown = user.twoFactorEnabled;
  return Boolean(mark) && mark !== "false";
}

/** Whether a session is younger than `session.freshAge`; that of 0 makes every session fresh. */
export function isFresh({ config, now }: AuthContext, session: Readonly<KnownSession>): boolean {
  const { freshAge } = config.session;
  return freshAge === 0 || now().getTime() - session.createdAt.getTime() < freshAge * 1000;
}

/** Lets features refuse a session whose user has something to set up first. */
export async function requireEnrolment(auth: AuthContext, active: ActiveSession): Promise<void> {
  for (const hooks of auth.hooks) await hooks.requireEnrolment?.(auth, active);
}

/** A Bearer client carries no `dont_remember` cookie: the row's own length tells as well. */
function isPersistent(
  auth: AuthContext,
  cookies: ReadonlyMap<string, string>,
  session: Readonly<KnownSession>,
): boolean {
  const { expiresAt, createdAt, updatedAt } = session;
  const length = (expiresAt.getTime() - createdAt.getTime()) / 1000;
  const { expiresIn } = auth.config.session;
  if (expiresIn > UNREMEMBERED_EXPIRES_IN && length <= UNREMEMBERED_EXPIRES_IN) return false;
  const isAsMade = updatedAt.getTime() === createdAt.getTime();
  if (expiresIn < length && length === UNREMEMBERED_EXPIRES_IN && isAsMade) return false;
  return !endsWithBrowser(auth, cookies);
}

/** Whether `updateAge` has passed since the session was made or renewed (docs/protocol.md §6). */
export function isRenewalDue({ config, now }: AuthContext, active: ActiveSession): boolean {
  const { expiresIn, updateAge, disableSessionRefresh } = config.session;
  if (disableSessionRefresh || !active.persistent) return false;
  const renewAt = active.session.expiresAt.getTime() - expiresIn * 1000 + updateAge * 1000;
  return renewAt <= now().getTime();
}

/**
 * Gives a session its full life again and sets its cookie anew.
 *
 * @returns null when the row vanished meanwhile
 */
export async function renew(
  auth: AuthContext,
  active: ActiveSession,
  request: RequestInfo,
  reply: Reply,
): Promise<ActiveSession | null> {
  const updatedAt = auth.now();
  const expiresAt = secondsAfter(updatedAt, auth.config.session.expiresIn);
  const { _id } = active.session;
  const session = await changeRow(auth, "Session", { _id }, { expiresAt, updatedAt });
  if (session === null) return null;
  const renewed = { ...active, session };
  await setSessionCookies(auth, request, reply, renewed);
  return renewed;
}

/** The database refused the row of a new session (a validator or an index of the app's). */
export class SessionRefused extends Error {
  override readonly name = "SessionRefused";
}

/** How a session is to be made. */
export interface SignInOptions extends SignInAttempt {
  /**
   * Reads the user again once the session is stored; null or a throw when the proof no longer holds. What ended the
   * user's sessions meanwhile (a ban, a new password) could not yet see this one.
   */
  readonly current: () => Promise<User | null>;
}

/**
 * Signs a user in: hooks, one insert, the session cookie.
 *
 * @returns a Challenge when a feature wants another proof first; null when the proof no longer holds
 * @throws AuthError BANNED_USER (403)
 * @throws SessionRefused
 */
export async function signIn(
  call: Call,
  user: User,
  { persistent, proof, current }: SignInOptions,
): Promise<ActiveSession | Challenge | null> {
  if (isBanned(user, call.auth.now())) throw failCore("BANNED_USER");
  for (const hooks of call.auth.hooks) {
    const challenge = await hooks.challengeSignIn?.(call, user, { proof, persistent });
    if (challenge instanceof Challenge) {
      if ((await current()) !== null) return challenge;
      await endPendingSignIns(call, user);
      return null;
    }
  }
  const twoFactors = { twoFactorVerifiedAt: call.auth.now(), userVerified: true };
  const fields = proof === "passkey-verified" ? twoFactors : {};
  const active = await createSession(call, user, { persistent, fields });
  const now = await current();
  if (now === null || isBanned(now, call.auth.now())) {
    await deleteRow(call.auth, "Session", { _id: active.session._id });
    if (now === null) {
      // A browser that was trusted anew, after the new password had ended all trust.
      if (call.reply.cookies.has(call.auth.cookies.trustDevice.name)) await endTrust(call, user);
      return null;
    }
    throw failCore("BANNED_USER");
  }
  await setSessionCookies(call.auth, call.request, call.reply, active);
  // Codes of a sign-in that waits in this browser, whoever's it is, would be judged as this user's.
  clearSentCookie(call, call.auth.cookies.twoFactor);
  return active;
}

/** The password was changed while the second factor was being asked for. */
async function endPendingSignIns({ auth, reply }: Call, user: User): Promise<void> {
  await deleteVerifications(auth, PENDING_SIGN_IN.prefix, user._id);
  clearCookie(reply, auth.cookies.twoFactor);
}

/**
 * Stores a new session; sets no cookie.
 *
 * @throws AuthError BANNED_USER (403)
 * @throws SessionRefused
 */
export async function createSession(
  call: Call,
  user: User,
  {
    persistent,
    fields = {},
    transaction,
  }: {
    persistent: boolean;
    fields?: Partial<Session>;
    transaction?: ClientSession | undefined;
  },
): Promise<ActiveSession> {
  const { auth, request } = call;
  const createdAt = auth.now();
  if (isBanned(user, createdAt)) throw failCore("BANNED_USER");
  const token = randomToken(TOKEN_LENGTH);
  const life = persistent ? auth.config.session.expiresIn : UNREMEMBERED_EXPIRES_IN;
  const session: Session = {
    ...defaultsOf(auth.config.session.additionalFields),
    _id: createId(),
    token: auth.config.advanced.compatibility === "better-auth" ? token : hashToken(token),
    userId: user._id,
    expiresAt: secondsAfter(createdAt, life),
    ipAddress: request.ip,
    userAgent: userAgentOf(request),
    createdAt,
    updatedAt: createdAt,
    ...fields,
  };
  for (const hooks of auth.hooks) {
    Object.assign(session, await hooks.beforeSessionCreate?.(call, user));
  }
  const stored = await createRow(auth, "Session", session, transaction).catch((cause: unknown) => {
    throw isRefusal(cause) ? new SessionRefused("a session was refused", { cause }) : cause;
  });
  return { session: stored, user, token, persistent };
}

/**
 * "Sets session" of the protocol: the cookies, and the headers for Bearer clients.
 *
 * @param active as it is stored now: the copy in the cookie is made of it
 */
export async function setSessionCookies(
  auth: AuthContext,
  request: RequestInfo,
  reply: Reply,
  active: ActiveSession,
): Promise<void> {
  const { cookies, config, keys } = auth;
  const { token, persistent } = active;
  const [key] = keys.signing;
  const signed = sign(token, key);
  setCookie(reply, cookies.sessionToken, signed, persistent ? config.session.expiresIn : undefined);
  if (!persistent) setCookie(reply, cookies.dontRemember, sign("true", key));
  else if (endsWithBrowser(auth, readCookies(request.headers))) {
    clearCookie(reply, cookies.dontRemember);
  }
  clearOtherSessionNames(cookies, request, reply);
  reply.newSession = active;
  reply.headers.set("set-auth-token", signed);
  reply.headers.set("access-control-expose-headers", "set-auth-token");
  await writeSessionCopy(auth, request, reply, active);
}

/** "Clears session" of the protocol. */
export function clearSessionCookies(auth: AuthContext, request: RequestInfo, reply: Reply): void {
  const { sessionToken, sessionData, dontRemember } = auth.cookies;
  for (const settings of [sessionToken, sessionData, dontRemember]) clearCookie(reply, settings);
  clearSessionCopy(auth, request, reply);
  clearOtherSessionNames(auth.cookies, request, reply);
  reply.newSession = null;
  reply.headers.delete("set-auth-token");
}

/** The live sessions of the caller, newest first, at most 100; their own is always among them. */
export async function listSessions(
  { models, now }: AuthContext,
  { session, user }: ActiveSession,
): Promise<KnownSession[]> {
  const userId = anyOf(referenceForms(user._id));
  const newest = await models.Session.find({ userId, expiresAt: after(now()) })
    .sort({ createdAt: -1 })
    .limit(LIST_LIMIT)
    .lean();
  if (newest.length < LIST_LIMIT) return newest;
  const isListed = newest.some(({ _id }) => String(_id) === String(session._id));
  return isListed ? newest : [...newest.slice(0, LIST_LIMIT - 1), session];
}

/**
 * Ends the sessions that a request presents, and clears the session cookies in any case.
 *
 * @throws what says that the database is unreachable; other failures are logged
 */
export async function endPresentedSessions(
  auth: AuthContext,
  request: RequestInfo,
  reply: Reply,
): Promise<void> {
  const tokens = presentedTokens(auth, request, readCookies(request.headers));
  clearSessionCookies(auth, request, reply);
  if (tokens.length === 0) return;
  try {
    await deleteRows(auth, "Session", { token: anyOf(tokens.flatMap(storedForms)) });
  } catch (error) {
    if (isUnavailable(error)) throw error;
    auth.log.error("a session could not be deleted at sign-out", error);
  }
}

/**
 * Ends one session of a user; without effect when there is none, or it is another user's.
 *
 * @param reference its token, its handle `session_<id>`, or its id
 */
export async function revokeSession(
  auth: AuthContext,
  userId: Id,
  reference: { token: string } | { id: string },
): Promise<void> {
  const filter = sessionFilter(reference);
  if (filter === null) return;
  await deleteRow(auth, "Session", { ...filter, userId: anyOf(referenceForms(userId)) });
}

function sessionFilter(reference: { token: string } | { id: string }): QueryFilter<Session> | null {
  if ("token" in reference) {
    const { token } = reference;
    const handle = /^session_(.+)$/.exec(token)?.[1];
    if (handle !== undefined) return sessionFilter({ id: handle });
    return token.includes(":") ? null : { token: anyOf(storedForms(token)) };
  }
  return { _id: anyOf(idForms(reference.id)) };
}

/**
 * Ends all sessions of a user, in one operation.
 *
 * @param except this session stays
 */
export async function revokeSessions(
  auth: AuthContext,
  userId: Id,
  { except, transaction }: { except?: Id; transaction?: ClientSession | undefined } = {},
): Promise<void> {
  const filter = { userId: anyOf(referenceForms(userId)) };
  const others = except === undefined ? filter : { ...filter, _id: noneOf([except]) };
  await deleteRows(auth, "Session", others, transaction);
}

async function deleteExpired(auth: AuthContext, ids: readonly Id[]): Promise<void> {
  try {
    await deleteRows(auth, "Session", { _id: anyOf(ids) });
  } catch (error) {
    auth.log.warn("an expired session could not be deleted", error);
  }
}

/** A session in a list: the real token for the caller's own, a handle for the others. */
export function tokenForList(active: ActiveSession, session: Readonly<KnownSession>): string {
  const own = String(session._id) === String(active.session._id);
  return own ? active.token : sessionHandle(session);
}

function secondsAfter(instant: Date, seconds: number): Date {
  return new Date(instant.getTime() + seconds * 1000);
}
