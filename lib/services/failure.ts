import type { Log } from "../context.ts";
import { PasswordQueueFull } from "../crypto/password.ts";
import { AuthError, failCore } from "../errors.ts";
import { isUnavailable } from "./database-errors.ts";

/** Seconds after which a client may try again when the database or the password queue is the cause. */
const RETRY_AFTER = "2";

/** The error that a caller sees for any thrown value; what it hides is logged here. */
export function asAuthError(error: unknown, log: Log): AuthError {
  if (error instanceof AuthError) {
    if (error.status >= 500) log.error(error.message, error.cause);
    else if (error.cause !== undefined) log.warn(`refused with ${error.code}`, error.cause);
    return error;
  }
  if (isUnavailable(error) || error instanceof PasswordQueueFull) {
    log.error("service unavailable", error);
    return failCore("SERVICE_UNAVAILABLE", {
      headers: { "Retry-After": RETRY_AFTER },
      cause: error,
    });
  }
  log.error("unexpected failure", error);
  return failCore("INTERNAL_SERVER_ERROR", { cause: error });
}
