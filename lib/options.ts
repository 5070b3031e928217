import type { ClientSession, Connection } from "mongoose";
import type { HookContext } from "./context.ts";
import type { Inert } from "./known-options.ts";
import type { Account } from "./models/account.ts";
import type { Session } from "./models/session.ts";
import type { User } from "./models/user.ts";
import type { Verification } from "./models/verification.ts";
import type { Plugin } from "./plugin.ts";

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

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

/** Colours of the error page, under Better Auth's names. */
export const pageColors = [
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
/** Lengths of the error page, under Better Auth's names. */
export const pageSizes = [
  "radiusSm",
  "radiusMd",
  "radiusLg",
  "textSm",
  "text2xl",
  "text4xl",
  "text6xl",
] as const;
/** Fonts of the error page, under Better Auth's names. */
export const pageFonts = ["defaultFamily", "monoFamily"] as const;

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
