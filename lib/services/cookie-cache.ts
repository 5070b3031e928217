import { maxHeaderSize } from "node:http";
import { isDeepStrictEqual } from "node:util";
import type { ActiveSession, AuthContext, Reply, RequestInfo } from "../context.ts";
import { signCompact, verifyCompact } from "../crypto/compact.ts";
import { decryptJwt, encryptJwt } from "../crypto/jwe.ts";
import { signJwt, verifyJwt } from "../crypto/jwt.ts";
import { parseId } from "../models/id.ts";
import type { ActiveView, ExtraFields } from "../views.ts";
import { clearCookie, headerLength, readCookies, setCookie } from "./cookies.ts";
import { cookieTokens, presentedTokens } from "./session-token.ts";

/** Bytes of one cookie with name and attributes: Safari keeps the least, 4093. */
const COOKIE_LENGTH = 4050;
/** Cookies over which a copy is spread at most. */
const MAX_CHUNKS = 10;
/** Longest copy: with all of them and 2 kB of other headers, Node's HTTP server still takes the request. */
const MAX_LENGTH = maxHeaderSize - 2048;
/** Seconds that a copy counts at most when its cookie ends with the browser, as in Better Auth. */
const UNREMEMBERED_LIFE = { compact: 60, jwt: 300, jwe: 300 } as const;
/** Of the key that encrypts it. */
const JWE_SALT = "better-auth-session";

/**
 * Reads the copy of the session that the request carries. One that is of no use is expired.
 *
 * @returns null without a copy that is signed, of this version, alive and of the session that is presented
 */
export async function readSessionCopy(
  auth: AuthContext,
  request: RequestInfo,
  reply: Reply,
): Promise<Omit<ActiveSession, "persistent"> | null> {
  if (!auth.config.session.cookieCache.enabled) return null;
  const cookies = readCookies(request.headers);
  const text = join(auth, cookies);
  if (text === "") return null;
  const [token] = presentedTokens(auth, request, cookies);
  const shown = token === undefined ? null : await open(auth, text);
  if (token !== undefined && shown?.session.token === token && isAlive(auth, shown)) {
    const records = recordsOf(auth, shown);
    if (records !== null) return { ...records, token, shown };
  }
  clearSessionCopy(auth, request, reply);
  return null;
}

/** Puts a copy of the session into the answer, in place of the one that the request carries. */
export async function writeSessionCopy(
  auth: AuthContext,
  request: RequestInfo,
  reply: Reply,
  active: ActiveSession,
): Promise<void> {
  const { enabled, maxAge, strategy } = auth.config.session.cookieCache;
  if (!enabled) return;
  clearSessionCopy(auth, request, reply);
  const shown = auth.views.active(active);
  // Handlers of the app must find the same on `req.auth`, wherever it came from.
  if (!isDeepStrictEqual(auth.views.restore(JSON.parse(JSON.stringify(shown))), shown)) {
    auth.log.warn("a session is not copied into its cookie: a field is lost in JSON");
    return;
  }
  const life = active.persistent ? maxAge : Math.min(maxAge, UNREMEMBERED_LIFE[strategy]);
  const text = await seal(auth, shown, life);
  const cookieMaxAge = active.persistent ? maxAge : undefined;
  const chunks = split(auth, text, cookieMaxAge);
  if (chunks === null) {
    auth.log.warn("a session is not copied into its cookie: it is too long");
    return;
  }
  const { sessionData } = auth.cookies;
  for (const [name, value] of chunks) {
    setCookie(reply, { ...sessionData, name }, value, cookieMaxAge);
  }
}

/** As `writeSessionCopy`, for a session that the request has by cookie: other clients would not send the copy back. */
export async function renewSessionCopy(
  auth: AuthContext,
  request: RequestInfo,
  reply: Reply,
  active: ActiveSession,
): Promise<void> {
  if (!auth.config.session.cookieCache.enabled) return;
  if (!cookieTokens(auth, readCookies(request.headers)).includes(active.token)) return;
  await writeSessionCopy(auth, request, reply, active);
}

/** Expires the copy that the request carries, and takes one that is in the answer out of it. */
export function clearSessionCopy(auth: AuthContext, request: RequestInfo, reply: Reply): void {
  const { sessionData } = auth.cookies;
  const sent = readCookies(request.headers);
  for (const name of [sessionData.name, ...chunkNames(sessionData.name)]) {
    if (sent.has(name)) clearCookie(reply, { ...sessionData, name });
    else if (reply.cookies.get(name)?.value !== "") reply.cookies.delete(name);
  }
}

/** By number, as they were set: any other name is none of ours. */
function chunkNames(name: string): string[] {
  return Array.from({ length: MAX_CHUNKS }, (_, index) => `${name}.${index}`);
}

/** The text of a copy in one cookie, or in chunks up to the first missing number; empty without any. */
function join({ cookies: { sessionData } }: AuthContext, sent: ReadonlyMap<string, string>) {
  const whole = sent.get(sessionData.name) ?? "";
  if (whole !== "") return whole;
  const chunks = chunkNames(sessionData.name).map((name) => sent.get(name));
  const end = chunks.indexOf(undefined);
  return chunks.slice(0, end === -1 ? MAX_CHUNKS : end).join("");
}

/** Cookie names and values that carry a text; null when it is too long. */
function split(
  { cookies: { sessionData } }: AuthContext,
  text: string,
  maxAge: number | undefined,
): [name: string, value: string][] | null {
  const names = chunkNames(sessionData.name);
  const overhead = headerLength({ ...sessionData, name: `${sessionData.name}.0` }, maxAge);
  const size = COOKIE_LENGTH - overhead;
  if (text.length > Math.min(MAX_LENGTH, MAX_CHUNKS * size)) return null;
  if (text.length <= size) return [[sessionData.name, text]];
  const count = Math.ceil(text.length / size);
  return names
    .slice(0, count)
    .map((name, index) => [name, text.slice(index * size, (index + 1) * size)]);
}

async function seal(auth: AuthContext, shown: ActiveView, expiresIn: number): Promise<string> {
  const now = auth.now();
  const [key] = auth.keys.signing;
  const claims = { ...shown, updatedAt: now.getTime(), version: await versionOf(auth, shown) };
  switch (auth.config.session.cookieCache.strategy) {
    case "compact":
      return signCompact(claims, key, { expiresIn, now });
    case "jwt":
      return signJwt(claims, key, { expiresIn, now });
    case "jwe":
      return encryptJwt(claims, key, { salt: JWE_SALT, expiresIn, now });
  }
}

/** What a copy shows, when it is ours, alive and of this version. */
async function open(auth: AuthContext, text: string): Promise<ActiveView | null> {
  const claims = await unseal(auth, text);
  if (claims === null) return null;
  const shown = auth.views.restore(claims);
  if (shown === null) return null;
  const { version = "1" } = claims;
  return version === (await versionOf(auth, shown)) ? shown : null;
}

async function unseal(
  { config, keys: { signing }, now }: AuthContext,
  text: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  switch (config.session.cookieCache.strategy) {
    case "compact":
      return verifyCompact(text, signing, now());
    case "jwt": {
      const claims = verifyJwt(text, signing, now());
      return typeof claims === "string" ? null : claims;
    }
    case "jwe":
      return decryptJwt(text, signing, { salt: JWE_SALT, now: now() });
  }
}

function isAlive({ now }: AuthContext, { session }: ActiveView): boolean {
  return session.expiresAt > now();
}

async function versionOf({ config }: AuthContext, { session, user }: ActiveView) {
  const { version } = config.session.cookieCache;
  return typeof version === "string" ? version : version({ ...session }, { ...user });
}

/** The records as far as answers show them; null when an id is of a form that no request may carry. */
function recordsOf(
  { views: { extra } }: AuthContext,
  shown: ActiveView,
): Pick<ActiveSession, "session" | "user"> | null {
  const { id, userId, expiresAt, createdAt, updatedAt, ipAddress, userAgent } = shown.session;
  const { name, email, emailVerified, image, ...user } = shown.user;
  const ids = { session: parseId(id), user: parseId(userId) };
  if (ids.session === null || ids.user === null || user.id !== userId) return null;
  return {
    session: {
      ...storedFields(extra.session, { ...shown.session }),
      ...{ _id: ids.session, userId: ids.user },
      ...{ expiresAt, createdAt, updatedAt, ipAddress, userAgent },
    },
    user: {
      ...storedFields(extra.user, { ...shown.user }),
      ...{ _id: ids.user, name, email, emailVerified, image },
      ...{ createdAt: user.createdAt, updatedAt: user.updatedAt },
    },
  };
}

/** Shown values under their names in the database; what a transform has made of a value does not give it back. */
function storedFields(
  extra: ExtraFields,
  shown: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const untransformed = [...extra].filter(([, { show }]) => show === undefined);
  return Object.fromEntries(untransformed.map(([name, { stored }]) => [stored, shown[name]]));
}
