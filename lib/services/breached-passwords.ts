import { createHash } from "node:crypto";
import type { AuthContext } from "../context.ts";

/** Pwned Passwords, API version 3: every known SHA-1 that begins with five given hex digits. */
const SERVICE = "https://api.pwnedpasswords.com/range/";
const PREFIX_LENGTH = 5;
/** Milliseconds for the whole request: setting a password must not depend on another server. */
export const BREACH_CHECK_MS = 2000;
/** Bytes of an answer; a padded one has about 60,000. */
const MAX_ANSWER_BYTES = 2 ** 20;
/** One line of an answer: the other 35 digits, and how often the password was seen. Padding has a count of 0. */
const LISTED = /^([0-9A-F]{35}):(\d+)$/;

/** An answer that is no list. The messages of other errors may hold the address, and with it a part of the hash. */
class UnusableAnswer extends Error {}

/**
 * Whether a password is known from breaches (OWASP ASVS 5.0 §6.2.12). Only five digits of its hash leave this process,
 * so the service learns neither the password nor its hash (k-anonymity). Without a usable answer it counts as unknown,
 * and a warning is logged.
 *
 * @param password as typed; looked up after Unicode NFKC, because that is what is hashed for storage
 */
export async function isBreachedPassword(auth: AuthContext, password: string): Promise<boolean> {
  const digits = createHash("sha1").update(password.normalize("NFKC"), "utf8").digest("hex");
  const hash = digits.toUpperCase();
  try {
    const suffixes = await findBreached(auth.config.fetch, hash.slice(0, PREFIX_LENGTH));
    return suffixes.has(hash.slice(PREFIX_LENGTH));
  } catch (error) {
    auth.log.warn(`a new password was not looked up among breached ones: ${reasonOf(error)}`);
    return false;
  }
}

/** The rest of every breached hash that begins so. */
async function findBreached(fetch: typeof globalThis.fetch, prefix: string): Promise<Set<string>> {
  const response = await fetch(SERVICE + prefix, {
    // Without padding the length of the answer would tell an eavesdropper the prefix.
    headers: { "Add-Padding": "true", "User-Agent": "better-auth-express" },
    redirect: "error",
    signal: AbortSignal.timeout(BREACH_CHECK_MS),
  });
  if (response.status !== 200) throw new UnusableAnswer(`status ${String(response.status)}`);
  const breached = new Set<string>();
  for (const line of (await readAnswer(response)).trim().split(/\r?\n/)) {
    const [, suffix, count] = LISTED.exec(line) ?? [];
    if (suffix === undefined) throw new UnusableAnswer("the answer is no list of hashes");
    if (Number(count) > 0) breached.add(suffix);
  }
  return breached;
}

/** What of a fetch `Response` is read; its own type says nothing about the chunks. */
interface Answer {
  readonly body: AsyncIterable<Uint8Array> | null;
}

/** The body, as long as it is not absurd. */
async function readAnswer({ body }: Answer): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new UnusableAnswer("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** "TimeoutError", or "TypeError ECONNREFUSED" as `fetch` reports a network that fails. */
function reasonOf(error: unknown): string {
  if (error instanceof UnusableAnswer) return error.message;
  if (!(error instanceof Error)) return typeof error;
  const { name, cause } = error;
  return cause instanceof Error && "code" in cause ? `${name} ${String(cause.code)}` : name;
}
