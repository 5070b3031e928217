import type { AuthContext, RequestInfo } from "../context.ts";
import { unsign } from "../crypto/signature.ts";
import { OWN_SESSION_NAME } from "./cookies.ts";

/**
 * Form of a session token: 32 letters and digits. Nothing else is ever looked up, so neither a stored hash
 * (`h1:…`) nor a handle (`session_…`) can serve as one.
 */
const TOKEN = /^[A-Za-z0-9]{32}$/;
const BEARER = /^Bearer +(\S+) *$/i;

/** The session tokens that a request presents, best first: Bearer, then the cookies in the protocol's order. */
export function presentedTokens(
  auth: AuthContext,
  request: RequestInfo,
  cookies: ReadonlyMap<string, string>,
): string[] {
  const bearer = bearerToken(auth, request.headers.authorization);
  const tokens = bearer !== null && TOKEN.test(bearer) ? [bearer] : [];
  return [...new Set([...tokens, ...cookieTokens(auth, cookies)])];
}

/** The session tokens in the cookies of a request, best first. */
export function cookieTokens(auth: AuthContext, cookies: ReadonlyMap<string, string>): string[] {
  return auth.cookies.sessionNames.flatMap((name) => {
    const value = cookies.get(name);
    const token = value === undefined ? null : cookieToken(auth, name, value);
    return token !== null && TOKEN.test(token) ? [token] : [];
  });
}

/** A signed value, or the bare token under our own name. A bad signature is no session. */
function cookieToken(auth: AuthContext, name: string, value: string): string | null {
  if (value.includes(".")) return unsign(value, auth.keys.signing);
  return name.endsWith(`.${OWN_SESSION_NAME}`) ? value : null;
}

function bearerToken(auth: AuthContext, header: string | undefined): string | null {
  const value = bearerValue(header);
  if (!value?.includes(".")) return value;
  return unsign(value, auth.keys.signing);
}

/** What a Bearer header carries, URL-decoded; null when it is none. */
export function bearerValue(header: string | undefined): string | null {
  const value = header === undefined ? undefined : BEARER.exec(header)?.[1];
  return value === undefined ? null : decoded(value);
}

function decoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** Whether the signed `dont_remember` cookie says that the session ends with the browser. */
export function endsWithBrowser(
  { cookies: { dontRemember }, keys }: AuthContext,
  cookies: ReadonlyMap<string, string>,
): boolean {
  const value = cookies.get(dontRemember.name);
  return value !== undefined && unsign(value, keys.signing) === "true";
}
