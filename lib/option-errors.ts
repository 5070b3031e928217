import { closestMatch } from "leven";
import { z } from "zod";
import { inertNames, memberGroup } from "./known-options.ts";

/** What is turned on in `plugins`, by the name of its function. */
const FEATURES: readonly string[] = ["username", "twoFactor"];

/** What is wrong with the options. */
export function wrong(message: string): TypeError {
  return new TypeError(`betterAuth(): ${message}`);
}

/** One issue of the schema, as the sentence that says what to pass. */
export function explain(issue: z.core.$ZodIssue, path: readonly PropertyKey[]): string {
  if (issue.code === "invalid_union") {
    // What the caller meant is the alternative of the same kind with the fewest mistakes.
    const [fitting] = issue.errors
      .filter((inner) =>
        inner.some(({ code, path: at }) => at.length > 0 || code === "unrecognized_keys"),
      )
      .toSorted((a, b) => a.length - b.length);
    if (fitting !== undefined) {
      return fitting.map((inner) => explain(inner, [...path, ...inner.path])).join("; ");
    }
  }
  if (issue.code === "unrecognized_keys") {
    const inert = inertNames(path.reduce<string | null>(memberGroup, ""));
    return hasNo(path, issue.keys, [...issue.message.split(","), ...inert]);
  }
  if (issue.code === "invalid_key") {
    return `${nameOf(path)} must be ${issue.issues[0]?.message ?? ""}`;
  }
  return `${nameOf(path)} must be ${issue.message}, got ${describe(issue.input, path[0])}`;
}

function hasNo(
  path: readonly PropertyKey[],
  names: readonly PropertyKey[],
  known: readonly unknown[],
): string {
  const each = names.map((name) => {
    if (path.length === 0 && FEATURES.includes(String(name))) {
      return `has no option "${String(name)}"; pass plugins: [${String(name)}()]`;
    }
    const nearest = closestMatch(String(name), known.map(String)) ?? "";
    return `has no option "${String(name)}"; the nearest is "${nearest}"`;
  });
  return `${nameOf(path)} ${each.join(", ")}`;
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "the options object" : z.core.toDotPath(path);
}

/** What was got, without anything that could be a secret: texts by length, numbers only outside the secrets. */
export function describe(value: unknown, option: PropertyKey | undefined): string {
  if (value === undefined || value === null || typeof value === "boolean") return String(value);
  if (value === "") return "an empty text";
  if (typeof value === "string") return `a text of length ${String(value.length)}`;
  if (typeof value === "number" && option !== "secret" && option !== "secrets") {
    return String(value);
  }
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/**
 * What is wrong with the options of a feature.
 *
 * @param call as the app writes it, "username()"
 */
export function wrongOptions(call: string, { issues }: z.ZodError): TypeError {
  const texts = issues.map(({ path, ...issue }) => {
    if (issue.code !== "unrecognized_keys") return `${nameOf(path)} must be ${issue.message}`;
    const unknown = issue.keys.map((key) => z.core.toDotPath([...path, key]));
    return `${unknown.join(", ")} is not an option (docs/options.md lists them)`;
  });
  return new TypeError(`${call}: ${texts.join("; ")}`);
}
