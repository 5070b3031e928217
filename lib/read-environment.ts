import { randomBytes } from "node:crypto";
import type { Config } from "./config.ts";
import { describe, wrong } from "./option-errors.ts";
import type { SecretVersion } from "./options.ts";
import type { ParsedOptions } from "./options-schema.ts";
import { parseURL } from "./parse-url.ts";

/** What Better Auth falls back to outside production; publicly known. */
const OFFICIAL_DEFAULT_SECRET = "better-auth-secret-12345678901234567890";
const MIN_SECRET_LENGTH = 32;
const RANDOM_SECRET = `pass a random text of at least ${String(MIN_SECRET_LENGTH)} characters`;

/** What is found on the way: for the log, and what stops a start in production. */
export interface Notes {
  readonly production: boolean;
  readonly warnings: string[];
  /** Named together, so that a first start in production has to fail only once. */
  readonly missing: string[];
}

/**
 * The URL of the app: the option, else `BETTER_AUTH_URL`.
 *
 * @throws TypeError when it is no http(s) URL of origin and path
 */
export function readBaseURL(
  baseURL: ParsedOptions["baseURL"],
  env: NodeJS.ProcessEnv,
  { production, warnings, missing }: Notes,
): URL | undefined {
  const found = firstGiven(
    ["baseURL", typeof baseURL === "string" ? baseURL : undefined],
    ["baseURL.fallback", typeof baseURL === "object" ? baseURL.fallback : undefined],
    ["BETTER_AUTH_URL", env["BETTER_AUTH_URL"]],
  );
  if (found === undefined) {
    const advice = "pass the URL of the app, or set BETTER_AUTH_URL";
    if (production) missing.push(`baseURL is missing; ${advice}`);
    else {
      warnings.push(
        `baseURL is missing, so each request's own origin is used for its links; in production ${advice}`,
      );
    }
    return undefined;
  }
  const [name, value] = found;
  const url = parseURL(value) ?? undefined;
  if (
    url === undefined ||
    !["http:", "https:"].includes(url.protocol) ||
    `${url.username}${url.password}${url.search}${url.hash}` !== "" ||
    !isBasePath(withoutTrailingSlashes(url.pathname))
  ) {
    const must = "an http or https URL of origin and path, without user name, query and fragment";
    throw wrong(`${name} must be ${must}, got ${describe(value, name)}`);
  }
  if (production && url.protocol === "http:") {
    warnings.push(
      `${name} is http in production: passwords and cookies can be read on the way; pass the https address that browsers use`,
    );
  }
  return url;
}

/** The first that is neither undefined nor empty, with its name. */
function firstGiven(
  ...candidates: readonly (readonly [name: string, value: string | undefined])[]
): readonly [name: string, value: string] | undefined {
  for (const [name, value] of candidates) {
    if (value !== undefined && value !== "") return [name, value];
  }
  return undefined;
}

/**
 * The path that the router is mounted on, as far as the options say it.
 *
 * @throws TypeError when it is no path
 */
export function readBasePath(given: string | undefined, url: URL | undefined): string | undefined {
  if (given === undefined) {
    const path = withoutTrailingSlashes(url?.pathname ?? "");
    return path === "" ? undefined : path;
  }
  if (given === "/") return "";
  if (given === "" || !isBasePath(given)) {
    const must = "a path that starts with a slash and does not end with one, e.g. /auth";
    throw wrong(`basePath must be ${must}, got ${describe(given, "basePath")}`);
  }
  return given;
}

function withoutTrailingSlashes(path: string): string {
  return path.replace(/\/+$/, "");
}

/** Whether it is "" or a path as URLs have it: nothing to encode or resolve, no empty segment. */
function isBasePath(path: string): boolean {
  return (
    /^(?:\/[^/?#]+)*$/.test(path) && new URL(path, "http://localhost").pathname === (path || "/")
  );
}

/**
 * The secrets: the options, else `BETTER_AUTH_SECRETS`, `BETTER_AUTH_SECRET`, `AUTH_SECRET`, else a random one.
 *
 * @throws TypeError when one is weak in production, or the list is malformed
 */
export function readSecrets(
  { secret, secrets: listed }: Pick<ParsedOptions, "secret" | "secrets">,
  env: NodeJS.ProcessEnv,
  { production, warnings, missing }: Notes,
): Pick<Config, "secrets" | "versionedSecrets" | "legacySecret"> {
  const [name, single] =
    firstGiven(
      ["secret", secret],
      ["BETTER_AUTH_SECRET", env["BETTER_AUTH_SECRET"]],
      ["AUTH_SECRET", env["AUTH_SECRET"]],
    ) ?? [];
  const [current, ...older] = listed ?? parseSecrets(env["BETTER_AUTH_SECRETS"] ?? "");
  const check = (option: string, value: string): void => {
    const weakness = weaknessOf(value);
    if (weakness === undefined) return;
    const message = `${option} ${weakness}; ${RANDOM_SECRET}`;
    if (production) throw wrong(message);
    warnings.push(message);
  };

  if (current !== undefined) {
    const secrets: Config["secrets"] = [current, ...older];
    for (const { version, value } of secrets) check(`secrets: version ${String(version)}`, value);
    const legacySecret = single === OFFICIAL_DEFAULT_SECRET ? undefined : single;
    return { secrets, versionedSecrets: true, legacySecret };
  }
  if (name !== undefined && single !== undefined) {
    check(name, single);
    return {
      secrets: [{ version: 0, value: single }],
      versionedSecrets: false,
      legacySecret: single,
    };
  }
  const advice = `${RANDOM_SECRET}, or set BETTER_AUTH_SECRET`;
  if (production) missing.push(`secret is missing; ${advice}`);
  else
    warnings.push(
      `secret is missing, so sessions and second factors end when the process restarts; ${advice}`,
    );
  const value = randomBytes(MIN_SECRET_LENGTH).toString("base64url");
  return { secrets: [{ version: 0, value }], versionedSecrets: false, legacySecret: value };
}

function weaknessOf(secret: string): string | undefined {
  if (secret === OFFICIAL_DEFAULT_SECRET) return "is Better Auth's default, which everyone knows";
  return secret.length < MIN_SECRET_LENGTH
    ? `has a length of only ${String(secret.length)}`
    : undefined;
}

/** `2:new,1:old`, as Better Auth reads `BETTER_AUTH_SECRETS`. */
function parseSecrets(list: string): SecretVersion[] {
  if (list === "") return [];
  const secrets = list.split(",").map((entry) => {
    const { version, value } =
      /^\s*(?<version>\d+):\s*(?<value>.*\S)\s*$/.exec(entry)?.groups ?? {};
    if (version === undefined || value === undefined) {
      throw wrong("BETTER_AUTH_SECRETS must be a list of the form 2:new,1:old");
    }
    return { version: Number(version), value };
  });
  if (new Set(secrets.map(({ version }) => version)).size < secrets.length) {
    throw wrong("BETTER_AUTH_SECRETS must contain each version once");
  }
  return secrets;
}

/** What is trusted besides the app itself. */
export function readTrustedOrigins(
  given: ParsedOptions["trustedOrigins"],
  url: URL | undefined,
  env: NodeJS.ProcessEnv,
): Config["trustedOrigins"] {
  const list = [
    url?.origin,
    ...(typeof given === "function" ? [] : given),
    ...(env["BETTER_AUTH_TRUSTED_ORIGINS"] ?? "").split(",").map((origin) => origin.trim()),
  ].filter(isOrigin);
  return {
    list: [...new Set(list)],
    find:
      typeof given === "function"
        ? async (request) => (await given(request)).filter(isOrigin)
        : undefined,
  };
}

function isOrigin(origin: unknown): origin is string {
  return typeof origin === "string" && origin !== "";
}
