import mongoose from "mongoose";

/**
 * A filter that matches any of these scalars. Operators in filters are marked as ours here and nowhere else:
 * an unmarked one (from a request, say) is compared as a value and matches nothing.
 */
export function anyOf<T>(values: readonly T[]): { $in: T[] } {
  return mongoose.trusted({ $in: [...values] });
}

/** A filter that matches none of these scalars. */
export function noneOf<T>(values: readonly T[]): { $nin: T[] } {
  return mongoose.trusted({ $nin: [...values] });
}

/** A filter that matches one scalar of this BSON type; only so an index that is partial by type serves it. */
export function exactly<T, const Type extends string>(
  value: T,
  type: Type,
): { $eq: T; $type: Type } {
  return mongoose.trusted({ $eq: value, $type: type });
}

/** A filter that matches instants later than this one. */
export function after(instant: Date): { $gt: Date } {
  return mongoose.trusted({ $gt: instant });
}

/** A filter that matches where the field is no later instant: also where it is null or missing. */
export function notAfter(instant: Date): { $not: { $gt: Date } } {
  return mongoose.trusted({ $not: { $gt: instant } });
}

/** A filter that matches numbers from this one on. */
export function atLeast(least: number): { $gte: number } {
  return mongoose.trusted({ $gte: least });
}

/** A filter that matches where the field is less than a number: also where it is null or missing. */
export function notAtLeast(least: number): { $not: { $gte: number } } {
  return mongoose.trusted({ $not: { $gte: least } });
}

/** A filter that matches texts with this beginning; an index on the field serves it. */
export function startingWith(prefix: string): { $regex: RegExp } {
  const escaped = prefix.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&");
  return mongoose.trusted({ $regex: new RegExp(`^${escaped}`) });
}

/** A filter that matches where the field is false, null or missing. */
export function notTrue(): { $nin: boolean[] } {
  return noneOf([true]);
}
