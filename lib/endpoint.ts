import type { z } from "zod";
import type { ActiveSession, Call, Challenge, Html, PendingSignIn, Redirect } from "./context.ts";
import type { ErrorTable } from "./errors.ts";

/** Methods of endpoints; HEAD follows from GET. */
export type Method = "GET" | "POST";

/**
 * Who may call an endpoint.
 *
 * - `server`: the app's own code alone, by `auth.api`; refused as a route
 * - `public`: no session is read
 * - `optional`: a session is read if one is presented
 * - `session`: a live session; from the database for every method but GET and HEAD
 * - `session!`: a live session, always from the database
 * - `fresh`: as `session!`, and younger than `session.freshAge`
 * - `pending`: as `session!`, or a sign-in that waits for its second factor
 */
export type Access =
  "server" | "public" | "optional" | "session" | "session!" | "fresh" | "pending";

/** `call.active` as the access makes it: a handler cannot forget the check, without it there is nothing to use. */
export type Active<A extends Access> = A extends "server" | "public"
  ? undefined
  : A extends "optional"
    ? ActiveSession | null
    : A extends "pending"
      ? ActiveSession | PendingSignIn
      : ActiveSession;

/** Requests per client address; see docs/protocol.md §7. */
export interface RateLimit {
  /** Seconds, measured from the last counted request. */
  readonly window: number;
  /** Counted requests per window. */
  readonly max: number;
}

type Parsed<S> = [S] extends [z.ZodType] ? z.output<S> : undefined;
type Given<S> = [S] extends [z.ZodType] ? z.input<S> : undefined;

/** One endpoint: route, validation, answer, access, limits and failures. Everything else is derived from it. */
export interface Definition<
  A extends Access,
  P extends z.ZodType | undefined,
  Q extends z.ZodType | undefined,
  B extends z.ZodType | undefined,
  R extends z.ZodType,
  E extends ErrorTable,
> {
  readonly method: Method | readonly Method[];
  /** Relative to the mount path; more than one are names of the same thing (one limit, one handler). */
  readonly path: string | readonly string[];
  /** Imperative, at most 60 characters, no full stop; the OpenAPI summary. */
  readonly summary: string;
  readonly access: A;
  /** Refuses impersonated and API-key sessions (docs/protocol.md §3). Default false. */
  readonly credentials?: boolean;
  /** A sign-in form: its origin is checked even without cookies (docs/protocol.md §5). Default false. */
  readonly form?: boolean;
  /** Takes `application/x-www-form-urlencoded` besides JSON. Default false. */
  readonly urlencoded?: boolean;
  /** A GET that sends the browser to its `callbackURL`, which is therefore checked first. Default false. */
  readonly redirects?: boolean;
  /** Open also to users who have to set up a second factor before they may do anything else. Default false. */
  readonly beforeEnrolment?: boolean;
  /** May be called by `auth.api` without headers although it needs a session. Default false. */
  readonly trusted?: boolean;
  /** Works without the database, and never waits for it. Default false. */
  readonly offline?: boolean;
  /** A GET that uses something up: HEAD is refused, so that link scanners use nothing up. Default false. */
  readonly consumes?: boolean;
  /** The answer may be kept by caches. Default false: `Cache-Control: no-store`. */
  readonly cacheable?: boolean;
  /** Default: `rateLimit.window` and `rateLimit.max`. */
  readonly rateLimit?: RateLimit;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly response: R;
  /** The endpoint's own codes; the common ones follow from the other properties. */
  readonly errors?: E;
  handler(
    call: Call<Active<A>, Parsed<B>, Parsed<Q>, Parsed<P>>,
  ): Promise<z.input<R> | Redirect | Html | Challenge> | z.input<R> | Redirect | Html | Challenge;
}

/** Arguments and answer of an endpoint, for `auth.api`. */
export interface Signature<Body, Query, Params, Answer> {
  readonly body: Body;
  readonly query: Query;
  readonly params: Params;
  readonly answer: Answer;
}

/** An endpoint as the kernel sees it. */
export interface AnyEndpoint {
  readonly name: string;
  readonly methods: readonly Method[];
  readonly paths: readonly [string, ...string[]];
  readonly summary: string;
  readonly access: Access;
  readonly credentials: boolean;
  readonly form: boolean;
  readonly urlencoded: boolean;
  readonly redirects: boolean;
  readonly beforeEnrolment: boolean;
  readonly trusted: boolean;
  readonly offline: boolean;
  readonly consumes: boolean;
  readonly cacheable: boolean;
  readonly rateLimit: RateLimit | undefined;
  readonly params: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
  readonly response: z.ZodType;
  readonly errors: ErrorTable;
  handler(call: Call): unknown;
}

/** An endpoint with its name and types, as `endpoint()` makes it. */
export interface Endpoint<N extends string, S> extends AnyEndpoint {
  readonly name: N;
  /** Exists for the compiler only. */
  readonly signature?: S;
}

/**
 * Declares an endpoint.
 *
 * @param name its name on `auth.api`, camelCase
 */
export function endpoint<
  const N extends string,
  A extends Access,
  R extends z.ZodType,
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  const E extends ErrorTable = Record<never, never>,
>(
  name: N,
  definition: Definition<A, P, Q, B, R, E>,
): Endpoint<N, Signature<Given<B>, Given<Q>, Given<P>, z.output<R>>> {
  const { method, path } = definition;
  return {
    name,
    methods: typeof method === "string" ? [method] : method,
    paths: (typeof path === "string" ? [path] : path) as AnyEndpoint["paths"],
    summary: definition.summary,
    access: definition.access,
    credentials: definition.credentials ?? false,
    form: definition.form ?? false,
    urlencoded: definition.urlencoded ?? false,
    redirects: definition.redirects ?? false,
    beforeEnrolment: definition.beforeEnrolment ?? false,
    trusted: definition.trusted ?? false,
    offline: definition.offline ?? false,
    consumes: definition.consumes ?? false,
    cacheable: definition.cacheable ?? false,
    rateLimit: definition.rateLimit,
    params: definition.params,
    query: definition.query,
    body: definition.body,
    response: definition.response,
    errors: definition.errors ?? {},
    // run.ts hands over only what these schemas made, so the erased parameter is what the handler declared.
    handler: (call) => definition.handler(call as Parameters<typeof definition.handler>[0]),
  };
}
