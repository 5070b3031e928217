import { parseURL } from "../parse-url.ts";
import type { TrustedOrigins } from "./trusted-origins.ts";

/** Path and query of a relative address; the path has no percent sign, so nothing in it can be encoded. */
const RELATIVE = /^(\/[A-Za-z0-9_\-.+/@]*)(?:\?[A-Za-z0-9_\-.+/@=&%]*)?$/;

/** Never a host of ours; relative addresses are parsed against it. */
const PLACEHOLDER = "http://relative.invalid";

/**
 * Checks where a browser may be sent: `callbackURL`, `redirectTo` and their kin (docs/protocol.md §5, RFC 9700 §4.11).
 * A relative address must be a plain path of this site; an absolute one must have a trusted origin.
 *
 * @param value from the request, or stored by an earlier one
 * @returns the address as the WHATWG parser writes it, relative when `value` was; null when it must be refused
 */
export function checkRedirectURL(value: string, trusted: TrustedOrigins): string | null {
  return value.startsWith("/") ? checkRelative(value) : checkAbsolute(value, trusted);
}

/**
 * Makes a checked address absolute.
 *
 * @param value what `checkRedirectURL` returned
 * @param baseURL origin of this site; a path in it is ignored, because a relative address begins with `/`
 * @throws TypeError when a relative address leaves that origin, so was not checked
 */
export function resolveRedirectURL(value: string, baseURL: string | URL): string {
  if (!value.startsWith("/")) return new URL(value).href;
  const base = new URL(baseURL);
  const url = new URL(value, base);
  if (url.origin !== base.origin) throw new TypeError("redirect address was not checked");
  return url.href;
}

/**
 * Adds query parameters to a relative or absolute address and keeps the rest as it is. Parameters of the same name
 * are replaced: otherwise a prepared callback address could plant its own `token` or `error` before ours.
 *
 * @param params names and values, not encoded
 */
export function withQuery(url: string, params: Readonly<Record<string, string>>): string {
  const [, path = "", query = "", fragment = ""] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(url) ?? [];
  const kept = query
    .slice(1)
    .split("&")
    .filter((pair) => pair !== "" && !namesOneOf(pair, params));
  const added = new URLSearchParams(params).toString();
  const pairs = added === "" ? kept : [...kept, added];
  return path + (pairs.length === 0 ? "" : `?${pairs.join("&")}`) + fragment;
}

/**
 * Writes an address as the WHATWG parser does, wherever it leads: for apps that switched the check off.
 *
 * @returns null when it is no address
 */
export function serialiseRedirectURL(value: string): string | null {
  if (!value.startsWith("/")) return parseURL(value)?.href ?? null;
  const url = parseURL(PLACEHOLDER + value);
  return url === null ? null : url.pathname + url.search + url.hash;
}

function checkRelative(value: string): string | null {
  const [, path] = RELATIVE.exec(value) ?? [];
  if (path === undefined || path.includes("//")) return null;
  if (path.split("/").some((segment) => segment === "." || segment === "..")) return null;
  const url = new URL(value, PLACEHOLDER);
  return url.origin === PLACEHOLDER ? url.pathname + url.search : null;
}

function checkAbsolute(value: string, trusted: TrustedOrigins): string | null {
  // The parser drops tabs and newlines and reads a backslash as a slash: what it sees is not what was written.
  if (/[\p{Cc}\\]/u.test(value)) return null;
  const url = parseURL(value);
  if (url === null || hasUserinfo(url, value) || /%(?:2f|5c|00)/i.test(url.host)) return null;
  return trusted.matchesUrl(url) ? url.href : null;
}

/** Also when it is empty (`https://@host`), which the parser forgets. */
function hasUserinfo(url: URL, value: string): boolean {
  if (url.username !== "" || url.password !== "") return true;
  const [, authority = ""] = /^[^:]*:\/\/([^/?#]*)/.exec(value) ?? [];
  return authority.includes("@");
}

function namesOneOf(pair: string, params: Readonly<Record<string, string>>): boolean {
  return [...new URLSearchParams(pair).keys()].some((name) => Object.hasOwn(params, name));
}
