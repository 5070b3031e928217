import { oneLine } from "./layout.ts";
import type { MailServer } from "./server-url.ts";

/** Shorter ones stand in every other word. */
const MIN_SECRET_LENGTH = 4;
/** Longest reason kept; servers may answer at length. */
const MAX_REASON = 300;

/**
 * The reason of a failure on one line, without credentials and without `secrets`: servers quote what they refuse, a
 * log-in as it was sent or a link that they take for spam.
 */
export function safeReason(
  reason: unknown,
  { auth }: Pick<MailServer, "auth">,
  secrets: readonly string[],
): string {
  const { user, pass } = auth ?? { user: "", pass: "" };
  const hidden = [user, pass, `\0${user}\0${pass}`, ...secrets]
    .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
    .flatMap((secret) => [secret, encodeURIComponent(secret), base64(secret)])
    .toSorted((a, b) => b.length - a.length);
  const text = reason instanceof Error ? reason.message : String(reason);
  return oneLine(hidden.reduce((rest, secret) => rest.replaceAll(secret, "***"), text)).slice(
    0,
    MAX_REASON,
  );
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
