import { isIPv4 } from "node:net";
import { parseURL } from "../parse-url.ts";

/** Compiled `trustedOrigins`: who may call with cookies, and where a browser may be sent. */
export interface TrustedOrigins {
  /** For the `Origin` header: a serialised origin (RFC 6454 §6.2); "null" and anything with a path is not trusted. */
  readonly matchesOrigin: (origin: string) => boolean;
  /** For an absolute address; looks at scheme, host and port, for custom schemes also at the path, never at userinfo. */
  readonly matchesUrl: (url: URL) => boolean;
}

type Matcher = (url: URL) => boolean;

/** Schemes that run or read something in the browser itself; a pattern that names one is refused. */
const DANGEROUS_SCHEMES: ReadonlySet<string> = new Set([
  "about:",
  "blob:",
  "data:",
  "file:",
  "filesystem:",
  "javascript:",
  "vbscript:",
  "view-source:",
]);

const WEB_SCHEMES: ReadonlySet<string> = new Set(["http:", "https:"]);

/** Host and port of a pattern with wildcards; international names in their ASCII form. */
const GLOB_HOST = /^[a-z0-9._:*?[\]-]+$/;
const GLOB_SCHEME = /^[a-z*?][a-z0-9+.*?-]*$/;
/** Characters; a longer host or address matches no wildcard. */
const MAX_GLOB_TEXT = 2048;
/** A host in which every label is a number or a wildcard. */
const IPV4_GLOB = /^[0-9*?]*(?:\.[0-9*?]*)*(?::[0-9*?]*)?$/;

/**
 * Compiles `trustedOrigins` once (docs/protocol.md §5). A pattern is one of
 *
 * - an origin, `https://app.example.com`: compared as a whole;
 * - with wildcards, `https://*.example.com`, `http://localhost:*`: compared with the origin, without a scheme
 *   (`*.example.com`) with host and port of any http or https address. `*` stands for any characters and `?` for one,
 *   both but `/`; `**` for any characters. Numbers with wildcards (`192.168.*.*`) match IPv4 addresses only, never
 *   a name such as `192.168.example.com`;
 * - a custom scheme, `myapp://`, `myapp://host`, `myapp://host/path`: any address below it. Host without regard to case,
 *   path after decoding and resolving dots. With wildcards: the whole address without query.
 *
 * @throws TypeError naming `trustedOrigins`, when a pattern is malformed
 */
export function compileOrigins(patterns: readonly string[]): TrustedOrigins {
  const origins = new Set<string>();
  const matchers: Matcher[] = [];
  for (const pattern of patterns) {
    const compiled = compilePattern(pattern);
    if (typeof compiled === "string") origins.add(compiled);
    else matchers.push(compiled);
  }

  function matchesUrl(url: URL): boolean {
    // A blob: address has the origin of the page that made it.
    if (isWeb(url) && origins.has(url.origin)) return true;
    return matchers.some((matches) => matches(url));
  }

  function matchesOrigin(origin: string): boolean {
    if (origins.has(origin)) return true;
    if (/[\p{Cc}\s\\]/u.test(origin)) return false;
    const url = parseURL(origin);
    if (url === null || (isWeb(url) && url.origin !== origin)) return false;
    return matchesUrl(url);
  }

  return { matchesOrigin, matchesUrl };
}

/** The serialised origin for an exact web pattern, a matcher for the others. */
function compilePattern(pattern: string): string | Matcher {
  if (pattern === "") throw malformed(pattern, "must not be empty");
  if (/[\p{Cc}\s\\@#]/u.test(pattern)) {
    throw malformed(pattern, "must not contain white space, a backslash, '@' or '#'");
  }
  const hasWildcard = /[*?]/.test(pattern);
  const schemeEnd = pattern.indexOf("://");
  if (schemeEnd === -1) {
    if (!hasWildcard) throw malformed(pattern, `needs a scheme, as in "https://app.example.com"`);
    return compileHostGlob(pattern);
  }
  const scheme = pattern.slice(0, schemeEnd).toLowerCase();
  const rest = pattern.slice(schemeEnd + "://".length);
  if (!GLOB_SCHEME.test(scheme)) throw malformed(pattern, "has no valid scheme");
  if (DANGEROUS_SCHEMES.has(`${scheme}:`)) throw malformed(pattern, "names an unsafe scheme");
  if (!/[*?]/.test(scheme) && !WEB_SCHEMES.has(`${scheme}:`)) {
    return hasWildcard ? compileCustomGlob(scheme, rest) : compileCustom(pattern);
  }
  if (rest.includes("/"))
    throw malformed(pattern, "must end after the host, without path or slash");
  return hasWildcard ? compileOriginGlob(pattern, scheme, rest) : serialisedOrigin(pattern);
}

function serialisedOrigin(pattern: string): string {
  const url = parseURL(pattern);
  if (url === null) throw malformed(pattern, "is not an origin");
  return url.origin;
}

function compileOriginGlob(pattern: string, scheme: string, rest: string): Matcher {
  const host = globHost(pattern, rest);
  const matches = compileGlob(`${scheme}://${host}`);
  const isAddress = isAddressGlob(host);
  return (url) => isWeb(url) && (!isAddress || isIPv4(url.hostname)) && matches(url.origin);
}

function compileHostGlob(pattern: string): Matcher {
  const host = globHost(pattern, pattern);
  const matches = compileGlob(host);
  const isAddress = isAddressGlob(host);
  return (url) => isWeb(url) && (!isAddress || isIPv4(url.hostname)) && matches(url.host);
}

function globHost(pattern: string, text: string): string {
  const host = text.toLowerCase();
  if (!GLOB_HOST.test(host)) throw malformed(pattern, "must be a host in ASCII, without a path");
  return host;
}

function isAddressGlob(host: string): boolean {
  const [name = ""] = host.split(":");
  return IPV4_GLOB.test(host) && /[0-9]/.test(name);
}

function compileCustom(pattern: string): Matcher {
  const expected = parseURL(pattern);
  if (expected === null) throw malformed(pattern, "is not an address");
  const host = expected.host.toLowerCase();
  const path = resolvedPath(expected);
  if (path === null) throw malformed(pattern, "has a path that is encoded twice or wrongly");
  return function matchesCustom(url) {
    if (url.protocol !== expected.protocol || !hasAuthority(url)) return false;
    if (host !== "" && url.host.toLowerCase() !== host) return false;
    if (path === "") return true;
    const actual = resolvedPath(url);
    return actual !== null && (actual === path || actual.startsWith(`${path}/`));
  };
}

function compileCustomGlob(scheme: string, rest: string): Matcher {
  const hostEnd = rest.includes("/") ? rest.indexOf("/") : rest.length;
  const matches = compileGlob(rest.slice(0, hostEnd).toLowerCase() + rest.slice(hostEnd));
  return function matchesCustomGlob(url) {
    if (url.protocol !== `${scheme}:` || !hasAuthority(url)) return false;
    const host = url.host.toLowerCase();
    const path = resolvedPath(url);
    if (path === null) return false;
    return matches(host + path) || (path === "" && matches(`${host}/`));
  };
}

/** `myapp://…`; without the slashes (`myapp:…`) there is no host to compare. */
function hasAuthority(url: URL): boolean {
  return url.href.startsWith(`${url.protocol}//`);
}

function isWeb(url: URL): boolean {
  return WEB_SCHEMES.has(url.protocol);
}

/**
 * The path as an app might read it, "" for the root: otherwise `myapp://host/callback/%2e%2e%2fevil` would pass as
 * being below `/callback`. Null when it is encoded wrongly, or so that a second decoding would change its segments.
 */
function resolvedPath(url: URL): string | null {
  const path = decoded(url.pathname);
  if (path === null || /\\|%(?:2e|2f|5c|25)/i.test(path)) return null;
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "." && segment !== "") segments.push(segment);
  }
  return segments.map((segment) => `/${segment}`).join("");
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/**
 * One pass per pattern character over the text, so the time is their product whatever the pattern is; a regular
 * expression with several wildcards would backtrack.
 */
function compileGlob(pattern: string): (text: string) => boolean {
  const tokens = pattern.match(/\*+|./gs) ?? [];
  return function matchesGlob(text) {
    if (text.length > MAX_GLOB_TEXT) return false;
    // reached[n]: the tokens so far can stand for the first n characters.
    let reached = [true];
    for (const token of tokens) reached = advance(token, reached, text);
    return reached[text.length] === true;
  };
}

function advance(token: string, reached: readonly boolean[], text: string): boolean[] {
  const next = [token.startsWith("*") && reached[0] === true];
  for (let end = 1; end <= text.length; end += 1) {
    const character = text.charAt(end - 1);
    next[end] = token.startsWith("*")
      ? reached[end] === true || (next[end - 1] === true && (token !== "*" || character !== "/"))
      : reached[end - 1] === true && (token === "?" ? character !== "/" : character === token);
  }
  return next;
}

function malformed(pattern: string, reason: string): TypeError {
  return new TypeError(`betterAuth(): trustedOrigins: ${JSON.stringify(pattern)} ${reason}`);
}
