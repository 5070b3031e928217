import { randomBytes } from "node:crypto";
import type { Connection } from "mongoose";
import { z } from "zod";
import type { InertPath } from "./known-options.ts";
import type { Account } from "./models/account.ts";
import type { Session } from "./models/session.ts";
import type { User } from "./models/user.ts";
import type { Verification } from "./models/verification.ts";
import { callback, flag } from "./option-fields.ts";
import type { Agreed, Difference, Names } from "./option-names.ts";
import { pageColors, pageFonts, pageSizes } from "./options.ts";
import type {
  AccountLinkingOptions,
  AfterChange,
  AuthOptions,
  Awaitable,
  BeforeChange,
  ChangeEmailOptions,
  ChangesOf,
  CookieAttributes,
  CookieCacheOptions,
  LoggerOptions,
  MailSender,
  PasswordOptions,
  RateLimitRule,
  RecordOf,
  RequestHook,
  StandardSchemaLike,
  UserCallback,
  UserEventCallback,
} from "./options.ts";
import { parseURL } from "./parse-url.ts";
import type { Plugin } from "./plugin.ts";

// Messages complete the sentence "<option> must be …".

/** For an unknown name the message lists the known ones, because the issue does not; see `explain`. */
const groupError = (known: readonly string[]) => (issue: { readonly code: string }) =>
  issue.code === "unrecognized_keys" ? known.join() : "an object";
const group = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, { error: groupError(Object.keys(shape)) });
const whole = (min: number, unit: string, max = Number.MAX_SAFE_INTEGER) => {
  const upTo = max === Number.MAX_SAFE_INTEGER ? "or more" : `to ${String(max)}`;
  return z
    .int(`a whole number of ${unit}, ${String(min)} ${upTo}`)
    .min(min)
    .max(max);
};
const matching = (pattern: RegExp, must: string) => z.string(must).regex(pattern);
const oneOf = <const Values extends readonly [string, ...string[]]>(...values: Values) =>
  z.enum(values, `one of ${values.map((value) => `"${value}"`).join(", ")}`);
const list = <Item extends z.ZodType>(item: Item) => z.array(item, "an array").readonly();
const byName = <Value extends z.ZodType>(name: z.ZodType<string, string>, value: Value) =>
  z.record(name, value, "an object");

const on = flag.default(true);
const off = flag.default(false);
const seconds = whole(1, "seconds");
const secondsOrZero = whole(0, "seconds");
const text = z.string("a text that is not empty").min(1);
const texts = list(text).default([]);
const fieldName = matching(
  /^(?!_?id$|__)[A-Za-z_]\w*$/,
  "named with letters, digits and underscores, and not id",
);
const cookieName = matching(
  /^[\w!#$%&'*+\-.^`|~]+$/,
  "made of the characters that RFC 6265 §4.1.1 allows in cookie names",
);
const route = matching(/^\/[^\s?#]*$/, "a path that starts with a slash");
const paths = list(route);
const anything = byName(text, z.unknown());
const css = matching(/^[^;{}<>\\]+$/, "one CSS value").optional();
const styles = <const Keys extends readonly [string, ...string[]]>(keys: Keys) =>
  z.partialRecord(z.enum(keys), css, { error: groupError(keys) }).optional();

const storage = { modelName: text.optional(), fields: byName(fieldName, text).default({}) };

const standardSchema = z.custom<StandardSchemaLike>(
  (value) =>
    (typeof value === "object" || typeof value === "function") &&
    value !== null &&
    "~standard" in value,
  "a Standard Schema",
);
const fieldTypes = ["string", "number", "boolean", "date", "json", "string[]", "number[]"] as const;
const fieldType = `one of "${fieldTypes.join('", "')}", or an array of texts`;
const additionalField = group({
  type: z.union(
    [z.enum(fieldTypes), list(text).refine((values) => values.length > 0, fieldType)],
    fieldType,
  ),
  required: on,
  defaultValue: z.unknown().optional(),
  onUpdate: callback<() => unknown>().optional(),
  input: on,
  returned: on,
  unique: off,
  index: off,
  fieldName: fieldName.optional(),
  transform: group({
    input: callback<(value: unknown) => unknown>().optional(),
    output: callback<(value: unknown) => unknown>().optional(),
  }).prefault({}),
  validator: group({
    input: standardSchema.optional(),
    output: standardSchema.optional(),
  }).prefault({}),
});
const model = { ...storage, additionalFields: byName(fieldName, additionalField).default({}) };

const cookieAttributes = group({
  domain: text.optional(),
  httpOnly: flag.optional(),
  maxAge: secondsOrZero.optional(),
  partitioned: flag.optional(),
  path: route.optional(),
  sameSite: oneOf("strict", "lax", "none", "Strict", "Lax", "None").optional(),
  secure: flag.optional(),
}).transform(({ domain, httpOnly, maxAge, partitioned, path, sameSite, secure }) => ({
  // An attribute that is undefined would hide the one of the defaults when the two are merged.
  ...(domain !== undefined && { domain }),
  ...(httpOnly !== undefined && { httpOnly }),
  ...(maxAge !== undefined && { maxAge }),
  ...(partitioned !== undefined && { partitioned }),
  ...(path !== undefined && { path }),
  ...(sameSite !== undefined && { sameSite: lowerCase(sameSite) }),
  ...(secure !== undefined && { secure }),
}));

function lowerCase(sameSite: NonNullable<CookieAttributes["sameSite"]>): "strict" | "lax" | "none" {
  if (sameSite === "Strict") return "strict";
  if (sameSite === "Lax") return "lax";
  return sameSite === "None" ? "none" : sameSite;
}

const identifier = z.union(
  [
    z.enum(["plain", "hashed"]),
    group({ hash: callback<(identifier: string) => Promise<string>>() }),
  ],
  '"plain", "hashed" or { hash }',
);
const rule = group({ window: seconds, max: whole(1, "requests") });
const changes = <Before, After>() =>
  group({
    before: callback<BeforeChange<Before>>().optional(),
    after: callback<AfterChange<After>>().optional(),
  }).optional();
const hooksOf = <Row>() =>
  group({
    create: changes<RecordOf<Row>, RecordOf<Row>>(),
    update: changes<ChangesOf<Row>, RecordOf<Row>>(),
    delete: changes<RecordOf<Row>, RecordOf<Row>>(),
  }).optional();

const requestHook = z
  .union(
    [callback<RequestHook>(), z.record(z.string(), callback<RequestHook>())],
    "a function, or an object of functions by the names of endpoints",
  )
  .optional();

const mailSender = callback<MailSender>().optional();
const userCallback = callback<UserCallback>().optional();
const userEventCallback = callback<UserEventCallback>().optional();

const systemTime = (): Date => new Date();
const systemBytes = (size: number): Buffer => randomBytes(size);
const currentFetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init);

function isConnection(value: object): boolean {
  return (
    "collection" in value &&
    typeof value.collection === "function" &&
    "model" in value &&
    typeof value.model === "function"
  );
}

/** Every option: what it must be, and its default. */
export const schema = group({
  appName: text.default("Better Auth"),
  baseURL: z
    .union([z.string(), group({ fallback: z.string("a text").optional() })], "a text")
    .optional(),
  basePath: z.string("a text").optional(),
  secret: z.string("a text").optional(),
  secrets: list(group({ version: whole(0, "no unit"), value: text }))
    .refine((secrets) => secrets.length > 0, "an array of at least one secret")
    .refine(
      (secrets) => new Set(secrets.map(({ version }) => version)).size === secrets.length,
      "an array in which each version occurs once",
    )
    .optional(),
  database: z
    .custom<Connection | string>(
      (value) =>
        typeof value === "string"
          ? /^mongodb(?:\+srv)?:\/\/./.test(value)
          : typeof value === "object" && value !== null && isConnection(value),
      "a URI that starts with mongodb:// or mongodb+srv://, or a Mongoose connection (pass mongoose.connection)",
    )
    .optional(),
  trustedOrigins: z
    .union(
      [
        list(z.union([z.string(), z.literal(false)], "a text").nullish()),
        callback<Extract<AuthOptions["trustedOrigins"], (request?: Request) => unknown>>(),
      ],
      "an array or a function",
    )
    .default([]),
  emailAndPassword: group({
    enabled: flag.optional(),
    disableSignUp: off,
    autoSignIn: on,
    requireEmailVerification: off,
    minPasswordLength: whole(1, "characters").default(8),
    maxPasswordLength: whole(1, "characters").default(128),
    blockCommonPasswords: on,
    haveIBeenPwned: off,
    sendResetPassword: mailSender,
    resetPasswordTokenExpiresIn: seconds.default(3600),
    onPasswordReset: userEventCallback,
    onExistingUserSignUp: userEventCallback,
    revokeSessionsOnPasswordReset: on,
    password: group({
      hash: callback<NonNullable<PasswordOptions["hash"]>>().optional(),
      verify: callback<NonNullable<PasswordOptions["verify"]>>().optional(),
      cost: group({
        logN: whole(1, "doublings", 30).default(15),
        r: whole(1, "blocks").default(8),
        p: whole(1, "passes").default(3),
      }).prefault({}),
    }).prefault({}),
  }).prefault({}),
  emailVerification: group({
    sendVerificationEmail: mailSender,
    sendOnSignUp: flag.optional(),
    sendOnSignIn: off,
    autoSignInAfterVerification: off,
    expiresIn: seconds.default(3600),
    beforeEmailVerification: userCallback,
    afterEmailVerification: userCallback,
  }).prefault({}),
  socialProviders: anything.default({}),
  plugins: list(
    z.custom<Plugin>(
      (value) =>
        typeof value === "object" &&
        value !== null &&
        "id" in value &&
        typeof value.id === "string" &&
        value.id !== "",
      "a feature, e.g. the answer of username()",
    ),
  ).default([]),
  user: group({
    ...model,
    changeEmail: group({
      enabled: off,
      sendChangeEmailConfirmation:
        callback<NonNullable<ChangeEmailOptions["sendChangeEmailConfirmation"]>>().optional(),
      updateEmailWithoutVerification: off,
    }).prefault({}),
    deleteUser: group({
      enabled: off,
      sendDeleteAccountVerification: mailSender,
      beforeDelete: userCallback,
      afterDelete: userCallback,
      deleteTokenExpiresIn: seconds.default(86_400),
      requireSessionOnCallback: off,
    }).prefault({}),
  }).prefault({}),
  session: group({
    ...model,
    expiresIn: seconds.default(604_800),
    updateAge: secondsOrZero.default(86_400),
    freshAge: secondsOrZero.default(86_400),
    disableSessionRefresh: off,
    deferSessionRefresh: off,
    requireFreshForList: off,
    cookieCache: group({
      enabled: off,
      maxAge: seconds.default(300),
      strategy: oneOf("compact", "jwt", "jwe").default("compact"),
      version: z
        .union(
          [text, callback<Exclude<CookieCacheOptions["version"], string | undefined>>()],
          "a text that is not empty, or a function",
        )
        .default("1"),
    }).prefault({}),
    cache: z
      .union(
        [
          z.literal(false),
          group({
            maxEntries: whole(1, "entries").default(10_000),
            maxAge: seconds.default(60),
          }),
        ],
        "an object or false",
      )
      .default(false),
  }).prefault({}),
  account: group({
    ...model,
    updateAccountOnSignIn: on,
    accountLinking: group({
      enabled: on,
      disableImplicitLinking: off,
      requireLocalEmailVerified: on,
      trustedProviders: z
        .union(
          [
            list(text),
            callback<
              Extract<AccountLinkingOptions["trustedProviders"], (request?: Request) => unknown>
            >(),
          ],
          "an array or a function",
        )
        .default([]),
      allowDifferentEmails: off,
      allowUnlinkingAll: off,
      updateUserInfoOnLink: off,
    }).prefault({}),
    encryptOAuthTokens: on,
    skipStateCookieCheck: off,
    storeStateStrategy: oneOf("database", "cookie").default("database"),
    storeAccountCookie: off,
  }).prefault({}),
  verification: group({
    ...model,
    storeIdentifier: z
      .union(
        [
          z.enum(["plain", "hashed"]),
          group({ hash: callback<(identifier: string) => Promise<string>>() }),
          group({ default: identifier, overrides: byName(text, identifier).default({}) }),
        ],
        '"plain", "hashed", { hash } or { default, overrides }',
      )
      .optional(),
  }).prefault({}),
  rateLimit: group({
    ...storage,
    enabled: flag.optional(),
    window: seconds.default(10),
    max: whole(1, "requests").default(100),
    customRules: byName(
      route,
      z.union(
        [
          z.literal(false),
          rule,
          callback<(request: Request, rule: RateLimitRule) => Awaitable<RateLimitRule | false>>(),
        ],
        "{ window, max }, false or a function",
      ),
    ).default({}),
    storage: oneOf("memory", "database", "secondary-storage").default("memory"),
    onStoreFailure: oneOf("open", "closed").default("closed"),
    account: z
      .union(
        [
          z.literal(false),
          group({
            maxFailures: whole(1, "failures").default(50),
            window: seconds.default(3600),
          }),
        ],
        "an object or false",
      )
      .prefault({}),
    mailbox: z
      .union(
        [
          z.literal(false),
          group({ max: whole(1, "mails").default(5), window: seconds.default(3600) }),
        ],
        "an object or false",
      )
      .prefault({}),
  }).prefault({}),
  advanced: group({
    cookiePrefix: cookieName.default("better-auth"),
    useSecureCookies: flag.optional(),
    crossSubDomainCookies: group({ enabled: off, domain: text.optional() }).prefault({}),
    defaultCookieAttributes: cookieAttributes.prefault({}),
    cookies: byName(
      text,
      group({ name: cookieName.optional(), attributes: cookieAttributes.prefault({}) }),
    ).default({}),
    disableCSRFCheck: flag.optional(),
    disableOriginCheck: z.union([flag, paths], "true, false or an array of paths").default(false),
    ipAddress: group({
      ipAddressHeaders: texts,
      trustedProxies: texts,
      disableIpTracking: off,
    }).prefault({}),
    compatibility: oneOf("better-auth").optional(),
    database: group({ autoIndex: on, usePlural: off }).prefault({}),
  }).prefault({}),
  logger: group({
    level: oneOf("debug", "info", "warn", "error").default("warn"),
    disabled: off,
    log: callback<NonNullable<LoggerOptions["log"]>>().optional(),
  }).prefault({}),
  databaseHooks: group({
    user: hooksOf<User>(),
    session: hooksOf<Session>(),
    account: hooksOf<Account>(),
    verification: hooksOf<Verification>(),
  }).prefault({}),
  hooks: group({
    before: requestHook,
    after: requestHook,
  }).prefault({}),
  onAPIError: group({
    errorURL: text
      .refine(
        (value) => /^\/(?![/\\])/.test(value) || parseURL(value) !== null,
        "an absolute URL or a path that starts with one slash",
      )
      .optional(),
    customizeDefaultErrorPage: group({
      colors: styles(pageColors),
      size: styles(pageSizes),
      font: styles(pageFonts),
      disableTitleBorder: off,
      disableCornerDecorations: off,
      disableBackgroundGrid: off,
    }).optional(),
  }).prefault({}),
  disabledPaths: paths.default([]),
  adminRoles: list(text).default(["admin"]),
  adminUserIds: texts,
  now: callback<() => Date>().default(() => systemTime),
  fetch: callback<typeof globalThis.fetch>().default(() => currentFetch),
  randomBytes: callback<(size: number) => Buffer>().default(() => systemBytes),
  telemetry: anything.optional(),
  experimental: anything.optional(),
}) satisfies z.ZodType<unknown, AuthOptions>;

/** Full names of all options with an effect. */
export type Written = Names<AuthOptions>;
type Parsable = Names<z.input<typeof schema>> | InertPath;

/** Compiles only while schema and interface have the same names at every level; the error lists the others. */
export type ParsedOptions = Agreed<z.output<typeof schema>, Difference<Written, Parsable>>;
