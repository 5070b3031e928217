import type { AuthContext } from "../context.ts";
import { hmacBase64url } from "../crypto/signature.ts";
import { tooManyRequests } from "../errors.ts";

/** Mails that are limited, each for itself. */
export type MailKind = "reset" | "verification" | "deletion" | "code";

/**
 * Counts a mail to an address, known or not, and says whether it may be sent. Only while rate limits are on.
 *
 * @param email lower case; stored as a MAC, so that the counters are no list of addresses
 */
export async function mayMail(auth: AuthContext, kind: MailKind, email: string): Promise<boolean> {
  const { enabled, mailbox } = auth.config.rateLimit;
  if (!enabled || mailbox === false) return true;
  return (await auth.counters.take(counterOf(auth, kind, email), mailbox)).allowed;
}

/**
 * Counts the first mail to the address of a new user. What was asked for before there was a user reached nobody, and
 * must not keep this mail from them.
 */
export async function countFirstMail(
  auth: AuthContext,
  kind: MailKind,
  email: string,
): Promise<void> {
  const { enabled, mailbox } = auth.config.rateLimit;
  if (!enabled || mailbox === false) return;
  const counter = counterOf(auth, kind, email);
  await auth.counters.clear(counter);
  await auth.counters.take(counter, mailbox);
}

/**
 * Counts a code that is sent to a user, who waits for it and is told when there are too many. A right code forgets them.
 *
 * @throws AuthError TOO_MANY_REQUESTS (429)
 */
export async function limitCodes(auth: AuthContext, email: string): Promise<void> {
  const { enabled, mailbox } = auth.config.rateLimit;
  if (!enabled || mailbox === false) return;
  const taken = await auth.counters.take(counterOf(auth, "code", email), mailbox);
  if (!taken.allowed) throw tooManyRequests(taken.resetsInMs);
}

/** After a right code: whoever reads the mailbox does not flood it. */
export async function forgetCodes(auth: AuthContext, email: string): Promise<void> {
  const { enabled, mailbox } = auth.config.rateLimit;
  if (enabled && mailbox !== false) await auth.counters.clear(counterOf(auth, "code", email));
}

function counterOf({ keys }: AuthContext, kind: MailKind, email: string): string {
  const purpose = `mail-${kind}|`;
  return purpose + hmacBase64url(purpose + email, keys.signing[0]);
}
