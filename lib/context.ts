import type { IncomingHttpHeaders } from "node:http";
import type { KeyObject } from "node:crypto";
import type { Connection, QueryFilter } from "mongoose";
import type { Keyring } from "./crypto/cipher.ts";
import type { AuthError } from "./errors.ts";
import type { Id } from "./models/id.ts";
import type { Models } from "./models/index.ts";
import type { Account } from "./models/account.ts";
import type { KnownSession, Session } from "./models/session.ts";
import type { User } from "./models/user.ts";
import type { Config } from "./config.ts";
import type { ActiveView, ShownSession, Views } from "./views.ts";

/** Everything that one instance of `betterAuth()` shares between its endpoints; frozen. */
export interface AuthContext {
  /** The options, parsed. */
  readonly config: Config;
  readonly models: Models;
  readonly database: Database;
  readonly views: Views;
  readonly cookies: Cookies;
  readonly sessions: SessionLookup;
  readonly counters: Counters;
  readonly origins: Origins;
  readonly refused: RefusedAddresses;
  readonly keys: Keys;
  /** Of every feature, in their order. */
  readonly hooks: readonly Hooks[];
  /** The running request, for `databaseHooks`; null outside an endpoint, and where the app has no such hooks. */
  readonly hookContext: HookContext | null;
  readonly log: Log;
  /** The clock; `options.now` replaces it in tests. */
  readonly now: () => Date;
}

/** The connection and what is known of the server behind it. */
export interface Database {
  /** Whether several documents can change together (replica set or sharded cluster). */
  readonly transactions: boolean;
  /** Resolves when connected and indexed; rejects with the reason. Later calls try again after a failure. */
  ready(): Promise<void>;
  /** Whether `ready()` has succeeded. */
  readonly isReady: boolean;
  /**
   * Whether a unique index is missing because old duplicates prevent it, or was not looked for (`autoIndex: false`); then
   * code must look before it writes.
   */
  lacksIndex(collection: string, field: string): boolean;
  readonly connection: Connection;
}

/** Keys of every accepted secret. */
export interface Keys {
  /** Of HMACs, current first. */
  readonly signing: readonly [KeyObject, ...KeyObject[]];
  /** Of what is stored encrypted. */
  readonly cipher: Keyring;
}

/** A limit. */
export interface CounterRule {
  /** Seconds, measured from the last counted one. */
  readonly window: number;
  readonly max: number;
}

/** What came of counting one more. */
export interface Taken {
  readonly allowed: boolean;
  /** Counted in the window, this one included when it is allowed. */
  readonly count: number;
  /** Milliseconds until the window ends, if nothing more is counted. */
  readonly resetsInMs: number;
  /** Milliseconds since the epoch. */
  readonly countedAt: number;
  /** Milliseconds since the epoch of the one counted before; null when this is the first. */
  readonly countedBefore: number | null;
}

/** Counts requests, guesses and mails, atomically; in this process or in the database. */
export interface Counters {
  /** Counts one more, unless the rule refuses it. */
  take(key: string, rule: CounterRule): Promise<Taken>;
  /** Takes one back that turned out not to count, as if it had never been. */
  giveBack(key: string, taken: Taken): Promise<void>;
  /** Forgets a key. */
  clear(key: string): Promise<void>;
}

/** Where browsers may come from and be sent to. */
export interface Origins {
  /** Whether `origin` ("https://app.example.com") may make this request. */
  trustsOrigin(origin: string, request: RequestInfo): Promise<boolean> | boolean;
  /** The safe form of a return address, or null when it must be refused. */
  checkRedirect(address: string, request: RequestInfo): Promise<string | null> | (string | null);
}

/** Tells the operator, once for each, which origins and return addresses were refused and what to do. */
export interface RefusedAddresses {
  /** @param origin as sent */
  origin(origin: string): void;
  /** @param address as sent; of a whole URL the host is shown, of a path what stands before the query */
  returnAddress(address: string): void;
}

/** One line for the operator; never a secret. */
export interface Log {
  info(message: string, cause?: unknown): void;
  warn(message: string, cause?: unknown): void;
  error(message: string, cause?: unknown): void;
}

/** Cookie names and attributes of an instance. */
export interface Cookies {
  readonly sessionToken: CookieSettings;
  readonly sessionData: CookieSettings;
  readonly dontRemember: CookieSettings;
  readonly knownDevice: CookieSettings;
  readonly twoFactor: CookieSettings;
  readonly trustDevice: CookieSettings;
  /** Full names under which a session token is accepted, best first. */
  readonly sessionNames: readonly string[];
}

/** One cookie: its full name and attributes without life time. */
export interface CookieSettings {
  readonly name: string;
  readonly attributes: CookieAttributes;
}

/** Attributes of a cookie, as they are written. */
export interface CookieAttributes {
  readonly path?: string;
  readonly domain?: string;
  readonly httpOnly?: boolean;
  readonly secure?: boolean;
  readonly sameSite?: "lax" | "strict" | "none";
  readonly partitioned?: boolean;
  /** Seconds; absent means until the browser closes. */
  readonly maxAge?: number;
}

/** Session and user of a request, as stored; `auth.views.active` shows them. */
export interface ActiveSession {
  readonly session: KnownSession;
  readonly user: User;
  /** The token that the client presented. */
  readonly token: string;
  /** False when the session ends with the browser (`rememberMe: false`). */
  readonly persistent: boolean;
  /**
   * What the copy in the cookie holds, when that was read instead of the database. `session` and `user` are made of it:
   * they lack the app's fields that answers do not show, or show transformed.
   */
  readonly shown?: ActiveView;
}

/** A sign-in that waits for its second factor. */
export interface PendingSignIn {
  readonly user: User;
  /** `2fa-` and 20 characters, as the client has it. */
  readonly identifier: string;
  /** Whether the session that comes of it outlives the browser. */
  readonly persistent: boolean;
  readonly expiresAt: Date;
}

/** Finds sessions by token; the look-ups of one event-loop turn share one command. */
export interface SessionLookup {
  /** The first of these tokens that names a live session. */
  find(tokens: readonly string[]): Promise<FoundSession>;
}

/** A stored session with its user, and the token that named it. */
export interface SessionRow {
  readonly session: Session;
  readonly user: User;
  readonly token: string;
}

/** What a look-up found. */
export interface FoundSession {
  readonly live: SessionRow | null;
  /** Ids of rows that were met past their time. */
  readonly expired: readonly Id[];
}

/** What an endpoint may know of the HTTP request. */
export interface RequestInfo {
  /** Whether the app called `auth.api` instead. */
  readonly isServerCall: boolean;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Client address, empty if unknown. */
  readonly ip: string;
  /** Path and query, relative to the mount path. */
  readonly path: string;
  /**
   * Origin and mount path under which the caller reached us, "https://app.example.com/auth".
   *
   * @throws AuthError BAD_REQUEST (400), when `baseURL` is unset and the request has no usable `Host`
   */
  baseURL(): string;
}

/** Collected by services, written by the middleware. A later cookie replaces an earlier one of the same name. */
export interface Reply {
  status: number;
  readonly cookies: Map<string, { readonly value: string; readonly attributes: CookieAttributes }>;
  readonly headers: Map<string, string>;
  /** The session whose cookie was set last; null when none was, or it was cleared after. */
  newSession: ActiveSession | null;
}

/** What a caller sends, not yet validated. */
export interface RawInput {
  readonly body: unknown;
  readonly query: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
}

/** One call of an endpoint, over HTTP or through `auth.api`. */
export interface Call<
  Active = ActiveSession | PendingSignIn | null | undefined,
  Body = unknown,
  Query = unknown,
  Params = unknown,
> {
  readonly auth: AuthContext;
  readonly active: Active;
  readonly body: Body;
  readonly query: Query;
  readonly params: Params;
  readonly request: RequestInfo;
  readonly reply: Reply;
}

/** How an identity was proven, told to the hooks that may ask for more. */
export type Proof = "password" | "passkey" | "passkey-verified" | "social" | "mail-link";

/** The session that a sign-in is about to make. */
export interface SignInAttempt {
  readonly proof: Proof;
  /** Whether the session outlives the browser. */
  readonly persistent: boolean;
}

/** The places where features and the app join in; all of one kind run in the order of the features. */
export interface Hooks {
  /** May throw, or return fields for the new user. */
  readonly beforeUserCreate?: (call: Call, user: Readonly<User>) => Promise<Partial<User>>;
  /**
   * Reads the feature's fields from what a client sent for a new user (`current` is null) or a change. May throw.
   *
   * @returns values by their names in the database
   */
  readonly readUserFields?: (
    input: Readonly<Record<string, unknown>>,
    current: Readonly<User> | null,
  ) => Promise<Partial<User>>;
  /**
   * What must still hold of the stored user when these fields are written, and what is answered when it does not; null:
   * nothing.
   */
  readonly expectUser?: (
    fields: Readonly<Partial<User>>,
    current: Readonly<User>,
  ) => Expectation | null;
  /** Fields of a user that a unique index holds: what is answered when a value is taken. */
  readonly uniqueUserFields?: Readonly<Record<string, () => AuthError>>;
  /** After user and account are stored. */
  readonly afterUserCreate?: (call: Call, user: Readonly<User>) => Promise<void>;
  /** May answer instead of a session (second factor). */
  readonly challengeSignIn?: (
    call: Call,
    user: Readonly<User>,
    attempt: SignInAttempt,
  ) => Promise<Challenge | null>;
  /**
   * Throws when the user has a second factor to set up first; asked by every guard and every endpoint that needs a session,
   * but for those with `beforeEnrolment`.
   */
  readonly requireEnrolment?: (auth: AuthContext, active: ActiveSession) => Promise<void>;
  /** Throws when a session, read from the database, has had no second factor proven lately. */
  readonly requireSecondFactor?: (auth: AuthContext, active: ActiveSession) => void;
  /** May throw, or return fields for the new session. */
  readonly beforeSessionCreate?: (call: Call, user: Readonly<User>) => Promise<Partial<Session>>;
}

/** What the app's hooks learn about a request, and what they may do to its answer. */
export interface HookContext {
  /** Relative to the base path, as declared: `/sign-in/email`, `/reset-password/:token`. */
  readonly path: string;
  /** Name of the endpoint on `auth.api`: `signInEmail`. */
  readonly endpoint: string;
  readonly method: string;
  /** As sent: not yet validated. `{}` without one, and for a body that is no object. */
  readonly body: Readonly<Record<string, unknown>>;
  /** As sent: not yet validated. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
  /** Without its body; undefined for a call of `auth.api`. */
  readonly request: Request | undefined;
  readonly context: {
    /** The caller's, once the endpoint has read it; null before, and where the endpoint reads none. */
    session: ShownSession | null;
    /** For `after`: the session that the answer starts or continues. */
    newSession: ShownSession | null;
    /** For `after`: the answer, or an `AuthError`. */
    returned: unknown;
    /** For `after`: headers and cookies of the answer so far, to look at. */
    responseHeaders: Headers | undefined;
  };
  /** A cookie of the request by its full name, as sent. */
  readonly getCookie: (name: string) => string | null;
  /** Sets a cookie of the app's own; `path` is `/` by default. */
  readonly setCookie: (name: string, value: string, attributes?: CookieAttributes) => void;
  readonly setHeader: (name: string, value: string) => void;
  /** To be returned: answers 302. */
  readonly redirect: (location: string) => Redirect;
  /** To be returned: answers with this value. */
  readonly json: <T>(value: T) => T;
}

/** What must hold of a stored user who is changed. */
export interface Expectation {
  readonly where: QueryFilter<User>;
  /** Makes what is answered when it does not. */
  readonly otherwise: () => AuthError;
}

/** What is stored when a user signs up. */
export interface NewUser {
  readonly user: User;
  readonly account: Account;
}

/** Sends the browser elsewhere: 302. */
export class Redirect {
  readonly location: string;
  constructor(location: string) {
    this.location = location;
  }
}

/** A page, with the nonce that its own `style` and `script` elements carry. */
export class Html {
  readonly html: string;
  readonly nonce: string;
  constructor(html: string, nonce: string) {
    this.html = html;
    this.nonce = nonce;
  }
}

/** Sign-in pauses for another proof; the body is sent with status 200, if the feature's `extends` has its schema. */
export class Challenge {
  readonly body: Readonly<Record<string, unknown>>;
  constructor(body: Readonly<Record<string, unknown>>) {
    this.body = body;
  }
}
