import type { z } from "zod";
import type { Hooks } from "./context.ts";
import type { AnyEndpoint, Endpoint, Signature } from "./endpoint.ts";
import type { ErrorTable } from "./errors.ts";
import type { ModelName } from "./models/index.ts";
import type { PublicSession, PublicUser, SessionView, UserView } from "./views.ts";

/** A feature: what `username()`, `admin()` and the others return, and what the core is made of. */
export interface Plugin<
  Id extends string = string,
  Endpoints extends readonly AnyEndpoint[] = readonly AnyEndpoint[],
  Fields extends Exposed = Exposed,
  ServerCalls extends readonly AnyEndpoint[] = readonly AnyEndpoint[],
  Answers extends object = object,
> {
  /** Name of its router on `auth.routers`, kebab-case. */
  readonly id: Id;
  /** Models whose indexes `auth.ready()` builds. */
  readonly models: readonly ModelName[];
  /** Fields that it adds to every user and session in answers, each with the value shown when it is unset. */
  readonly exposes?: Fields;
  readonly endpoints: Endpoints;
  /** What `auth.api` alone has: calls without a route. */
  readonly serverCalls?: ServerCalls;
  /** What it adds to endpoints of other features, by their names. */
  readonly extends?: Extensions;
  /** Answers that it adds, by the names of the endpoints; exists for the compiler only. */
  readonly answers?: Answers;
  readonly hooks?: Hooks;
  /** For the log at start: options that are accepted and have no effect, say. */
  readonly warnings?: readonly string[];
}

/** Additions to an endpoint; the hooks of the feature make use of them. */
export interface Extension {
  /** Fields of the body. */
  readonly body?: z.core.$ZodShape;
  /** What may be answered in place of the endpoint's own answer. */
  readonly response?: z.ZodType;
  readonly errors?: ErrorTable;
}

type Extensions = Readonly<Record<string, Extension>>;

type AnswersOf<X> = {
  readonly [
    Name in keyof X as X[Name] extends { readonly response: z.ZodType } ? Name : never
  ]: X[Name] extends { readonly response: infer R extends z.ZodType } ? z.output<R> : never;
};

/** Field → value shown when it is unset, by record. */
export interface Exposed {
  readonly user?: Readonly<Record<string, unknown>>;
  readonly session?: Readonly<Record<string, unknown>>;
}

/** Declares a feature; exists for inference. */
export function plugin<
  const Id extends string,
  const Endpoints extends readonly AnyEndpoint[],
  Fields extends Exposed = Record<never, never>,
  const ServerCalls extends readonly AnyEndpoint[] = readonly [],
  Added extends Extensions = Record<never, never>,
>(
  definition: Plugin<Id, Endpoints, Fields, ServerCalls, AnswersOf<Added>> & {
    readonly extends?: Added;
  },
): Plugin<Id, Endpoints, Fields, ServerCalls, AnswersOf<Added>> {
  return definition;
}

/** Request headers for `auth.api`: a fetch `Headers`, or `req.headers`. */
export type ApiHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/** A property that may be left out when its value may be undefined or an empty object. */
type Argument<K extends string, V> = undefined extends V
  ? { readonly [P in K]?: V }
  : Record<never, never> extends V
    ? { readonly [P in K]?: V }
    : { readonly [P in K]: V };

/** Arguments of one server call. */
export type ApiArguments<S> =
  S extends Signature<infer Body, infer Query, infer Params, unknown>
    ? Argument<"body", Body> &
        Argument<"query", Query> &
        Argument<"params", Params> & { readonly headers?: ApiHeaders }
    : never;

/** A server call: returns what the endpoint answers over HTTP, or throws an `AuthError`. */
export interface ApiCall<Args, Answer> {
  (
    ...args: Record<never, never> extends Args
      ? [args?: Args & { readonly returnHeaders?: false }]
      : [args: Args & { readonly returnHeaders?: false }]
  ): Promise<Answer>;
  /** With the response headers (`Set-Cookie`), to pass on to a browser. */
  (
    args: Args & { readonly returnHeaders: true },
  ): Promise<{ readonly headers: Headers; readonly response: Answer }>;
}

/** What these features add to the answers of the endpoint of that name; never when nothing. */
type AddedAnswer<P, Name> = P extends { readonly answers?: infer Answers }
  ? Name extends keyof Answers
    ? Answers[Name]
    : never
  : never;

/**
 * Puts the records of an instance in the place of `UserView` and `SessionView`, wherever an answer has one. Stands where
 * it is used, because editors and declarations would show an imported alias by its name.
 */
type WithRecords<T, U, S> = T extends UserView
  ? U
  : T extends SessionView
    ? S
    : T extends Date
      ? T
      : T extends object
        ? { [K in keyof T]: WithRecords<T[K], U, S> }
        : T;

type CallOf<E extends AnyEndpoint, P, U, S> =
  E extends Endpoint<string, infer Types>
    ? Types extends Signature<unknown, unknown, unknown, infer Answer>
      ? ApiCall<ApiArguments<Types>, WithRecords<Answer | AddedAnswer<P, E["name"]>, U, S>>
      : never
    : never;

/** `auth.api`: one typed call per endpoint of these features; users in answers are of type `U`, sessions of type `S`. */
export type ServerApi<P extends Plugin, U = PublicUser, S = PublicSession> = {
  readonly [
    E in P["endpoints"][number] | NonNullable<P["serverCalls"]>[number] as E["name"]
  ]: CallOf<E, P, U, S>;
};
