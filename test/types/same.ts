// Two generic functions are compared only by identity of what depends on T: the one way to tell `any` from the rest.
/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/* eslint-enable */

/** Compiles only with whether the two types are the same: `isSame<Active<"public">, undefined>(true)`. */
export function isSame<A, B>(same: Same<A, B>): boolean {
  return same;
}

/** The same for the type of a value: `typeOf(user.name).is<string>(true)`. */
export function typeOf<A>(value: A): { readonly is: <B>(same: Same<A, B>) => A } {
  return { is: () => value };
}
