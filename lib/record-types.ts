import type { AnyEndpoint } from "./endpoint.ts";
import type { AdditionalField, AuthOptions } from "./options.ts";
import type { Plugin } from "./plugin.ts";
import type { PublicSession, PublicUser } from "./views.ts";

interface ScalarTypes {
  string: string;
  number: number;
  boolean: boolean;
  date: Date;
  json: unknown;
  "string[]": string[];
  "number[]": number[];
}

type ValueOf<F extends AdditionalField> = F["type"] extends keyof ScalarTypes
  ? ScalarTypes[F["type"]]
  : F["type"] extends readonly (infer Text)[]
    ? Text
    : never;

type Fields = Readonly<Record<string, AdditionalField>>;

/** `unknown` where there are none, which adds nothing to the type of a record. */
type UserFields<O> = O extends {
  readonly user: { readonly additionalFields: infer F extends Fields };
}
  ? Shown<F>
  : unknown;

type SessionFields<O> = O extends {
  readonly session: { readonly additionalFields: infer F extends Fields };
}
  ? Shown<F>
  : unknown;

type Shown<F> = {
  readonly [
    K in keyof F as F[K] extends { readonly returned: false } ? never : K
  ]: F[K] extends AdditionalField
    ? F[K] extends { readonly required: false }
      ? ValueOf<F[K]> | null
      : ValueOf<F[K]>
    : never;
};

/** What the features of `plugins` show, of all of them together. */
type ExposedBy<O, Model extends "user" | "session"> = O extends {
  readonly plugins: readonly (infer P)[];
}
  ? Joined<P extends Plugin<string, readonly AnyEndpoint[], infer F> ? F : never, Model>
  : unknown;

type Joined<F, Model extends string> = (
  F extends Readonly<Record<Model, infer Fields>> ? (fields: Fields) => void : never
) extends (fields: infer All) => void
  ? Readonly<All>
  : unknown;

/** One object type in place of an intersection; `& {}` lets editors and errors show its fields, not this name. */
type Flat<T> = { [K in keyof T]: T[K] } & {};

/** The user of an instance: the protocol's fields, those of its features, and the app's `additionalFields`. */
export type UserOf<O extends AuthOptions> = Flat<PublicUser & ExposedBy<O, "user"> & UserFields<O>>;

/** The session of an instance, in the same way. */
export type SessionOf<O extends AuthOptions> = Flat<
  PublicSession & ExposedBy<O, "session"> & SessionFields<O>
>;
