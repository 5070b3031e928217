import type { AdditionalField, AuthOptions } from "./options.ts";
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

/** The user of an instance: the protocol's fields and the app's `additionalFields`. */
export type UserOf<O extends AuthOptions> = PublicUser & Shown<FieldsOf<O>>;
