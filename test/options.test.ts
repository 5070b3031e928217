import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import mongoose, { createConnection, mongo } from "mongoose";
import ts from "typescript";
import { inertOptions } from "../lib/known-options.ts";
import { twoFactor, username } from "../lib/index.ts";
import type { Config } from "../lib/config.ts";
import type { AuthOptions } from "../lib/options.ts";
import { readOptions } from "../lib/read-options.ts";

const secret = "0123456789abcdefghijklmnopqrstuv";
const given = { baseURL: "https://app.example.com", secret };
const production = { NODE_ENV: "production" };

/** Lets anything through the compiler, as JavaScript callers can. */
function isUnchecked(options: unknown): options is AuthOptions {
  return options !== readOptions;
}

function readUnchecked(options: unknown, env: NodeJS.ProcessEnv = {}): Config {
  assert(isUnchecked(options));
  return readOptions(options, env);
}

function messageOf(options: unknown, env: NodeJS.ProcessEnv = {}): string {
  try {
    readUnchecked(options, env);
  } catch (error) {
    assert(error instanceof TypeError, String(error));
    assert.equal(error.cause, undefined);
    return error.message;
  }
  return assert.fail("nothing was thrown");
}

/** `advanced.database` and 5 to `{ advanced: { database: 5 } }`. */
function nest(path: string, value: unknown): unknown {
  return path
    .split(".")
    .reduceRight<unknown>((inner, name) => ({ [name === "*" ? "mine" : name]: inner }), value);
}

describe("readOptions", () => {
  describe("given no options", () => {
    it("when outside production, then every default is filled in and what is missing is warned of", () => {
      const config = readOptions({}, {});
      assert.equal(config.production, false);
      assert.equal(config.appName, "Better Auth");
      assert.equal(config.baseURL, undefined);
      assert.equal(config.basePath, undefined);
      assert.equal(config.emailAndPassword.enabled, true, "the only way to sign in");
      assert.equal(config.emailAndPassword.revokeSessionsOnPasswordReset, true);
      assert.equal(config.emailAndPassword.blockCommonPasswords, true);
      assert.deepEqual(config.emailAndPassword.password.cost, { logN: 15, r: 8, p: 3 });
      assert.equal(config.emailVerification.expiresIn, 3600);
      assert.equal(config.user.deleteUser.deleteTokenExpiresIn, 86_400);
      assert.equal(config.session.expiresIn, 604_800);
      assert.equal(config.session.updateAge, 86_400);
      assert.equal(config.session.freshAge, 86_400);
      assert.equal(config.session.cookieCache.maxAge, 300);
      assert.equal(config.session.cache, false);
      assert.equal(config.account.encryptOAuthTokens, true);
      assert.equal(config.verification.storeIdentifier, "hashed");
      assert.deepEqual(config.rateLimit.account, { maxFailures: 50, window: 3600 });
      assert.deepEqual(config.rateLimit.mailbox, { max: 5, window: 3600 });
      assert.equal(config.advanced.cookiePrefix, "better-auth");
      assert.equal(config.advanced.database.autoIndex, true);
      assert.equal(config.logger.level, "warn");
      assert.deepEqual(config.adminRoles, ["admin"]);
      assert.deepEqual(config.adminUserIds, []);
      assert.deepEqual(config.plugins, []);
      assert(Math.abs(config.now().getTime() - Date.now()) < 1000);
      assert.equal(config.randomBytes(5).length, 5);
      assert(Object.isFrozen(config));
      assert.equal(config.warnings.length, 2);
      assert.match(config.warnings[0] ?? "", /^baseURL is missing/);
      assert.match(
        config.warnings[1] ?? "",
        /^secret is missing, so sessions and second factors end when the process/,
      );
    });

    it("when another way to sign in is given, then passwords are off until they are enabled", () => {
      const enabled = (options: AuthOptions) => readOptions(options, {}).emailAndPassword.enabled;
      assert.equal(enabled({ socialProviders: { github: {} } }), false);
      assert.equal(enabled({ emailAndPassword: { minPasswordLength: 10 } }), false);
      assert.equal(enabled({ emailAndPassword: { enabled: true } }), true);
    });

    it("when an option is undefined at any level, then it counts as not given", () => {
      const plain = readOptions(given, {});
      const config = readOptions(
        {
          ...given,
          appName: undefined,
          basePath: undefined,
          database: undefined,
          trustedOrigins: undefined,
          emailAndPassword: {
            enabled: true,
            minPasswordLength: undefined,
            password: { cost: undefined },
          },
          session: undefined,
          rateLimit: { account: undefined, window: undefined },
          secondaryStorage: undefined,
          advanced: { defaultCookieAttributes: { path: undefined }, backgroundTasks: undefined },
        },
        {},
      );
      const defined = (parsed: Config): unknown[] =>
        Object.entries(parsed).filter(([, value]) => value !== undefined);
      assert.deepEqual(defined(config), defined(plain));
      assert.deepEqual(config.advanced.defaultCookieAttributes, {});
    });

    it("when fetch is replaced globally later, then the default uses the new one", async () => {
      const config = readOptions(given, {});
      const original = globalThis.fetch;
      globalThis.fetch = () => Promise.resolve(new Response("replaced"));
      try {
        assert.equal(await (await config.fetch("http://localhost")).text(), "replaced");
      } finally {
        globalThis.fetch = original;
      }
    });
  });

  describe("given a wrong option", () => {
    const wrong: readonly (readonly [option: string, value: unknown, expected: string])[] = [
      ["appName", "", "appName must be a text that is not empty, got an empty text"],
      ["baseURL", 5, "baseURL must be a text, got 5"],
      ["baseURL", "app.example.com", "baseURL must be an http or https URL"],
      ["baseURL", "ftp://app.example.com", "baseURL must be an http or https URL"],
      ["baseURL", "https://ada:pw@app.example.com", "baseURL must be an http or https URL"],
      ["baseURL", "https://app.example.com?x=1", "baseURL must be an http or https URL"],
      ["baseURL", "https://app.example.com#x", "baseURL must be an http or https URL"],
      ["baseURL", "https://app.example.com//auth", "baseURL must be an http or https URL"],
      ["baseURL.fallback", "nowhere", "baseURL.fallback must be an http or https URL"],
      ["basePath", "auth", "basePath must be a path that starts with a slash"],
      ["basePath", "", "basePath must be a path that starts with a slash"],
      ["basePath", "/auth/", "does not end with one"],
      ["basePath", "//auth", "basePath must be"],
      ["basePath", "/auth?x", "basePath must be"],
      ["basePath", "/a/../b", "basePath must be"],
      ["basePath", "/a b", "basePath must be"],
      ["secret", {}, "secret must be a text, got an object"],
      ["secrets", [], "secrets must be an array of at least one secret, got an empty array"],
      ["secrets", [{ version: -1, value: secret }], "secrets[0].version must be a whole number"],
      ["secrets", [{ version: 1, value: "" }], "secrets[0].value must be a text that is not empty"],
      [
        "secrets",
        [
          { version: 1, value: secret },
          { version: 1, value: secret },
        ],
        "secrets must be an array in which each version occurs once",
      ],
      ["database", "postgres://localhost", "database must be a URI that starts with mongodb://"],
      [
        "database",
        { collection: () => null },
        "or a Mongoose connection (pass mongoose.connection), got an object",
      ],
      ["trustedOrigins", 5, "trustedOrigins must be an array or a function, got 5"],
      ["trustedOrigins", ["https://a.test", 5], "trustedOrigins[1] must be a text, got 5"],
      ["emailAndPassword", true, "emailAndPassword must be an object, got true"],
      ["emailAndPassword.enabled", "yes", "must be true or false, got a text of length 3"],
      ["emailAndPassword.minPasswordLength", 0, "a whole number of characters, 1 or more, got 0"],
      ["emailAndPassword.minPasswordLength", 129, "must be at most maxPasswordLength, got 129"],
      ["emailAndPassword.password.cost.logN", 31, "a whole number of doublings, 1 to 30, got 31"],
      [
        "emailAndPassword.password.hash",
        "sha",
        "emailAndPassword.password.hash must be a function",
      ],
      ["emailAndPassword.sendResetPassword", {}, "must be a function, got an object"],
      ["emailVerification.expiresIn", NaN, "a whole number of seconds, 1 or more, got NaN"],
      ["session.expiresIn", "7d", "session.expiresIn must be a whole number of seconds"],
      ["session.expiresIn", Infinity, "got Infinity"],
      ["session.updateAge", -1, "session.updateAge must be a whole number of seconds, 0 or more"],
      ["session.freshAge", 1.5, "session.freshAge must be a whole number of seconds, 0 or more"],
      ["session.cookieCache.strategy", "jws", 'must be one of "compact", "jwt", "jwe"'],
      ["session.cookieCache.version", 1, "a text that is not empty, or a function, got 1"],
      ["session.cache", true, "session.cache must be an object or false, got true"],
      ["session.cache.maxEntries", 0, "session.cache.maxEntries must be a whole number of entries"],
      ["user.additionalFields.locale", {}, "user.additionalFields.locale.type must be one of"],
      ["user.additionalFields.locale", { type: "text" }, 'must be one of "string", "number"'],
      ["user.additionalFields.locale", { type: [] }, "or an array of texts, got an empty array"],
      ["user.additionalFields.id", { type: "string" }, "and not id"],
      ["user.additionalFields.$x", { type: "string" }, "user.additionalFields.$x must be named"],
      [
        "user.additionalFields.locale",
        { type: "string", validator: { input: {} } },
        "user.additionalFields.locale.validator.input must be a Standard Schema",
      ],
      ["account.storeStateStrategy", "memory", 'must be one of "database", "cookie"'],
      ["verification.storeIdentifier", "md5", 'must be "plain", "hashed", { hash } or'],
      ["verification.storeIdentifier", { default: "md5" }, "verification.storeIdentifier.default"],
      ["rateLimit.window", 0, "rateLimit.window must be a whole number of seconds, 1 or more"],
      ["rateLimit.storage", "redis", 'rateLimit.storage must be one of "memory", "database"'],
      ["rateLimit.account", true, "rateLimit.account must be an object or false, got true"],
      ["rateLimit.mailbox.max", -5, "rateLimit.mailbox.max must be a whole number of mails"],
      [
        "rateLimit.customRules",
        { "/ok": { window: -1, max: 3 } },
        'rateLimit.customRules["/ok"].window must be a whole number of seconds, 1 or more, got -1',
      ],
      ["rateLimit.customRules", { ok: false }, "must be a path that starts with a slash"],
      ["rateLimit.customRules", { "/ok": 3 }, "must be { window, max }, false or a function"],
      ["advanced.cookiePrefix", "my app", "allows in cookie names, got a text of length 6"],
      ["advanced.cookiePrefix", "app;", "allows in cookie names"],
      ["advanced.cookies.session_token.name", "a=b", "allows in cookie names"],
      ["advanced.defaultCookieAttributes.sameSite", "no", 'must be one of "strict", "lax", "none"'],
      ["advanced.disableOriginCheck", ["x"], "must be a path that starts with a slash"],
      ["advanced.compatibility", "1.4", 'advanced.compatibility must be one of "better-auth"'],
      ["logger.level", "trace", 'must be one of "debug", "info", "warn", "error"'],
      ["logger.log", "console", "logger.log must be a function"],
      [
        "databaseHooks.user.create.before",
        [],
        "databaseHooks.user.create.before must be a function",
      ],
      [
        "hooks.before",
        1,
        "hooks.before must be a function, or an object of functions by the names of endpoints",
      ],
      ["onAPIError.errorURL", "oops", "an absolute URL or a path that starts with one slash"],
      ["onAPIError.errorURL", "//evil.test", "an absolute URL or a path"],
      [
        "onAPIError.customizeDefaultErrorPage.colors.primary",
        "red;}</style>",
        "colors.primary must be one CSS value",
      ],
      ["disabledPaths", ["ok"], "disabledPaths[0] must be a path that starts with a slash"],
      ["plugins", {}, "plugins must be an array, got an object"],
      ["plugins", [null], "plugins[0] must be a feature, e.g. the answer of username(), got null"],
      ["adminRoles", [""], "adminRoles[0] must be a text that is not empty"],
      ["adminUserIds", "ada", "adminUserIds must be an array"],
      ["now", new Date(), "now must be a function, got an object"],
      ["fetch", null, "fetch must be a function, got null"],
      ["telemetry", true, "telemetry must be an object, got true"],
    ];
    for (const [option, value, expected] of wrong) {
      it(`when ${option} is ${JSON.stringify(value)}, then it is named with what to pass: ${expected}`, () => {
        const message = messageOf(nest(option, value));
        assert(message.startsWith("betterAuth(): "), message);
        assert(message.includes(option), message);
        assert(message.includes(expected), message);
      });
    }

    it("when the options are no object, then the message says so", () => {
      assert.match(messageOf(null), /the options object must be an object, got null/);
      assert.match(messageOf([]), /the options object must be an object, got an empty array/);
    });

    it("when several are wrong, then all are named at once", () => {
      const message = messageOf({ session: { expiresIn: 0, upDateAge: 1 }, logger: 5 });
      assert.match(message, /session\.expiresIn must be .*; session has no option "upDateAge"/);
      assert.match(message, /; logger must be an object/);
    });

    it("when cookies shall span subdomains of an unknown domain, then it throws", () => {
      const message = messageOf({ advanced: { crossSubDomainCookies: { enabled: true } } });
      assert.match(message, /crossSubDomainCookies\.domain is missing; pass it, or pass baseURL/);
    });
  });

  describe("given a name that nobody knows", () => {
    const misses: readonly (readonly [option: string, group: string, nearest: string])[] = [
      ["baseUrl", "the options object", "baseURL"],
      ["emailPassword", "the options object", "emailAndPassword"],
      ["secondaryStorag", "the options object", "secondaryStorage"],
      ["session.expireIn", "session", "expiresIn"],
      ["session.cookieCache.maxage", "session.cookieCache", "maxAge"],
      ["session.cache.maxEntry", "session.cache", "maxEntries"],
      ["baseURL.allowedHost", "baseURL", "allowedHosts"],
      ["emailAndPassword.password.cost.n", "emailAndPassword.password.cost", "r"],
      ["rateLimit.account.maxFailure", "rateLimit.account", "maxFailures"],
      ["advanced.database.join", "advanced.database", "joins"],
      ["advanced.cookies.a.nam", "advanced.cookies.a", "name"],
      ["databaseHooks.user.create.befor", "databaseHooks.user.create", "before"],
      ["user.additionalFields.a.reference", "user.additionalFields.a", "references"],
      [
        "onAPIError.customizeDefaultErrorPage.size.text2XL",
        "onAPIError.customizeDefaultErrorPage.size",
        "text2xl",
      ],
    ];
    for (const [option, group, nearest] of misses) {
      it(`when ${option} is given, then ${nearest} is offered`, () => {
        const name = option.split(".").at(-1) ?? "";
        for (const value of [true, undefined]) {
          const message = messageOf(nest(option, value));
          const expected = `${group} has no option "${name}"; the nearest is "${nearest}"`;
          assert(message.includes(expected), message);
        }
      });
    }
  });

  describe("given options of Better Auth without effect here", () => {
    for (const [group, names] of Object.entries(inertOptions)) {
      for (const name of names) {
        const option = group === "" ? name : `${group}.${name}`;
        it(`when ${option} is given, then it is accepted and named in one warning`, () => {
          const field = { type: "string", [name]: true };
          const options = group.endsWith("additionalFields.*")
            ? nest(group, field)
            : nest(option, true);
          const config = readUnchecked({ ...Object(options), secret }, {});
          const full = option.replace("*", "mine");
          const naming = config.warnings.filter((warning) => warning.includes(full));
          assert.deepEqual(naming, [`These options have no effect here: ${full}`]);
        });
      }
    }

    it("when telemetry and experimental are given, then nothing is warned of", () => {
      const config = readOptions(
        { ...given, telemetry: { enabled: true, debug: false }, experimental: { joins: true } },
        {},
      );
      assert.deepEqual(config.warnings, []);
    });

    it("when one is undefined, then nothing is warned of", () => {
      assert.deepEqual(readOptions({ ...given, secondaryStorage: undefined }, {}).warnings, []);
    });

    it("when only the old address can be asked about a change, then that is warned of", () => {
      const send = (): Promise<void> => Promise.resolve();
      const changeEmail = { enabled: true, sendChangeEmailConfirmation: send };
      const warningsOf = (options: AuthOptions) =>
        readOptions({ ...given, ...options }, {}).warnings;
      const [warning = "", ...others] = warningsOf({ user: { changeEmail } });
      assert.match(
        warning,
        /^user\.changeEmail\.sendChangeEmailConfirmation needs emailVerification\.sendVerificationEmail/,
      );
      assert.deepEqual(others, []);
      const emailVerification = { sendVerificationEmail: send };
      assert.deepEqual(warningsOf({ user: { changeEmail }, emailVerification }), []);
      assert.deepEqual(
        warningsOf({ user: { changeEmail: { ...changeEmail, enabled: false } } }),
        [],
      );
    });

    it("when no mail can verify an address, then the options that need one are named", () => {
      const warningsOf = (options: AuthOptions) =>
        readOptions({ ...given, ...options }, {}).warnings;
      const needing: Readonly<Record<string, AuthOptions>> = {
        "emailAndPassword.requireEmailVerification": {
          emailAndPassword: { enabled: true, requireEmailVerification: true },
        },
        "emailVerification.sendOnSignUp": { emailVerification: { sendOnSignUp: true } },
        "user.changeEmail.enabled": { user: { changeEmail: { enabled: true } } },
      };
      for (const [name, options] of Object.entries(needing)) {
        const [warning = "", ...others] = warningsOf(options);
        assert(
          warning.startsWith(`${name} needs emailVerification.sendVerificationEmail: without it `),
          warning,
        );
        assert.deepEqual(others, []);
        const emailVerification = {
          ...options.emailVerification,
          sendVerificationEmail: () => Promise.resolve(),
        };
        assert.deepEqual(warningsOf({ ...options, emailVerification }), []);
      }
      const changeEmail = { enabled: true, updateEmailWithoutVerification: true };
      assert.deepEqual(warningsOf({ user: { changeEmail } }), []);
    });

    it("when callbacks of passwords are given without enabled, then that is warned of", () => {
      const sendResetPassword = (): Promise<void> => Promise.resolve();
      const warningsOf = (emailAndPassword: NonNullable<AuthOptions["emailAndPassword"]>) =>
        readOptions({ ...given, emailAndPassword }, {}).warnings;
      const [warning = "", ...others] = warningsOf({ sendResetPassword });
      assert.match(warning, /^emailAndPassword has callbacks, and its endpoints are off: pass/);
      assert.deepEqual(others, []);
      assert.deepEqual(warningsOf({ enabled: true, sendResetPassword }), []);
      assert.deepEqual(warningsOf({ enabled: false, sendResetPassword }), []);
      assert.deepEqual(warningsOf({ minPasswordLength: 10 }), []);
    });

    it("when an option has no effect yet, then it is named, unless it is off or empty", () => {
      const asked: AuthOptions = {
        account: { encryptOAuthTokens: true },
        session: { cache: {}, fields: { token: "t" } },
      };
      const idle: AuthOptions = {
        socialProviders: { github: undefined },
        account: { encryptOAuthTokens: false, fields: {} },
        session: { cache: false },
      };
      const [warning, ...others] = readOptions({ ...given, ...asked }, {}).warnings;
      assert.equal(
        warning,
        "These options have no effect yet: session.fields, session.cache, account.encryptOAuthTokens",
      );
      assert.deepEqual(others, []);
      assert.deepEqual(readOptions({ ...given, ...idle }, {}).warnings, []);
    });

    it("when a real configuration is given, then it is read as it is, with its warnings", () => {
      const send = (): Promise<void> => Promise.resolve();
      const options: AuthOptions = {
        ...given,
        appName: "Shop",
        secondaryStorage: { get: send, set: send, delete: send },
        trustedOrigins: ["https://*.example.com", "myapp://", process.env["NO_SUCH_VARIABLE"]],
        emailAndPassword: {
          enabled: true,
          requireEmailVerification: true,
          autoSignIn: false,
          sendResetPassword: async ({ user, url }) => {
            await Promise.resolve(`${user.email} ${url}`);
          },
        },
        emailVerification: {
          sendOnSignUp: true,
          sendVerificationEmail: async ({ user, url, token }, request) => {
            await Promise.resolve([user, url, token, request]);
          },
        },
        socialProviders: { google: { clientId: "id", clientSecret: "hidden" } },
        user: {
          modelName: "users",
          fields: { email: "emailAddress" },
          additionalFields: {
            locale: { type: "string", required: false, defaultValue: "en", input: true },
            plan: { type: ["free", "paid"], input: false, defaultValue: () => "free" },
            teamId: { type: "string", references: { model: "team", field: "id" } },
          },
          changeEmail: { enabled: true, sendChangeEmailConfirmation: send },
          deleteUser: { enabled: true, beforeDelete: send },
        },
        session: {
          expiresIn: 60 * 60 * 24 * 30,
          storeSessionInDatabase: true,
          cookieCache: { enabled: true, maxAge: 300 },
        },
        account: { accountLinking: { enabled: true, trustedProviders: ["google"] } },
        rateLimit: {
          enabled: true,
          storage: "secondary-storage",
          customRules: {
            "/sign-in/email": { window: 10, max: 3 },
            "/get-session": false,
            "/two-factor/*": () => ({ window: 10, max: 3 }),
          },
        },
        advanced: {
          cookiePrefix: "shop",
          crossSubDomainCookies: { enabled: true },
          defaultCookieAttributes: { sameSite: "None", secure: true, partitioned: true },
          cookies: { session_token: { name: "sid", attributes: { maxAge: 60 } } },
          database: { generateId: false },
          ipAddress: { ipAddressHeaders: ["cf-connecting-ip"] },
        },
        databaseHooks: {
          user: {
            create: {
              before: async (user) => {
                await Promise.resolve();
                return { data: { ...user, name: "Ada" } };
              },
              after: async () => {
                await Promise.resolve();
              },
            },
          },
        },
        hooks: { before: (context) => context.path },
        onAPIError: { errorURL: "/oops", throw: true },
        disabledPaths: ["/is-username-available"],
        logger: { level: "info", disableColors: true, log: () => undefined },
        telemetry: { enabled: false },
        plugins: [{ id: "username", models: [], endpoints: [] }],
      };
      const config = readOptions(options, production);
      assert.deepEqual(config.warnings, [
        "These options have no effect here: secondaryStorage, user.additionalFields.teamId.references, " +
          "session.storeSessionInDatabase, advanced.database.generateId, onAPIError.throw, logger.disableColors",
        "These options have no effect yet: socialProviders, user.fields, account.accountLinking",
        'rateLimit.storage "secondary-storage" means the database here',
      ]);
      assert.deepEqual(config.advanced.defaultCookieAttributes, {
        sameSite: "none",
        secure: true,
        partitioned: true,
      });
      assert.deepEqual(config.advanced.cookies, {
        session_token: { name: "sid", attributes: { maxAge: 60 } },
      });
      assert.deepEqual(config.trustedOrigins.list, [
        "https://app.example.com",
        "https://*.example.com",
        "myapp://",
      ]);
      assert.equal(config.rateLimit.storage, "database");
      assert.equal(config.user.additionalFields["teamId"]?.required, true);
      assert.equal("references" in (config.user.additionalFields["teamId"] ?? {}), false);
      assert.equal(
        config.emailAndPassword.sendResetPassword,
        options.emailAndPassword?.sendResetPassword,
      );
    });
  });

  describe("baseURL and basePath", () => {
    const rows: readonly (readonly [
      options: AuthOptions,
      env: NodeJS.ProcessEnv,
      baseURL: string | undefined,
      basePath: string | undefined,
    ])[] = [
      [{ baseURL: "https://x.test" }, {}, "https://x.test", undefined],
      [{ baseURL: "https://X.test:443/" }, {}, "https://x.test", undefined],
      [{ baseURL: "https://x.test/api/auth" }, {}, "https://x.test", "/api/auth"],
      [{ baseURL: "https://x.test/api/auth/" }, {}, "https://x.test", "/api/auth"],
      [{ baseURL: "https://x.test/api", basePath: "/auth" }, {}, "https://x.test", "/auth"],
      [{ baseURL: "https://x.test/api", basePath: "/" }, {}, "https://x.test", ""],
      [{ basePath: "/api/auth" }, {}, undefined, "/api/auth"],
      [{}, { BETTER_AUTH_URL: "http://y.test/auth" }, "http://y.test", "/auth"],
      [{ baseURL: "" }, { BETTER_AUTH_URL: "http://y.test" }, "http://y.test", undefined],
      [{ baseURL: "" }, { BETTER_AUTH_URL: "" }, undefined, undefined],
      [{ baseURL: "https://x.test" }, { BETTER_AUTH_URL: "nonsense" }, "https://x.test", undefined],
      [{ baseURL: { fallback: "https://x.test" } }, {}, "https://x.test", undefined],
    ];
    for (const [options, env, baseURL, basePath] of rows) {
      it(`when ${JSON.stringify([options, env])} is given, then ${String(baseURL)} and ${String(basePath)} are used`, () => {
        const config = readOptions(options, env);
        assert.equal(config.baseURL, baseURL);
        assert.equal(config.basePath, basePath);
        assert.equal(config.warnings.join().includes("baseURL is missing"), baseURL === undefined);
      });
    }

    it("when it is missing in production, then it throws", () => {
      assert.match(messageOf({ secret }, production), /baseURL is missing; .* BETTER_AUTH_URL/);
      assert.match(messageOf({ secret, baseURL: "" }, production), /baseURL is missing/);
    });

    it("when it is http in production, then that is warned of and cookies are not secure", () => {
      const config = readOptions({ secret, baseURL: "http://intranet" }, production);
      assert.match(config.warnings.join("|"), /^baseURL is http in production: [^|]*$/);
      assert.deepEqual(readOptions({ secret, baseURL: "http://intranet" }, {}).warnings, []);
      assert.equal(config.advanced.useSecureCookies, false);
    });

    it("when the variable is wrong, then the variable is named", () => {
      assert.match(
        messageOf({}, { BETTER_AUTH_URL: "y.test" }),
        /: BETTER_AUTH_URL must be an http/,
      );
    });

    it("when it is given for several hosts, then the hosts are named as without effect", () => {
      const baseURL = { allowedHosts: ["*.x.test"], fallback: "https://x.test", protocol: "https" };
      const { warnings } = readOptions({ secret, baseURL }, {});
      assert.deepEqual(warnings, [
        "These options have no effect here: baseURL.allowedHosts, baseURL.protocol",
      ]);
    });
  });

  describe("plugins", () => {
    const refused: readonly (readonly [plugins: readonly unknown[], message: string])[] = [
      [
        [{ id: "bearer" }],
        'plugins[0] ("bearer") is made by better-auth; here bearer is always on, remove it',
      ],
      [
        [
          { id: "mine", models: [], endpoints: [] },
          { id: "passkey", endpoints: {} },
        ],
        'plugins[1] ("passkey") is made by better-auth; features come from better-auth-express',
      ],
      [
        [{ id: "two-factor", endpoints: {} }],
        'plugins[0] ("two-factor") is made by better-auth; import twoFactor from better-auth-express',
      ],
      [
        [1, 2].map(() => ({ id: "mine", models: [], endpoints: [] })),
        'plugins[1] ("mine") has the id of another plugin; remove one of them',
      ],
    ];
    for (const [plugins, message] of refused) {
      it(`when ${JSON.stringify(plugins)} are given, then it throws`, () => {
        assert.equal(messageOf({ ...given, plugins }), `betterAuth(): ${message}`);
      });
    }

    for (const [model, name, fieldName] of [
      ["user", "emailVerified", undefined],
      ["user", "verified", "emailVerified"],
      ["user", "second", "twoFactorEnabled"],
      ["session", "userVerified", undefined],
      ["session", "user", undefined],
      ["session", "actor", "impersonatedBy"],
    ] as const) {
      it(`when ${model}.additionalFields.${name}${fieldName === undefined ? "" : ` is stored as ${fieldName}`}, then it throws`, () => {
        const additionalFields = { [name]: { type: "string", fieldName } };
        const options = { ...given, [model]: { additionalFields }, plugins: [twoFactor()] };
        const [option, what] =
          fieldName === undefined ? ["", ""] : [".fieldName", `"${fieldName}", `];
        const owner = fieldName === "twoFactorEnabled" ? 'the feature "two-factor"' : "the library";
        assert.equal(
          messageOf(options),
          `betterAuth(): ${model}.additionalFields.${name}${option} is ${what}the name of a field of ${owner}; choose another one`,
        );
      });
    }

    it("when a feature is given as an option, then it says where it belongs", () => {
      assert.equal(
        messageOf({ ...given, twoFactor: {} }),
        'betterAuth(): the options object has no option "twoFactor"; pass plugins: [twoFactor()]',
      );
    });

    it("when an additional field is named like one that a plugin shows, then it throws", () => {
      const user = { additionalFields: { username: { type: "string" } } };
      assert.equal(
        messageOf({ ...given, user, plugins: [username()] }),
        'betterAuth(): user.additionalFields.username is the name of a field of the feature "username"; choose another one',
      );
      assert.equal(
        readUnchecked({ ...given, user }).user.additionalFields["username"]?.type,
        "string",
      );
    });
  });

  describe("secret", () => {
    const { baseURL } = given;
    const official = "better-auth-secret-12345678901234567890";
    const older = "vutsrqponmlkjihgfedcba9876543210";

    it("when the option and both variables are given, then the option wins, then BETTER_AUTH_SECRET", () => {
      const env = { BETTER_AUTH_SECRET: "b".repeat(32), AUTH_SECRET: "c".repeat(32) };
      const value = (options: AuthOptions, variables: NodeJS.ProcessEnv): string =>
        readOptions({ baseURL, ...options }, { ...variables, ...production }).secrets[0].value;
      assert.equal(value({ secret }, env), secret);
      assert.equal(value({}, env), env.BETTER_AUTH_SECRET);
      assert.equal(value({ secret: "" }, env), env.BETTER_AUTH_SECRET);
      assert.equal(value({}, { ...env, BETTER_AUTH_SECRET: "" }), env.AUTH_SECRET);
    });

    it("when there is one secret, then it has version 0, is not versioned, and decrypts old values", () => {
      const config = readOptions(given, {});
      assert.deepEqual(config.secrets, [{ version: 0, value: secret }]);
      assert.equal(config.versionedSecrets, false);
      assert.equal(config.legacySecret, secret);
      assert.equal("secret" in config, false);
    });

    it("when a list is given, then its first is current and the single one only decrypts", () => {
      const secrets = [
        { version: 2, value: secret },
        { version: 1, value: older },
      ];
      const config = readOptions({ baseURL, secrets, secret: "short" }, production);
      assert.deepEqual(config.secrets, secrets);
      assert.equal(config.versionedSecrets, true);
      assert.equal(config.legacySecret, "short");
      assert.equal(readOptions({ baseURL, secrets }, production).legacySecret, undefined);
      assert.equal(readOptions({ baseURL, secrets, secret: official }, {}).legacySecret, undefined);
    });

    it("when BETTER_AUTH_SECRETS is set, then it is read as Better Auth reads it", () => {
      const env = { ...production, BETTER_AUTH_SECRETS: `2:${secret}, 1:${older}` };
      assert.deepEqual(readOptions({ baseURL }, env).secrets, [
        { version: 2, value: secret },
        { version: 1, value: older },
      ]);
      for (const list of ["nonsense", `x:${secret}`, "1:", `1:${secret},1:${older}`]) {
        const message = messageOf({ baseURL }, { BETTER_AUTH_SECRETS: list });
        assert.match(message, /BETTER_AUTH_SECRETS must/);
        assert(!message.includes(secret) && !message.includes("nonsense"), message);
      }
    });

    it("when it is missing in production, then it throws", () => {
      assert.match(messageOf({ baseURL }, production), /secret is missing; .* BETTER_AUTH_SECRET/);
      assert.match(messageOf({ baseURL, secret: "" }, production), /secret is missing/);
    });

    it("when baseURL is missing in production as well, then both are named", () => {
      assert.match(messageOf({}, production), /baseURL is missing; .*; secret is missing; /);
    });

    it("when it is missing elsewhere, then it is random for each instance and warned of", () => {
      const [first, second] = [readOptions({ baseURL }, {}), readOptions({ baseURL }, {})];
      assert.match(first.secrets[0].value, /^[\w-]{43}$/);
      assert.notEqual(first.secrets[0].value, second.secrets[0].value);
      assert.match(first.warnings.join(), /^secret is missing, so sessions and second factors end/);
      assert(!first.warnings.join().includes(first.secrets[0].value));
    });

    const weak: readonly (readonly [name: string, AuthOptions, NodeJS.ProcessEnv, RegExp])[] = [
      ["a short one", { secret: secret.slice(1) }, {}, /^secret has a length of only 31;/],
      ["the official default", { secret: official }, {}, /^secret is Better Auth's default/],
      ["a short variable", {}, { AUTH_SECRET: "short" }, /^AUTH_SECRET has a length of only 5;/],
      [
        "a short one in a list",
        { secrets: [{ version: 7, value: "short" }] },
        {},
        /^secrets: version 7 has a length of only 5;/,
      ],
      [
        "the official default as an older one",
        {
          secrets: [
            { version: 2, value: secret },
            { version: 1, value: official },
          ],
        },
        {},
        /^secrets: version 1 is Better Auth's default/,
      ],
    ];
    for (const [name, options, env, expected] of weak) {
      it(`when ${name} is given, then production refuses it and elsewhere it is warned of`, () => {
        const message = messageOf({ baseURL, ...options }, { ...env, ...production });
        assert.match(message.replace("betterAuth(): ", ""), expected);
        const { warnings } = readOptions({ baseURL, ...options }, env);
        assert.equal(warnings.length, 1);
        assert.match(warnings[0] ?? "", expected);
      });
    }
  });

  describe("given secrets anywhere", () => {
    const hidden = "hunter2-hunter2-hunter2-hunter2!";

    it("when a text stands in the wrong place, then no message and no warning shows it", () => {
      const places = [
        ...["baseURL", "basePath", "database", "trustedOrigins", "secrets", "session", "plugins"],
        ...["advanced.cookiePrefix", "advanced.useSecureCookies", "rateLimit.storage", "now"],
        ...["session.expiresIn", "session.cookieCache.strategy", "onAPIError.errorURL", "logger"],
      ];
      for (const place of places) {
        for (const value of [
          `${hidden} `,
          [hidden],
          { version: hidden },
          `https://u:${hidden}@x`,
        ]) {
          let message = "";
          try {
            message = readUnchecked(nest(place, value)).warnings.join();
          } catch (error) {
            message = String(error);
          }
          assert(!message.includes("hunter2"), `${place}: ${message}`);
        }
      }
    });

    it("when a secret has the wrong type, then its value is not shown either", () => {
      assert.match(messageOf({ secret: 31_337 }), /secret must be a text, got a number$/);
      const message = messageOf({ secrets: [{ version: 1, value: 31_337 }] });
      assert.match(message, /secrets\[0\]\.value must be .*, got a number$/);
    });

    it("when a weak secret is refused, then its value is not shown", () => {
      const message = messageOf({ baseURL: given.baseURL, secret: "hunter2" }, production);
      assert(!message.includes("hunter2"), message);
    });
  });

  describe("trustedOrigins", () => {
    it("when listed, then the own origin comes first, the variable is added, and falsy ones and doubles go", () => {
      const config = readOptions(
        {
          ...given,
          trustedOrigins: ["https://a.test", "", null, undefined, false, "https://a.test"],
        },
        { BETTER_AUTH_TRUSTED_ORIGINS: " https://b.test , ,https://c.test" },
      );
      assert.deepEqual(config.trustedOrigins, {
        list: ["https://app.example.com", "https://a.test", "https://b.test", "https://c.test"],
        find: undefined,
      });
    });

    it("when a function, then it is asked for each request and its falsy answers are dropped", async () => {
      const requests: (Request | undefined)[] = [];
      const config = readOptions(
        {
          ...given,
          trustedOrigins: (request) => {
            requests.push(request);
            return ["https://a.test", null, undefined, false, ""];
          },
        },
        {},
      );
      const request = new Request("https://app.example.com/auth/ok");
      assert.deepEqual(config.trustedOrigins.list, ["https://app.example.com"]);
      assert.deepEqual(await config.trustedOrigins.find?.(request), ["https://a.test"]);
      assert.deepEqual(await config.trustedOrigins.find?.(), ["https://a.test"]);
      assert.deepEqual(requests, [request, undefined]);
    });
  });

  describe("database", () => {
    it("when a URI or a connection is given, then it is passed through", () => {
      const connection = createConnection();
      for (const database of ["mongodb://localhost/x", "mongodb+srv://x.test/x", connection]) {
        assert.equal(readOptions({ ...given, database }, {}).database, database);
      }
    });

    it("when Mongoose itself, a client or its database is given, then the message names the connection", () => {
      const client = new mongo.MongoClient("mongodb://localhost/x");
      for (const database of [mongoose, client, client.db()]) {
        const message = messageOf({ ...given, database });
        assert.match(message, /database must be .* \(pass mongoose\.connection\), got an object$/);
      }
    });
  });

  describe("derived defaults", () => {
    it("when in production, then requests are limited, unless the option says otherwise", () => {
      assert.equal(readOptions(given, production).rateLimit.enabled, true);
      assert.equal(readOptions(given, {}).rateLimit.enabled, false);
      const off = { ...given, rateLimit: { enabled: false } };
      assert.equal(readOptions(off, production).rateLimit.enabled, false);
    });

    it("when baseURL is https, then cookies are secure, unless the option says otherwise", () => {
      assert.equal(readOptions(given, {}).advanced.useSecureCookies, true);
      assert.equal(readOptions({}, {}).advanced.useSecureCookies, false);
      const plain = { ...given, advanced: { useSecureCookies: false } };
      assert.equal(readOptions(plain, {}).advanced.useSecureCookies, false);
    });

    it("when the origin check is off everywhere, then so is the CSRF check, unless it is set", () => {
      const csrf = (advanced: AuthOptions["advanced"]): boolean =>
        readOptions({ ...given, advanced }, {}).advanced.disableCSRFCheck;
      assert.equal(csrf({}), false);
      assert.equal(csrf({ disableOriginCheck: true }), true);
      assert.equal(csrf({ disableOriginCheck: ["/ok"] }), false);
      assert.equal(csrf({ disableOriginCheck: true, disableCSRFCheck: false }), false);
    });

    it("when a database is shared with an official server, then identifiers are stored plain", () => {
      const shared = { ...given, advanced: { compatibility: "better-auth" } } as const;
      assert.equal(readOptions(shared, {}).verification.storeIdentifier, "plain");
      const hashed = { ...shared, verification: { storeIdentifier: "hashed" } } as const;
      assert.equal(readOptions(hashed, {}).verification.storeIdentifier, "hashed");
    });

    it("when parts of a group are given, then the others keep their defaults", () => {
      const { session, rateLimit } = readOptions(
        {
          ...given,
          session: { cache: {} },
          rateLimit: { mailbox: false, account: { window: 60 } },
        },
        {},
      );
      assert.deepEqual(session.cache, { maxEntries: 10_000, maxAge: 60 });
      assert.equal(rateLimit.mailbox, false);
      assert.deepEqual(rateLimit.account, { maxFailures: 50, window: 60 });
    });
  });
});

describe("the docstrings of AuthOptions", () => {
  const file = new URL("../lib/options.ts", import.meta.url);
  const source = ts.createSourceFile(
    file.pathname,
    readFileSync(file, "utf8"),
    ts.ScriptTarget.ES2023,
    true,
  );
  const unit =
    /seconds|characters|requests|failures|mails|iterations|bytes|passes|sessions|no unit/;
  const interfaces = new Map(
    source.statements
      .filter(ts.isInterfaceDeclaration)
      .map((declaration) => [declaration.name.text, declaration] as const),
  );
  const aliases = new Map(
    source.statements
      .filter(ts.isTypeAliasDeclaration)
      .map(({ name, type }) => [name.text, type] as const),
  );

  function nameOf(node: ts.Node): string {
    if (ts.isTypeReferenceNode(node)) return node.typeName.getText();
    return ts.isExpressionWithTypeArguments(node) ? node.expression.getText() : "";
  }

  /** Every option below a type, by its full name; what callbacks take and return is no option. */
  function* options(node: ts.Node, path: string): Generator<[string, ts.PropertySignature]> {
    if (ts.isFunctionTypeNode(node)) return;
    if (ts.isPropertySignature(node)) {
      const full = path === "" ? node.name.getText() : `${path}.${node.name.getText()}`;
      yield [full, node];
      if (node.type !== undefined) yield* options(node.type, full);
      return;
    }
    const name = nameOf(node);
    const target = interfaces.get(name) ?? aliases.get(name);
    if (target !== undefined && ts.isFunctionTypeNode(target)) return;
    const isGroup = name !== "PluginLike" && name !== "StandardSchemaLike";
    if (target !== undefined) {
      // Not into type arguments, which say what callbacks are given.
      if (isGroup) yield* options(target, path);
      return;
    }
    for (const child of node.getChildren()) yield* options(child, path);
  }

  const root = interfaces.get("AuthOptions");
  assert(root !== undefined);
  const all = [...options(root, "")];

  it("when the source is read, then the options of all levels are found", () => {
    const names = new Set(all.map(([name]) => name));
    for (const name of [
      "appName",
      "secrets.version",
      "session.additionalFields.transform.input",
      "user.modelName",
      "verification.storeIdentifier.overrides",
      "rateLimit.customRules.window",
      "advanced.cookies.attributes.maxAge",
      "databaseHooks.session.create.before",
    ]) {
      assert(names.has(name), name);
    }
  });

  it("when an option has no docstring with its default, or a number no unit, then it is named here", () => {
    const missing = all.flatMap(([name, node]) => {
      const text = ts
        .getJSDocCommentsAndTags(node)
        .map((comment) => comment.getText())
        .join("\n");
      const isNumber = /\bnumber\b/.test(node.type?.getText().replace(/"[^"]*"|\(.*/gs, "") ?? "");
      return [
        ...(/Default: \S/.test(text) ? [] : [`${name}: no default`]),
        ...(!isNumber || unit.test(text) ? [] : [`${name}: no unit`]),
      ];
    });
    assert.deepEqual(missing, []);
  });
});
