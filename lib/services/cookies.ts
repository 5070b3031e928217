import type { IncomingHttpHeaders } from "node:http";
import { stringifySetCookie } from "cookie";
import cookieParser from "cookie-parser";
import type { CookieAttributes, Cookies, CookieSettings, Reply, RequestInfo } from "../context.ts";
import type { Config } from "../config.ts";

/** Cookies by the key under which `advanced.cookies` may change them. */
export type CookieKey =
  | "session_token"
  | "session_data"
  | "dont_remember"
  | "known_device"
  | "two_factor"
  | "trust_device";

/** Names as set by default, without prefix. `session-token` is ours, `session_token` the official one. */
export const OWN_SESSION_NAME = "session-token";
const OFFICIAL_SESSION_NAME = "session_token";
const SECURE_PREFIX = "__Secure-";

const parse = cookieParser();

/** The cookies of a request by name, URL-decoded; names and values are as the client sent them. */
export function readCookies(headers: IncomingHttpHeaders): ReadonlyMap<string, string> {
  if (headers.cookie === undefined) return new Map();
  const request = { headers } as Parameters<typeof parse>[0];
  parse(request, {} as Parameters<typeof parse>[1], () => undefined);
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(request.cookies as Record<string, unknown>)) {
    if (typeof value === "string") found.set(name, value);
  }
  return found;
}

/** Names and attributes of this instance's cookies (docs/protocol.md §4). */
export function createCookies(config: Config): Cookies {
  const { advanced } = config;
  const secure = advanced.useSecureCookies;
  const prefix = `${secure ? SECURE_PREFIX : ""}${advanced.cookiePrefix}.`;
  const base: CookieAttributes = {
    path: "/",
    httpOnly: true,
    sameSite: "lax",
    ...(secure && { secure }),
    ...crossSubDomain(config),
    ...advanced.defaultCookieAttributes,
  };
  const settings = (key: CookieKey, name: string): CookieSettings => {
    const own = advanced.cookies[key];
    const full = own?.name === undefined ? prefix + name : (secure ? SECURE_PREFIX : "") + own.name;
    return { name: full, attributes: { ...base, ...own?.attributes } };
  };
  const sessionToken = settings("session_token", OWN_SESSION_NAME);
  const plain = [OWN_SESSION_NAME, OFFICIAL_SESSION_NAME].map(
    (name) => `${advanced.cookiePrefix}.${name}`,
  );
  const secured = plain.map((name) => SECURE_PREFIX + name);
  return {
    sessionToken,
    sessionData: settings("session_data", "session_data"),
    dontRemember: settings("dont_remember", "dont_remember"),
    knownDevice: settings("known_device", "known_device"),
    twoFactor: settings("two_factor", "two_factor"),
    trustDevice: settings("trust_device", "trust_device"),
    sessionNames: [
      ...new Set([
        ...(advanced.cookies["session_token"]?.name === undefined ? [] : [sessionToken.name]),
        ...secured,
        ...(secure ? [] : plain),
      ]),
    ],
  };
}

function crossSubDomain({ advanced, baseURL }: Config): CookieAttributes {
  if (!advanced.crossSubDomainCookies.enabled) return {};
  const domain = advanced.crossSubDomainCookies.domain ?? hostOf(baseURL);
  return domain === undefined ? {} : { domain };
}

function hostOf(baseURL: string | undefined): string | undefined {
  return baseURL === undefined ? undefined : new URL(baseURL).hostname;
}

/**
 * Puts a cookie into the answer, in place of an earlier one of the same name.
 *
 * @param maxAge seconds; absent: until the browser closes
 */
export function setCookie(
  reply: Reply,
  { name, attributes }: CookieSettings,
  value: string,
  maxAge?: number,
): void {
  const life = maxAge === undefined ? {} : { maxAge };
  reply.cookies.set(name, { value, attributes: { ...attributes, ...life } });
}

/** Bytes of a `Set-Cookie` line besides the value. */
export function headerLength({ name, attributes }: CookieSettings, maxAge?: number): number {
  const life = maxAge === undefined ? {} : { maxAge };
  return Buffer.byteLength(stringifySetCookie({ name, value: "", ...attributes, ...life }));
}

/** Expires a cookie: empty value, `Max-Age=0`, same attributes. */
export function clearCookie(reply: Reply, settings: CookieSettings): void {
  setCookie(reply, settings, "", 0);
}

/** As `clearCookie`, when the request carries it. */
export function clearSentCookie(
  { request, reply }: { readonly request: RequestInfo; readonly reply: Reply },
  settings: CookieSettings,
): void {
  if (readCookies(request.headers).has(settings.name)) clearCookie(reply, settings);
}

/** The `Set-Cookie` lines of an answer. */
export function cookieHeaders(reply: Reply): string[] {
  return [...reply.cookies].map(([name, { value, attributes }]) =>
    stringifySetCookie({ name, value, ...attributes }),
  );
}

/** Expires the session cookie's other names, where the request carries them. */
export function clearOtherSessionNames(cookies: Cookies, request: RequestInfo, reply: Reply): void {
  const sent = readCookies(request.headers);
  for (const name of cookies.sessionNames) {
    if (name === cookies.sessionToken.name || !sent.has(name)) continue;
    // Browsers refuse a cookie of this prefix without Secure, also when it is to expire.
    const secure = name.startsWith(SECURE_PREFIX) ? { secure: true } : {};
    clearCookie(reply, { name, attributes: { ...cookies.sessionToken.attributes, ...secure } });
  }
}
