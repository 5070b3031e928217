import type { AnyEndpoint } from "./endpoint.ts";
import type { AdditionalField, AuthOptions } from "./options.ts";
import type { Plugin } from "./plugin.ts";
import type { PublicUser } from "./views.ts";

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

type FieldsOf<O> = O extends {
  readonly user: {
    readonly additionalFields: infer F extends Readonly<Record<string, AdditionalField>>;
  };
}
  ? F
  : Record<never, never>;

type Shown<F> = {
  readonly [
    K in keyof F as F[K] extends { readonly returned: false } ? never : K
  ]: F[K] extends AdditionalField
    ? F[K] extends { readonly required: false }
      ? ValueOf<F[K]> | null
      : ValueOf<F[K]>
    : never;
};

/** Fields that the features of `plugins` show. */
type ExposedBy<O> = O extends { readonly plugins: readonly (infer P)[] }
  ? Joined<P extends Plugin<string, readonly AnyEndpoint[], infer F> ? F : never>
  : unknown;

type Joined<F> = (F extends { readonly user: infer User } ? (user: User) => void : never) extends (
  user: infer All,
) => void
  ? Readonly<All>
  : unknown;

/** The user of an instance: the protocol's fields, those of its features, and the app's `additionalFields`. */
export type UserOf<O extends AuthOptions> = PublicUser & ExposedBy<O> & Shown<FieldsOf<O>>;
