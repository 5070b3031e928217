import { randomBytes } from "node:crypto";
import { closestMatch } from "leven";
import type { ClientSession, Connection } from "mongoose";
import { z } from "zod";
import type { HookContext } from "./context.ts";
import type { Account } from "./models/account.ts";
import type { Session } from "./models/session.ts";
import type { User } from "./models/user.ts";
import type { Verification } from "./models/verification.ts";
import type { Plugin } from "./plugin.ts";
import { parseURL } from "./parse-url.ts";
import { inertNames, memberGroup, type Inert, type InertPath } from "./known-options.ts";

type Awaitable<T> = T | Promise<T>;

/** The user that callbacks receive, as answers show it: fields of features and `additionalFields` besides these. */
export interface UserLike {
  readonly [field: string]: unknown;
  /** 24 hex digits, lower case. */
  readonly id: string;
  readonly name: string;
  /** Lower case. */
  readonly email: string;
  readonly emailVerified: boolean;
  readonly image: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A validator of any library that follows Standard Schema 1. */
export interface StandardSchemaLike {
  readonly "~standard": { readonly validate: (value: unknown) => unknown };
}

/** What a mail callback has to send. `url` contains the token; `token` is for links of the app's own. */
export interface Mail {
  readonly user: UserLike;
  readonly url: string;
  readonly token: string;
}

/** Sends a mail. Never waited for; a failure is logged and changes no answer. */
export type MailSender<M extends Mail = Mail> = (mail: M, request?: Request) => Awaitable<void>;

/** Observes one user. */
export type UserCallback = (user: UserLike, request?: Request) => Awaitable<void>;

/** Observes one user, given in an object. */
export type UserEventCallback = (
  event: { readonly user: UserLike },
  request?: Request,
) => Awaitable<void>;

/** Attributes of cookies. */
export interface CookieAttributes extends Inert<"advanced.defaultCookieAttributes"> {
  /** Host that also receives the cookie's subdomains. Default: none, the answering host alone. */
  readonly domain?: string | undefined;
  /** Hides the cookie from scripts. Default: true. */
  readonly httpOnly?: boolean | undefined;
  /** Lifetime in seconds. Default: that of each cookie. */
  readonly maxAge?: number | undefined;
  /** One jar for each embedding site (CHIPS). Default: false. */
  readonly partitioned?: boolean | undefined;
  /** URL path below which the cookie is sent. Default: `"/"`. */
  readonly path?: string | undefined;
  /** When other sites' requests carry the cookie. Default: `"lax"`. */
  readonly sameSite?: "strict" | "lax" | "none" | "Strict" | "Lax" | "None" | undefined;
  /** Sent over HTTPS only. Default: `advanced.useSecureCookies`. */
  readonly secure?: boolean | undefined;
}

/** A field that the app adds to a model. */
export interface AdditionalField extends Inert<"user.additionalFields.*"> {
  /** Type of the value, or the list of the texts it may be. Default: none, required. */
  readonly type:
    "string" | "number" | "boolean" | "date" | "json" | "string[]" | "number[]" | readonly string[];
  /** A new record must have it. Default: true. */
  readonly required?: boolean | undefined;
  /** Value of new records that are given none, or a function that makes it. Default: none. */
  readonly defaultValue?: unknown;
  /** Makes the value at every update of the record. Default: none. */
  readonly onUpdate?: (() => unknown) | undefined;
  /** Accepted from request bodies. Set it to false for anything a user must not choose. Default: true. */
  readonly input?: boolean | undefined;
  /** Contained in answers. Default: true. */
  readonly returned?: boolean | undefined;
  /** No two records may have the same value; a unique index holds it. Default: false. */
  readonly unique?: boolean | undefined;
  /** The field has an index. Default: false. */
  readonly index?: boolean | undefined;
  /** Name in the database. Default: the field's own name. */
  readonly fieldName?: string | undefined;
  /** Changes values on their way. Default: none. */
  readonly transform?:
    | {
        /** Before the value is stored. Default: none. */
        readonly input?: ((value: unknown) => unknown) | undefined;
        /** After the value was read. Default: none. */
        readonly output?: ((value: unknown) => unknown) | undefined;
      }
    | undefined;
  /** Standard Schemas, e.g. of zod, that check values. Default: none; the type alone counts. */
  readonly validator?:
    | {
        /** For values of request bodies. Default: none. */
        readonly input?: StandardSchemaLike | undefined;
        /** For values read from the database. Default: none. */
        readonly output?: StandardSchemaLike | undefined;
      }
    | undefined;
}

/** Where a model is stored. */
export interface StorageOptions {
  /** Name of the collection. Default: the model's name, e.g. `"user"`. */
  readonly modelName?: string | undefined;
  /** Names of built-in fields in the database: field → stored name. Default: `{}`, the same names. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
}

/** Where a model is stored and what the app adds to it. */
export interface ModelOptions extends StorageOptions {
  /** Fields that the app adds, by name. Default: `{}`. */
  readonly additionalFields?: Readonly<Record<string, AdditionalField>> | undefined;
}

/** `baseURL` in Better Auth's form for several hosts. */
export interface BaseURLOptions extends Inert<"baseURL"> {
  /** The base URL; requests of other hosts get links to it as well. Default: none, as without `baseURL`. */
  readonly fallback?: string | undefined;
}

/** One generation of the secret. */
export interface SecretVersion {
  /** Number that encrypted values carry: whole, 0 or more, each once (no unit). Default: none, required. */
  readonly version: number;
  /** The secret itself, at least 32 characters. Default: none, required. */
  readonly value: string;
}

/** Cost of one scrypt hash, RFC 7914 §2. Memory: 128 · 2^logN · r bytes. */
export interface PasswordCostOptions {
  /** Binary logarithm of the number of iterations. Default: 15. */
  readonly logN?: number | undefined;
  /** Block size, in units of 128 bytes. Default: 8. */
  readonly r?: number | undefined;
  /** Number of independent passes. Default: 3. */
  readonly p?: number | undefined;
}

/** How passwords are hashed. */
export interface PasswordOptions {
  /** Replaces the built-in hash. Default: scrypt of the NFKC-normalised password. */
  readonly hash?: ((password: string) => Promise<string>) | undefined;
  /** Replaces the built-in check. Default: scrypt, own and Better Auth's format. */
  readonly verify?:
    ((data: { readonly hash: string; readonly password: string }) => Promise<boolean>) | undefined;
  /** Cost of the built-in hash, taken as given. Default: `{ logN: 15, r: 8, p: 3 }` (OWASP Password Storage). */
  readonly cost?: PasswordCostOptions | undefined;
}

/** Sign-up and sign-in with e-mail address and password. */
export interface EmailAndPasswordOptions extends Inert<"emailAndPassword"> {
  /**
   * Opens the endpoints. Default: false; true when neither `emailAndPassword` nor `socialProviders` is given, because
   * there would be no way to sign in.
   */
  readonly enabled?: boolean | undefined;
  /** Refuses new users. Default: false. */
  readonly disableSignUp?: boolean | undefined;
  /** Signs new users in at once. Default: true. */
  readonly autoSignIn?: boolean | undefined;
  /**
   * Refuses sign-in until the address is verified, and hides at sign-up whether an address is known (ASVS 5.0
   * §6.3.8). Default: false.
   */
  readonly requireEmailVerification?: boolean | undefined;
  /** Least length of new passwords in characters (UTF-16 units). Default: 8. */
  readonly minPasswordLength?: number | undefined;
  /** Greatest length of passwords in characters (UTF-16 units). Default: 128. */
  readonly maxPasswordLength?: number | undefined;
  /** Refuses common passwords and the user's own address or name, when a password is set. Default: true. */
  readonly blockCommonPasswords?: boolean | undefined;
  /**
   * Refuses passwords known from breaches, when a password is set: asks api.pwnedpasswords.com about the first five
   * digits of the SHA-1. Without an answer in 2 s the password is taken, and a warning logged. Default: false.
   */
  readonly haveIBeenPwned?: boolean | undefined;
  /** Mails the link that resets a password. Default: none; the endpoint answers `RESET_PASSWORD_DISABLED`. */
  readonly sendResetPassword?: MailSender | undefined;
  /** Lifetime of reset tokens in seconds. Default: 3600. */
  readonly resetPasswordTokenExpiresIn?: number | undefined;
  /** Called after a reset. Default: none. */
  readonly onPasswordReset?: UserEventCallback | undefined;
  /** Called with the known user when someone signs up with a taken address unseen. Default: none. */
  readonly onExistingUserSignUp?: UserEventCallback | undefined;
  /** A reset ends the user's sessions and trusted devices. Default: true (Better Auth: false). */
  readonly revokeSessionsOnPasswordReset?: boolean | undefined;
  /** How passwords are hashed. Default: scrypt. */
  readonly password?: PasswordOptions | undefined;
}

/** Proof that a user owns an address. */
export interface EmailVerificationOptions extends Inert<"emailVerification"> {
  /** Mails the link that verifies an address. Default: none; nothing can be verified. */
  readonly sendVerificationEmail?: MailSender | undefined;
  /** Mails at sign-up. Default: `emailAndPassword.requireEmailVerification`. */
  readonly sendOnSignUp?: boolean | undefined;
  /** Mails again when an unverified user signs in. Default: false. */
  readonly sendOnSignIn?: boolean | undefined;
  /** The link also signs in. Default: false. */
  readonly autoSignInAfterVerification?: boolean | undefined;
  /** Lifetime of verification tokens in seconds. Default: 3600. */
  readonly expiresIn?: number | undefined;
  /** Called before an address becomes verified. Default: none. */
  readonly beforeEmailVerification?: UserCallback | undefined;
  /** Called after an address became verified. Default: none. */
  readonly afterEmailVerification?: UserCallback | undefined;
}

/** Change of the e-mail address. */
export interface ChangeEmailOptions extends Inert<"user.changeEmail"> {
  /** Opens the endpoint. Default: false. */
  readonly enabled?: boolean | undefined;
  /**
   * Asks the old address first, and only then the new one, by `emailVerification.sendVerificationEmail`.
   * Default: none; the new address alone is asked.
   */
  readonly sendChangeEmailConfirmation?:
    MailSender<Mail & { readonly newEmail: string }> | undefined;
  /** Replaces an unverified address at once. Default: false. */
  readonly updateEmailWithoutVerification?: boolean | undefined;
}

/** Deletion of the own account. */
export interface DeleteUserOptions {
  /** Opens the endpoints. Default: false. */
  readonly enabled?: boolean | undefined;
  /** Mails a link that confirms the deletion. Default: none; a password or a fresh session suffices. */
  readonly sendDeleteAccountVerification?: MailSender | undefined;
  /** Called before the deletion; an error thrown prevents it. Default: none. */
  readonly beforeDelete?: UserCallback | undefined;
  /** Called after the deletion. Default: none. */
  readonly afterDelete?: UserCallback | undefined;
  /** Lifetime of deletion tokens in seconds. Default: 86400. */
  readonly deleteTokenExpiresIn?: number | undefined;
  /** The mailed link works only in a browser where its user is signed in. Default: false (Better Auth: true). */
  readonly requireSessionOnCallback?: boolean | undefined;
}

/** Users. */
export interface UserOptions extends ModelOptions, Inert<"user"> {
  /** Change of the e-mail address. Default: off. */
  readonly changeEmail?: ChangeEmailOptions | undefined;
  /** Deletion of the own account. Default: off. */
  readonly deleteUser?: DeleteUserOptions | undefined;
}

/** The signed copy of the session in a cookie. */
export interface CookieCacheOptions extends Inert<"session.cookieCache"> {
  /** Answers GET and HEAD from the cookie; a session ended elsewhere is still shown for `maxAge`. Default: false. */
  readonly enabled?: boolean | undefined;
  /** Lifetime of the copy in seconds. Default: 300. */
  readonly maxAge?: number | undefined;
  /** Form of the copy: signed (`compact`, `jwt`) or encrypted (`jwe`). Default: `"compact"`. */
  readonly strategy?: "compact" | "jwt" | "jwe" | undefined;
  /** Copies of another version are ignored; a function is given session and user. Default: `"1"`. */
  readonly version?:
    | string
    | ((session: Readonly<Record<string, unknown>>, user: UserLike) => Awaitable<string>)
    | undefined;
}

/** The cache of session look-ups in this process. */
export interface SessionCacheOptions {
  /** Greatest number of sessions kept. Default: 10000. */
  readonly maxEntries?: number | undefined;
  /** Greatest age of an entry in seconds. Default: 60. */
  readonly maxAge?: number | undefined;
}

/** Sessions. */
export interface SessionOptions extends ModelOptions, Inert<"session"> {
  /** Lifetime of a remembered session in seconds. Default: 604800 (7 days). */
  readonly expiresIn?: number | undefined;
  /** Age in seconds after which use extends the session; 0 extends at every use. Default: 86400 (1 day). */
  readonly updateAge?: number | undefined;
  /** Age in seconds up to which a session counts as fresh; 0 counts every one. Default: 86400 (1 day). */
  readonly freshAge?: number | undefined;
  /** Sessions are never extended. Default: false. */
  readonly disableSessionRefresh?: boolean | undefined;
  /** GET never extends; it answers `needsRefresh`, and POST extends. Default: false. */
  readonly deferSessionRefresh?: boolean | undefined;
  /** Listing the sessions needs a fresh one. Default: false. */
  readonly requireFreshForList?: boolean | undefined;
  /** The signed copy of the session in a cookie. Default: off. */
  readonly cookieCache?: CookieCacheOptions | undefined;
  /** The cache of look-ups in this process; `{}` turns it on. Default: false. */
  readonly cache?: SessionCacheOptions | false | undefined;
}

/** When a provider's account is joined to an existing user. */
export interface AccountLinkingOptions {
  /** Allows linking at all. Default: true. */
  readonly enabled?: boolean | undefined;
  /** Sign-in never links; only a signed-in user does. Default: false. */
  readonly disableImplicitLinking?: boolean | undefined;
  /** Sign-in links only to users whose own address is verified. Default: true. */
  readonly requireLocalEmailVerified?: boolean | undefined;
  /** Providers whose word about an address is believed, or a function that finds them. Default: `[]`. */
  readonly trustedProviders?:
    readonly string[] | ((request?: Request) => Awaitable<readonly string[]>) | undefined;
  /** A signed-in user may link an account with another address. Default: false. */
  readonly allowDifferentEmails?: boolean | undefined;
  /** The last account may be unlinked. Default: false. */
  readonly allowUnlinkingAll?: boolean | undefined;
  /** Linking copies the provider's profile to the user. Default: false. */
  readonly updateUserInfoOnLink?: boolean | undefined;
}

/** Accounts: the ways in which a user proves who they are. */
export interface AccountOptions extends ModelOptions {
  /** Sign-in stores the provider's newest tokens. Default: true. */
  readonly updateAccountOnSignIn?: boolean | undefined;
  /** When a provider's account is joined to an existing user. Default: verified addresses only. */
  readonly accountLinking?: AccountLinkingOptions | undefined;
  /** Encrypts provider tokens in the database. Default: true (Better Auth: false). */
  readonly encryptOAuthTokens?: boolean | undefined;
  /** Takes callbacks without the state cookie, which opens login CSRF. Default: false. */
  readonly skipStateCookieCheck?: boolean | undefined;
  /** Where the state of a provider sign-in waits. Default: `"database"`. */
  readonly storeStateStrategy?: "database" | "cookie" | undefined;
  /** Keeps the provider's account in an encrypted cookie as well. Default: false. */
  readonly storeAccountCookie?: boolean | undefined;
}

/** How identifiers of verifications are stored; a function makes the stored text. */
export type StoreIdentifier =
  | "plain"
  | "hashed"
  | {
      /** Makes the stored text. Default: none, required. */
      readonly hash: (identifier: string) => Promise<string>;
    };

/** Short-lived proofs. */
export interface VerificationOptions extends ModelOptions, Inert<"verification"> {
  /** How identifiers are stored. Default: `"hashed"` (`"plain"` with `advanced.compatibility`). */
  readonly storeIdentifier?:
    | StoreIdentifier
    | {
        /** For all other identifiers. Default: none, required. */
        readonly default: StoreIdentifier;
        /** By front of the identifier, e.g. `reset-password`. Default: `{}`. */
        readonly overrides?: Readonly<Record<string, StoreIdentifier>> | undefined;
      }
    | undefined;
}

/** At most `max` requests within `window`. */
export interface RateLimitRule {
  /** Length in seconds. Default: none, required. */
  readonly window: number;
  /** Greatest number of requests. Default: none, required. */
  readonly max: number;
}

/** Limit of failed sign-ins to one account. */
export interface AccountLimitOptions {
  /** Number of failures after which further sign-ins are refused. Default: 50. */
  readonly maxFailures?: number | undefined;
  /** Length in seconds. Default: 3600. */
  readonly window?: number | undefined;
}

/** Limit of mails to one address. */
export interface MailboxLimitOptions {
  /** Greatest number of mails of one kind; further ones are left out silently. Default: 5. */
  readonly max?: number | undefined;
  /** Length in seconds. Default: 3600. */
  readonly window?: number | undefined;
}

/** Rate limits, counted for each client address and route. */
export interface RateLimitOptions extends StorageOptions, Inert<"rateLimit"> {
  /** Counts and refuses. Default: true in production only. */
  readonly enabled?: boolean | undefined;
  /** Length in seconds for routes without a rule of their own. Default: 10. */
  readonly window?: number | undefined;
  /** Greatest number of requests within `window`. Default: 100. */
  readonly max?: number | undefined;
  /** By route or pattern (`"/sign-in/*"`): a rule, false for none, or a function that answers one. Default: `{}`. */
  readonly customRules?:
    | Readonly<
        Record<
          string,
          | RateLimitRule
          | false
          | ((request: Request, rule: RateLimitRule) => Awaitable<RateLimitRule | false>)
        >
      >
    | undefined;
  /** Where is counted. `"secondary-storage"` means the database here. Default: `"memory"`. */
  readonly storage?: "memory" | "database" | "secondary-storage" | undefined;
  /**
   * What happens to a request whose counter cannot be reached: `"closed"` answers 503, `"open"` lets it through.
   * Default: `"closed"`.
   */
  readonly onStoreFailure?: "open" | "closed" | undefined;
  /** Limit of failed sign-ins to one account, or false. Default: 50 in 3600 s. */
  readonly account?: AccountLimitOptions | false | undefined;
  /** Limit of mails to one address, or false. Default: 5 in 3600 s. */
  readonly mailbox?: MailboxLimitOptions | false | undefined;
}

/** How the client's address is found. */
export interface IpAddressOptions extends Inert<"advanced.ipAddress"> {
  /** Headers to read, the first usable one counts. Default: `[]`, Express's `req.ip`. */
  readonly ipAddressHeaders?: readonly string[] | undefined;
  /** Addresses and CIDR ranges of the app's own proxies; alone they stand for `x-forwarded-for`. Default: `[]`. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Neither stores nor uses addresses; rate limits are then shared by all clients. Default: false. */
  readonly disableIpTracking?: boolean | undefined;
}

/** Cookies for all subdomains. */
export interface CrossSubDomainCookiesOptions extends Inert<"advanced.crossSubDomainCookies"> {
  /** Gives cookies a `Domain`. Default: false. */
  readonly enabled?: boolean | undefined;
  /** The domain. Default: the host of `baseURL`. */
  readonly domain?: string | undefined;
}

/** Name and attributes of one cookie. */
export interface CookieOverride {
  /** Full name without `__Secure-`. Default: prefix, dot and key. */
  readonly name?: string | undefined;
  /** Attributes of this cookie. Default: `advanced.defaultCookieAttributes`. */
  readonly attributes?: CookieAttributes | undefined;
}

/** The database. */
export interface DatabaseOptions extends Inert<"advanced.database"> {
  /** Builds missing indexes at start. Default: true. */
  readonly autoIndex?: boolean | undefined;
  /** Adds `s` to the names of collections. Default: false. */
  readonly usePlural?: boolean | undefined;
}

/** Settings that most apps leave alone. */
export interface AdvancedOptions extends Inert<"advanced"> {
  /** First part of all cookie names: letters, digits and ``!#$%&'*+-.^_`|~``. Default: `"better-auth"`. */
  readonly cookiePrefix?: string | undefined;
  /** Cookies are `Secure` and named `__Secure-`. Default: true when `baseURL` is https. */
  readonly useSecureCookies?: boolean | undefined;
  /** Cookies for all subdomains. Default: off. */
  readonly crossSubDomainCookies?: CrossSubDomainCookiesOptions | undefined;
  /** Attributes of all cookies. Default: `Path=/; HttpOnly; SameSite=Lax`. */
  readonly defaultCookieAttributes?: CookieAttributes | undefined;
  /** Name and attributes of single cookies, by key, e.g. `session_token`. Default: `{}`. */
  readonly cookies?: Readonly<Record<string, CookieOverride>> | undefined;
  /** Skips the checks of `Origin` and of the sign-in forms. Default: true only when `disableOriginCheck` is true. */
  readonly disableCSRFCheck?: boolean | undefined;
  /** Skips the check of callback URLs, everywhere or below the listed paths. Default: false. */
  readonly disableOriginCheck?: boolean | readonly string[] | undefined;
  /** How the client's address is found. Default: Express's `req.ip`. */
  readonly ipAddress?: IpAddressOptions | undefined;
  /** `"better-auth"` stores secrets in the official formats, for a database that an official server shares. Default: none, hardened. */
  readonly compatibility?: "better-auth" | undefined;
  /** The database. Default: indexes are built. */
  readonly database?: DatabaseOptions | undefined;
}

/** Importance of a log entry. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Warnings and failed mails. */
export interface LoggerOptions extends Inert<"logger"> {
  /** Least level that is written. Default: `"warn"`. */
  readonly level?: LogLevel | undefined;
  /** Writes nothing. Default: false. */
  readonly disabled?: boolean | undefined;
  /** Receives the entries. Default: the console. */
  readonly log?: ((level: LogLevel, message: string, ...details: unknown[]) => void) | undefined;
}

/** A row as hooks see it: `id`, and its fields by their names, those of the app among them. */
export type RecordOf<Row> = { readonly id: string } & Readonly<Omit<Row, "_id" | "userId">> &
  (Row extends { userId: unknown } ? { readonly userId: string } : unknown) &
  Readonly<Record<string, unknown>>;

/** What of a row changes, with its `id`. */
export type ChangesOf<Row> = Partial<RecordOf<Row>> & Pick<RecordOf<Row>, "id">;

/**
 * Before a change: false prevents it and what belongs to it; the fields of `{ data }` are written besides, or in place
 * of those given. May be called again when the transaction has to start anew.
 *
 * @param record what is written or deleted; tokens and passwords in the form in which they are stored
 * @param context of the running request; null where a guard renews or ends a session
 * @param session the running transaction, for the app's own writes: `{ session }`; null on a standalone server
 */
export type BeforeChange<R> = (
  record: R,
  context: HookContext | null,
  session: ClientSession | null,
) =>
  | Awaitable<boolean | { readonly data: Readonly<Record<string, unknown>> } | undefined>
  | Awaitable<void>;

/** After a change, still inside its transaction: what it throws takes the change back. Arguments as of `before`. */
export type AfterChange<R> = (
  record: R,
  context: HookContext | null,
  session: ClientSession | null,
) => unknown;

/** Callbacks around one kind of change. */
export interface ChangeHooks<Before, After> {
  /** Called before it; may prevent it or change the data. Default: none. */
  readonly before?: BeforeChange<Before> | undefined;
  /** Called after it, in the same transaction. Default: none. */
  readonly after?: AfterChange<After> | undefined;
}

/** Callbacks of one model. */
export interface ModelHooks<Row> {
  /** Around inserts. Default: none. */
  readonly create?: ChangeHooks<RecordOf<Row>, RecordOf<Row>> | undefined;
  /** Around updates. Default: none. */
  readonly update?: ChangeHooks<ChangesOf<Row>, RecordOf<Row>> | undefined;
  /** Around deletions. Default: none. */
  readonly delete?: ChangeHooks<RecordOf<Row>, RecordOf<Row>> | undefined;
}

/** Callbacks around changes of the database. */
export interface DatabaseHooks {
  /** Changes of users. Default: none. */
  readonly user?: ModelHooks<User> | undefined;
  /** Changes of sessions. Default: none. */
  readonly session?: ModelHooks<Session> | undefined;
  /** Changes of accounts. Default: none. */
  readonly account?: ModelHooks<Account> | undefined;
  /** Changes of verifications. Default: none. */
  readonly verification?: ModelHooks<Verification> | undefined;
}

/**
 * A callback around an endpoint. `before` may return `{ context: { body } }` (also `query`, `headers`) to change what was
 * sent, or another object to answer with; what `after` returns is answered. An `AuthError` thrown is the answer.
 */
export type RequestHook = (context: HookContext) => unknown;

/** Callbacks around endpoints: one for all, or by name (`{ signUpEmail: … }`, the names of `auth.api`). */
export interface RequestHooks {
  /** Called before the endpoint reads anything. Default: none. */
  readonly before?: RequestHook | Readonly<Record<string, RequestHook>> | undefined;
  /** Called with what would be answered. Default: none. */
  readonly after?: RequestHook | Readonly<Record<string, RequestHook>> | undefined;
}

const pageColors = [
  "background",
  "foreground",
  "primary",
  "primaryForeground",
  "mutedForeground",
  "border",
  "destructive",
  "titleBorder",
  "titleColor",
  "gridColor",
  "cardBackground",
  "cornerBorder",
] as const;
const pageSizes = [
  "radiusSm",
  "radiusMd",
  "radiusLg",
  "textSm",
  "text2xl",
  "text4xl",
  "text6xl",
] as const;
const pageFonts = ["defaultFamily", "monoFamily"] as const;

type Styles<Keys extends readonly string[]> = {
  readonly [Key in Keys[number]]?: string | undefined;
};

/** Look of the built-in error page. */
export interface ErrorPageOptions {
  /** CSS colours. Default: the built-in ones. */
  readonly colors?: Styles<typeof pageColors> | undefined;
  /** CSS lengths. Default: the built-in ones. */
  readonly size?: Styles<typeof pageSizes> | undefined;
  /** CSS font families. Default: the built-in ones. */
  readonly font?: Styles<typeof pageFonts> | undefined;
  /** Leaves out the border of the title. Default: false. */
  readonly disableTitleBorder?: boolean | undefined;
  /** Leaves out the decorated corners. Default: false. */
  readonly disableCornerDecorations?: boolean | undefined;
  /** Leaves out the grid behind the page. Default: false. */
  readonly disableBackgroundGrid?: boolean | undefined;
}

/** Where browsers end up after an error. */
export interface ApiErrorOptions extends Inert<"onAPIError"> {
  /** URL or path that gets `error` and `error_description` in its query. Default: the built-in `/error` page. */
  readonly errorURL?: string | undefined;
  /** Look of the built-in page. Default: none; in production browsers are then sent to `/`. */
  readonly customizeDefaultErrorPage?: ErrorPageOptions | undefined;
}

/**
 * Options of `betterAuth()`. Names, nesting and defaults are Better Auth's, except where a default names its own.
 * Options of Better Auth that have no effect here are accepted and named in a warning at start.
 */
export interface AuthOptions extends Inert<""> {
  /** Name shown to users, e.g. in authenticator apps. Default: `"Better Auth"`. */
  readonly appName?: string | undefined;
  /**
   * URL of the app, http or https. A path in it is the base path. An empty text counts as not given.
   * Default: `BETTER_AUTH_URL`; without it each request's own origin, and an error in production.
   */
  readonly baseURL?: string | BaseURLOptions | undefined;
  /** Path of the Router, e.g. `"/auth"`. Default: where it is mounted; `"/auth"` in links made outside a request. */
  readonly basePath?: string | undefined;
  /**
   * Signs cookies and encrypts, at least 32 random characters. An empty text counts as not given.
   * Default: `BETTER_AUTH_SECRET`, else `AUTH_SECRET`; without them a random one, and an error in production.
   */
  readonly secret?: string | undefined;
  /** Rotated secrets, the current one first; `secret` then only decrypts older values. Default: `BETTER_AUTH_SECRETS` (`2:new,1:old`). */
  readonly secrets?: readonly SecretVersion[] | undefined;
  /** MongoDB URI or Mongoose connection. Default: `MONGODB_URI`, else Mongoose's default connection. */
  readonly database?: Connection | string | undefined;
  /**
   * Origins that may call and be redirected to besides `baseURL`'s: origins, patterns with `*`, `**` and `?`, app
   * schemes, or a function that finds them for a request. Falsy entries are dropped.
   * Default: `[]`; `BETTER_AUTH_TRUSTED_ORIGINS` (separated by commas) is added.
   */
  readonly trustedOrigins?:
    | readonly (string | null | undefined | false)[]
    | ((request?: Request) => Awaitable<readonly (string | null | undefined | false)[]>)
    | undefined;
  /** Sign-up and sign-in with e-mail address and password. Default: on, unless `socialProviders` is given. */
  readonly emailAndPassword?: EmailAndPasswordOptions | undefined;
  /** Proof that a user owns an address. Default: no mails. */
  readonly emailVerification?: EmailVerificationOptions | undefined;
  /** Providers of social sign-in by id, checked by that feature. Default: `{}`. */
  readonly socialProviders?: Readonly<Record<string, unknown>> | undefined;
  /** Features, e.g. `[username(), twoFactor()]`. Default: `[]`. */
  readonly plugins?: readonly Plugin[] | undefined;
  /** Users. Default: none may change their address or delete themselves. */
  readonly user?: UserOptions | undefined;
  /** Sessions. Default: seven days, extended daily. */
  readonly session?: SessionOptions | undefined;
  /** Accounts. Default: linked by verified addresses. */
  readonly account?: AccountOptions | undefined;
  /** Short-lived proofs. Default: stored hashed. */
  readonly verification?: VerificationOptions | undefined;
  /** Rate limits. Default: in production only. */
  readonly rateLimit?: RateLimitOptions | undefined;
  /** Settings that most apps leave alone. Default: as each says. */
  readonly advanced?: AdvancedOptions | undefined;
  /** Warnings and failed mails. Default: the console, from `warn` on. */
  readonly logger?: LoggerOptions | undefined;
  /** Callbacks around changes of the database. Default: none. */
  readonly databaseHooks?: DatabaseHooks | undefined;
  /** Callbacks around every endpoint. Default: none. */
  readonly hooks?: RequestHooks | undefined;
  /** Where browsers end up after an error. Default: the built-in page. */
  readonly onAPIError?: ApiErrorOptions | undefined;
  /** Paths that answer 404, e.g. `["/sign-up/email"]`. Default: `[]`. */
  readonly disabledPaths?: readonly string[] | undefined;
  /** Roles that pass `requireAdmin` while the admin feature is off. Default: `["admin"]`. */
  readonly adminRoles?: readonly string[] | undefined;
  /** Ids of users who pass `requireAdmin` while the admin feature is off. Default: `[]`. */
  readonly adminUserIds?: readonly string[] | undefined;
  /** The clock, replaced in tests. Default: the system's. */
  readonly now?: (() => Date) | undefined;
  /** Makes outgoing requests. Default: the global `fetch`, looked up at each call. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Makes random bytes, of the given number. Default: `node:crypto`'s. */
  readonly randomBytes?: ((size: number) => Buffer) | undefined;
  /** Accepted for compatibility; nothing is ever sent. Default: `{}`. */
  readonly telemetry?: Readonly<Record<string, unknown>> | undefined;
  /** Accepted for compatibility, without effect. Default: `{}`. */
  readonly experimental?: Readonly<Record<string, unknown>> | undefined;
}

/** Base path of links that are made outside a request, while `basePath` is not given. */
export const DEFAULT_BASE_PATH = "/auth";
/** What Better Auth falls back to outside production; publicly known. */
const OFFICIAL_DEFAULT_SECRET = "better-auth-secret-12345678901234567890";
const MIN_SECRET_LENGTH = 32;
const RANDOM_SECRET = `pass a random text of at least ${String(MIN_SECRET_LENGTH)} characters`;

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
const callback = <F>() =>
  z.custom<F>((value) => typeof value === "function", { error: "a function", abort: true });
const list = <Item extends z.ZodType>(item: Item) => z.array(item, "an array").readonly();
const byName = <Value extends z.ZodType>(name: z.ZodType<string, string>, value: Value) =>
  z.record(name, value, "an object");

const flag = z.boolean("true or false");
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

const schema = group({
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

/** Full names of all options below `T`, e.g. `session.expiresIn`; `*` where the app chooses the names. */
type Names<T> = T extends
  ((...args: never) => unknown) | readonly unknown[] | Date | Connection | StandardSchemaLike
  ? never
  : T extends object
    ? string extends keyof T
      ? Below<"*", T[string & keyof T]>
      : { [Name in keyof T & string]-?: Name | Below<Name, T[Name]> }[keyof T & string]
    : never;
type Below<Name extends string, T> = `${Name}.${Names<T>}`;

type Written = Names<AuthOptions>;
type Parsable = Names<z.input<typeof schema>> | InertPath;

type Difference<A, B> = Exclude<A, B> | Exclude<B, A>;
type Agreed<Output, Drift extends never> = Output | Drift;

/** Compiles only while schema and interface have the same names at every level; the error lists the others. */
type ParsedOptions = Agreed<z.output<typeof schema>, Difference<Written, Parsable>>;

/** The options, checked, with every default filled in; frozen. */
export interface Config extends Readonly<
  Omit<
    ParsedOptions,
    | "baseURL"
    | "basePath"
    | "secret"
    | "secrets"
    | "trustedOrigins"
    | "emailAndPassword"
    | "verification"
    | "rateLimit"
    | "advanced"
  >
> {
  /** Whether `NODE_ENV` is `production`. */
  readonly production: boolean;
  /** Serialised origin, "https://app.example.com"; undefined: each request's own origin serves that request. */
  readonly baseURL: string | undefined;
  /** "/auth", "" for the root; undefined: where the Router is mounted, and `DEFAULT_BASE_PATH` outside a request. */
  readonly basePath: string | undefined;
  /** The current secret first, which signs and encrypts; a single `secret` has version 0. */
  readonly secrets: readonly [SecretVersion, ...SecretVersion[]];
  /** Whether `secrets` was given, so that encrypted values name the version of their secret. */
  readonly versionedSecrets: boolean;
  /** Decrypts values without a version: the single secret, or the one given beside `secrets`; undefined: none. */
  readonly legacySecret: string | undefined;
  readonly trustedOrigins: {
    /** Origin of `baseURL`, the listed ones, and those of `BETTER_AUTH_TRUSTED_ORIGINS`; each once. */
    readonly list: readonly string[];
    /** Finds further ones for a request; undefined when the option is no function. */
    readonly find: ((request?: Request) => Promise<readonly string[]>) | undefined;
  };
  readonly emailAndPassword: ParsedOptions["emailAndPassword"] & { readonly enabled: boolean };
  readonly verification: ParsedOptions["verification"] & {
    readonly storeIdentifier: NonNullable<ParsedOptions["verification"]["storeIdentifier"]>;
  };
  readonly rateLimit: Omit<ParsedOptions["rateLimit"], "enabled" | "storage"> & {
    readonly enabled: boolean;
    readonly storage: "memory" | "database";
  };
  readonly advanced: ParsedOptions["advanced"] & {
    readonly useSecureCookies: boolean;
    readonly disableCSRFCheck: boolean;
  };
  /** For the log at start; without secrets. */
  readonly warnings: readonly string[];
}

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
    ...["name", "email", "image", "createdAt", "updatedAt", "password", "newPassword"],
    ...["currentPassword", "callbackURL", "rememberMe", "dontRememberMe", "token"],
  ],
  session: ["token", "userId", "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent"],
} as const;

function refuseTakenNames(data: ParsedOptions): void {
  for (const model of ["user", "session"] as const) {
    const given = data[model].additionalFields;
    const refuse = (names: readonly string[], owner: string): void => {
      const taken = names.find((name) => Object.hasOwn(given, name));
      if (taken === undefined) return;
      throw wrong(
        `${model}.additionalFields.${taken} is the name of a field of ${owner}; choose another one`,
      );
    };
    refuse(TAKEN_NAMES[model], "the library");
    for (const { id, exposes } of data.plugins) {
      refuse(Object.keys(exposes?.[model] ?? {}), `the feature "${id}"`);
    }
  }
}

/** What is turned on in `plugins`, by the name of its function. */
const FEATURES: readonly string[] = ["username", "twoFactor"];

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

function wrong(message: string): TypeError {
  return new TypeError(`betterAuth(): ${message}`);
}

function explain(issue: z.core.$ZodIssue, path: readonly PropertyKey[]): string {
  if (issue.code === "invalid_union") {
    // What the caller meant is the alternative of the same kind with the fewest mistakes.
    const [fitting] = issue.errors
      .filter((inner) =>
        inner.some(({ code, path: at }) => at.length > 0 || code === "unrecognized_keys"),
      )
      .toSorted((a, b) => a.length - b.length);
    if (fitting !== undefined) {
      return fitting.map((inner) => explain(inner, [...path, ...inner.path])).join("; ");
    }
  }
  if (issue.code === "unrecognized_keys") {
    const inert = inertNames(path.reduce<string | null>(memberGroup, ""));
    return hasNo(path, issue.keys, [...issue.message.split(","), ...inert]);
  }
  if (issue.code === "invalid_key") {
    return `${nameOf(path)} must be ${issue.issues[0]?.message ?? ""}`;
  }
  return `${nameOf(path)} must be ${issue.message}, got ${describe(issue.input, path[0])}`;
}

function hasNo(
  path: readonly PropertyKey[],
  names: readonly PropertyKey[],
  known: readonly unknown[],
): string {
  const each = names.map((name) => {
    if (path.length === 0 && FEATURES.includes(String(name))) {
      return `has no option "${String(name)}"; pass plugins: [${String(name)}()]`;
    }
    const nearest = closestMatch(String(name), known.map(String)) ?? "";
    return `has no option "${String(name)}"; the nearest is "${nearest}"`;
  });
  return `${nameOf(path)} ${each.join(", ")}`;
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "the options object" : z.core.toDotPath(path);
}

/** What was got, without anything that could be a secret: texts by length, numbers only outside the secrets. */
function describe(value: unknown, option: PropertyKey | undefined): string {
  if (value === undefined || value === null || typeof value === "boolean") return String(value);
  if (value === "") return "an empty text";
  if (typeof value === "string") return `a text of length ${String(value.length)}`;
  if (typeof value === "number" && option !== "secret" && option !== "secrets") {
    return String(value);
  }
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** What is found on the way: for the log, and what stops a start in production. */
interface Notes {
  readonly production: boolean;
  readonly warnings: string[];
  /** Named together, so that a first start in production has to fail only once. */
  readonly missing: string[];
}

function readBaseURL(
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

function readBasePath(given: string | undefined, url: URL | undefined): string | undefined {
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

function readSecrets(
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

function readTrustedOrigins(
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
