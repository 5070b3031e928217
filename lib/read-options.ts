import type { z } from "zod";
import type { Config } from "./config.ts";
import { inertNames, memberGroup } from "./known-options.ts";
import { explain, wrong } from "./option-errors.ts";
import type { AuthOptions } from "./options.ts";
import { schema, type ParsedOptions, type Written } from "./options-schema.ts";
import type { Plugin } from "./plugin.ts";
import {
  readBasePath,
  readBaseURL,
  readSecrets,
  readTrustedOrigins,
  type Notes,
} from "./read-environment.ts";

/**
 * Checks the options once, at start.
 *
 * @param env `process.env`: NODE_ENV, BETTER_AUTH_URL, BETTER_AUTH_SECRET, BETTER_AUTH_SECRETS, AUTH_SECRET,
 *   BETTER_AUTH_TRUSTED_ORIGINS
 * @throws TypeError naming each wrong option, what was got and what to pass; it never shows a text that was given
 */
export function readOptions(options: AuthOptions, env: NodeJS.ProcessEnv): Config {
  const inert: string[] = [];
  const given: z.input<typeof schema> = options;
  const result = schema.safeParse(withoutInert(given, "", "", inert), {
    reportInput: true,
    // Parsed once: compiling a parser would cost more than it saves.
    jitless: true,
  });
  if (!result.success) {
    throw wrong(result.error.issues.map((issue) => explain(issue, issue.path)).join("; "));
  }
  const { secret, secrets, baseURL, basePath, trustedOrigins, ...rest } = result.data;
  const { emailAndPassword, socialProviders, verification, rateLimit, advanced } = rest;
  const isOnlyWay =
    options.emailAndPassword === undefined && Object.keys(socialProviders).length === 0;
  checkPlugins(result.data.plugins);
  refuseTakenNames(result.data);
  const { minPasswordLength, maxPasswordLength } = emailAndPassword;
  if (minPasswordLength > maxPasswordLength) {
    const got = `${String(minPasswordLength)} and ${String(maxPasswordLength)}`;
    throw wrong(`emailAndPassword.minPasswordLength must be at most maxPasswordLength, got ${got}`);
  }
  const production = env["NODE_ENV"] === "production";
  const warnings: string[] = [];
  if (inert.length > 0) warnings.push(`These options have no effect here: ${inert.join(", ")}`);
  const later = withoutEffectYet(options);
  if (later.length > 0) warnings.push(`These options have no effect yet: ${later.join(", ")}`);
  if (rateLimit.storage === "secondary-storage") {
    warnings.push('rateLimit.storage "secondary-storage" means the database here');
  }
  warnings.push(...contradictions(options, result.data));
  const missing: string[] = [];
  const notes: Notes = { production, warnings, missing };
  const url = readBaseURL(baseURL, env, notes);
  const keys = readSecrets({ secret, secrets }, env, notes);
  if (missing.length > 0) throw wrong(missing.join("; "));
  const useSecureCookies = advanced.useSecureCookies ?? url?.protocol === "https:";
  const { enabled: crossSubDomain, domain } = advanced.crossSubDomainCookies;
  if (crossSubDomain && domain === undefined && url === undefined) {
    throw wrong("advanced.crossSubDomainCookies.domain is missing; pass it, or pass baseURL");
  }

  return Object.freeze({
    ...rest,
    production,
    baseURL: url?.origin,
    basePath: readBasePath(basePath, url),
    ...keys,
    trustedOrigins: readTrustedOrigins(trustedOrigins, url, env),
    emailAndPassword: { ...emailAndPassword, enabled: emailAndPassword.enabled ?? isOnlyWay },
    verification: {
      ...verification,
      storeIdentifier:
        verification.storeIdentifier ?? (advanced.compatibility === undefined ? "hashed" : "plain"),
    },
    rateLimit: {
      ...rateLimit,
      enabled: rateLimit.enabled ?? production,
      storage: rateLimit.storage === "memory" ? "memory" : "database",
    },
    advanced: {
      ...advanced,
      useSecureCookies,
      disableCSRFCheck: advanced.disableCSRFCheck ?? advanced.disableOriginCheck === true,
    },
    warnings,
  } satisfies Config);
}

/** Checked, and read by nothing yet. The warning at start and the mark in docs/options.md are made from this list. */
export const WITHOUT_EFFECT_YET = [
  "socialProviders",
  "user.fields",
  "session.fields",
  "session.cache",
  "account.fields",
  "account.additionalFields",
  "account.updateAccountOnSignIn",
  "account.accountLinking",
  "account.encryptOAuthTokens",
  "account.skipStateCookieCheck",
  "account.storeStateStrategy",
  "account.storeAccountCookie",
  "verification.fields",
  "verification.additionalFields",
  "rateLimit.fields",
] as const satisfies readonly Written[];

/** Names that additional fields cannot have: built-in fields, and what else the bodies of requests carry. */
const TAKEN_NAMES = {
  user: [
    ...["id", "_id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt"],
    ...["password", "newPassword", "currentPassword", "token"],
    ...["callbackURL", "rememberMe", "dontRememberMe"],
  ],
  session: [
    ...["id", "_id", "token", "userId", "expiresAt", "createdAt", "updatedAt", "ipAddress"],
    ...["userAgent", "user", "twoFactorVerifiedAt", "userVerified", "impersonatedBy"],
  ],
} as const;

function refuseTakenNames(data: ParsedOptions): void {
  for (const model of ["user", "session"] as const) {
    const given = Object.entries(data[model].additionalFields);
    const refuse = (names: readonly string[], owner: string): void => {
      for (const [name, { fieldName = name }] of given) {
        const taken = [name, fieldName].find((one) => names.includes(one));
        if (taken === undefined) continue;
        const option = `${model}.additionalFields.${name}${taken === name ? "" : ".fieldName"}`;
        const what = taken === name ? "" : `"${taken}", `;
        throw wrong(`${option} is ${what}the name of a field of ${owner}; choose another one`);
      }
    };
    refuse(TAKEN_NAMES[model], "the library");
    for (const { id, exposes } of data.plugins) {
      refuse(Object.keys(exposes?.[model] ?? {}), `the feature "${id}"`);
    }
  }
}

/** What to do in place of a plugin of Better Auth, by its id. */
const INSTEAD_OF_PLUGIN: Readonly<Record<string, string>> = {
  bearer: "here bearer is always on, remove it",
  "have-i-been-pwned": "here it is the option emailAndPassword.haveIBeenPwned: true",
  username: "import username from better-auth-express",
  "two-factor": "import twoFactor from better-auth-express",
};

/** @throws TypeError when an entry is not of this package's kind, or two have one id */
function checkPlugins(plugins: readonly Plugin[]): void {
  const ids = new Set<string>();
  for (const [index, { id, endpoints, models }] of plugins.entries()) {
    const name = `plugins[${String(index)}] ("${id}")`;
    // JavaScript callers, and casts, may pass anything that has an id.
    if (!Array.isArray(endpoints) || !Array.isArray(models)) {
      const instead = INSTEAD_OF_PLUGIN[id] ?? "features come from better-auth-express";
      throw wrong(`${name} is made by better-auth; ${instead}`);
    }
    if (ids.has(id)) throw wrong(`${name} has the id of another plugin; remove one of them`);
    ids.add(id);
  }
}

/** Options that wait in vain for another one; a sentence each. */
function contradictions(options: AuthOptions, data: ParsedOptions): string[] {
  const given = options.emailAndPassword ?? {};
  const hasCallback = Object.values(given).some((value) => typeof value === "function");
  const found: string[] = [];
  if (hasCallback && given.enabled === undefined) {
    found.push(
      "emailAndPassword has callbacks, and its endpoints are off: pass emailAndPassword.enabled, true or false",
    );
  }
  if (data.emailVerification.sendVerificationEmail !== undefined) return found;
  for (const [name, consequence] of needingVerificationEmail(data)) {
    found.push(`${name} needs emailVerification.sendVerificationEmail: without it ${consequence}`);
  }
  return found;
}

/** Options in use that need `sendVerificationEmail`, each with what happens without it. */
function needingVerificationEmail(data: ParsedOptions): [name: string, consequence: string][] {
  const { emailAndPassword, emailVerification, user } = data;
  const { enabled: changes, sendChangeEmailConfirmation: confirms } = user.changeEmail;
  const found: [string, string][] = [];
  if (emailAndPassword.requireEmailVerification) {
    found.push([
      "emailAndPassword.requireEmailVerification",
      "no mail is sent at sign-up, and nobody new can sign in",
    ]);
  }
  if (emailVerification.sendOnSignUp === true) {
    found.push(["emailVerification.sendOnSignUp", "no mail is sent"]);
  }
  if (changes && confirms !== undefined) {
    const consequence =
      "the new address cannot be asked, and the address stays as it is after the old one has confirmed";
    found.push(["user.changeEmail.sendChangeEmailConfirmation", consequence]);
  } else if (changes && !user.changeEmail.updateEmailWithoutVerification) {
    found.push(["user.changeEmail.enabled", "no address can be changed"]);
  }
  return found;
}

/** Those of `WITHOUT_EFFECT_YET` that are asked for: given, and neither off nor empty. */
function withoutEffectYet(options: AuthOptions): string[] {
  return WITHOUT_EFFECT_YET.filter((path) => {
    const value = valueAt(options, path);
    // `session.cache: {}` is on; the other objects hold what is asked for by name.
    return isRecord(value) && path !== "session.cache"
      ? Object.values(value).some((one) => one !== undefined)
      : value !== undefined && value !== false;
  });
}

function valueAt(options: object, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, name) => (isRecord(value) ? value[name] : undefined), options);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** A copy without the options that are without effect; their full names are added to `found`. */
function withoutInert(value: unknown, pattern: string, path: string, found: string[]): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const inert = inertNames(pattern);
  const kept: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    const full = path === "" ? name : `${path}.${name}`;
    if (!inert.includes(name)) {
      const below = memberGroup(pattern, name);
      kept.push([name, below === null ? member : withoutInert(member, below, full, found)]);
    } else if (member !== undefined) {
      found.push(full);
    }
  }
  return Object.fromEntries(kept);
}
