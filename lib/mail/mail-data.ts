import { oneLine } from "./layout.ts";

const MAX_NAME_LENGTH = 60;
/** What clients turn into links: slashes, `@`, a dot before two letters, longer numbers. */
const LINK_LIKE = /[/\\@]|[.。．｡][\p{L}\p{N}]{2}|\d{4}/u;

/**
 * The name for a greeting. Whoever signs up with someone else's address chooses the name that is mailed there, so
 * one that could carry a message is left out.
 */
export function greetingName(name: string): string | undefined {
  const line = oneLine(name);
  if (line === "" || line.length > MAX_NAME_LENGTH || LINK_LIKE.test(line)) return undefined;
  return line;
}

/** Lifetime in seconds that a JSON Web Token states (RFC 7519 §4.1.4 and §4.1.6); undefined for any other token. */
export function lifetimeOf(token: string): number | undefined {
  const [, claims = "", signature] = token.split(".");
  if (signature === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(claims, "base64url").toString());
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const { iat, exp }: Readonly<Record<string, unknown>> = { ...parsed };
    return typeof iat === "number" && typeof exp === "number" && exp > iat ? exp - iat : undefined;
  } catch {
    return undefined;
  }
}
