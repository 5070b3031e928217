import type { AuthContext } from "../context.ts";
import { hmacBase64url } from "../crypto/signature.ts";

/** Mails that are limited, each for itself. */
export type MailKind = "reset" | "verification";

/**
 * Counts a mail to an address, known or not, and says whether it may be sent. Only while rate limits are on.
 *
 * @param email lower case; stored as a MAC, so that the counters are no list of addresses
 */
export async function mayMail(auth: AuthContext, kind: MailKind, email: string): Promise<boolean> {
  const { enabled, mailbox } = auth.config.rateLimit;
  if (!enabled || mailbox === false) return true;
  const [key] = auth.keys.signing;
  const purpose = `mail-${kind}|`;
  const counter = purpose + hmacBase64url(purpose + email, key);
  return (await auth.counters.take(counter, mailbox)).allowed;
}
