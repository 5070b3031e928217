import type { Log } from "../context.ts";
import { PasswordQueueFull } from "../crypto/password.ts";
import { AuthError, failCore } from "../errors.ts";
import { ChangeRefused, isUnavailable } from "./database-errors.ts";

/** Seconds after which a client may try again when the database or the password queue is the cause. */
const RETRY_AFTER = "2";

/**
 * The error that a caller sees for any thrown value; what it hides is logged here.
 *
 * @param where what was called, for the log: `POST /sign-in/email`; never a path as sent, which may hold a token
 */
export function asAuthError(error: unknown, log: Log, where: string): AuthError {
  if (error instanceof AuthError) {
    if (error.status >= 500) log.error(`${error.message}: ${where}`, error.cause);
    else if (error.cause !== undefined) log.warn(`refused with ${error.code}`, error.cause);
    return error;
  }
  const own = fromApiError(error);
  if (own !== null) return own;
  if (error instanceof ChangeRefused) {
    log.warn("refused by a hook", error);
    return failCore("FORBIDDEN", { cause: error });
  }
  if (isUnavailable(error) || error instanceof PasswordQueueFull) {
    log.error(`service unavailable: ${where}`, error);
    return failCore("SERVICE_UNAVAILABLE", {
      headers: { "Retry-After": RETRY_AFTER },
      cause: error,
    });
  }
  log.error(`unexpected failure: ${where}`, error);
  return failCore("INTERNAL_SERVER_ERROR", { cause: error });
}

/** An `APIError` of Better Auth, as hooks of an existing configuration throw it. */
function fromApiError(error: unknown): AuthError | null {
  if (!(error instanceof Error) || error.name !== "APIError") return null;
  const { statusCode, body } = Object.fromEntries<unknown>(Object.entries(error));
  if (typeof statusCode !== "number" || statusCode < 400 || statusCode > 599) return null;
  const given = typeof body === "object" ? body : {};
  const { code, message }: Readonly<Record<string, unknown>> = { ...given };
  const text = typeof message === "string" ? message : error.message;
  return new AuthError(statusCode, typeof code === "string" ? code : codeOf(text), text, {
    cause: error,
  });
}

/** As Better Auth 1.4 makes codes of messages. */
function codeOf(message: string): string {
  return message
    .toUpperCase()
    .replace(/[^A-Z0-9 ]/g, "")
    .trim()
    .replace(/ +/g, "_");
}
