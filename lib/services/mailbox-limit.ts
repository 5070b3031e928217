import type { AuthContext, CounterRule } from "../context.ts";
import { hmacBase64url } from "../crypto/signature.ts";
import { tooManyRequests } from "../errors.ts";

/** Seconds. */
const CODES_WINDOW = 900;

/** Mails that are limited, each for itself. */
export type MailKind = "reset" | "verification" | "deletion" | "code";

/**
 * Counts a mail to an address, known or not, and says whether it may be sent. Only while rate limits are on.
 *
 * @param email lower case; stored as a MAC, so that the counters are no list of addresses
 */
export async function mayMail(auth: AuthContext, kind: MailKind, email: string): Promise<boolean> {
  const rule = ruleOf(auth);
  return rule === null || (await auth.counters.take(counterOf(auth, kind, email), rule)).allowed;
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
  const rule = ruleOf(auth);
  if (rule === null) return;
  const counter = counterOf(auth, kind, email);
  await auth.counters.clear(counter);
  await auth.counters.take(counter, rule);
}

/**
 * Counts a code that is sent to a user, who waits for it and is told when there are too many; while rate limits are on. A
 * right code forgets them. The window is short, because whoever has the password can use it up.
 *
 * @throws AuthError TOO_MANY_REQUESTS (429)
 */
export async function limitCodes(auth: AuthContext, email: string): Promise<void> {
  const rule = ruleOf(auth);
  if (rule === null) return;
  const window = Math.min(rule.window, CODES_WINDOW);
  const taken = await auth.counters.take(counterOf(auth, "code", email), { ...rule, window });
  if (!taken.allowed) throw tooManyRequests(taken.resetsInMs);
}

/** After a right code: whoever reads the mailbox does not flood it. */
export async function forgetCodes(auth: AuthContext, email: string): Promise<void> {
  if (ruleOf(auth) !== null) await auth.counters.clear(counterOf(auth, "code", email));
}

/** Null: nothing is limited. */
function ruleOf({ config }: AuthContext): CounterRule | null {
  const { enabled, mailbox } = config.rateLimit;
  return enabled && mailbox !== false ? mailbox : null;
}

function counterOf({ keys }: AuthContext, kind: MailKind, email: string): string {
  const purpose = `mail-${kind}|`;
  return purpose + hmacBase64url(purpose + email, keys.signing[0]);
}
