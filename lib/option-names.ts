import type { Connection } from "mongoose";
import type { StandardSchemaLike } from "./options.ts";

/** Full names of all options below `T`, e.g. `session.expiresIn`; `*` where the app chooses the names. */
export type Names<T> = T extends
  ((...args: never) => unknown) | readonly unknown[] | Date | Connection | StandardSchemaLike
  ? never
  : T extends object
    ? string extends keyof T
      ? Below<"*", T[string & keyof T]>
      : { [Name in keyof T & string]-?: Name | Below<Name, T[Name]> }[keyof T & string]
    : never;
type Below<Name extends string, T> = `${Name}.${Names<T>}`;

/** What only one of two sets of names has. */
export type Difference<A, B> = Exclude<A, B> | Exclude<B, A>;
/** A schema's output; compiles only without a difference, and the error lists it. */
export type Agreed<Output, Drift extends never> = Output | Drift;
