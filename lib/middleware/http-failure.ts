import { AuthError, failCore } from "../errors.ts";

/** What body-parser and Express throw when a request cannot be read (http-errors). */
interface HttpFailure {
  readonly status: number;
  readonly type?: unknown;
}

const INVALID_JSON = "Invalid JSON in request body";

/** Reads an error of the HTTP layer as ours; null when it is none. What our own checks threw inside stays as it is. */
export function asHttpFailure(error: unknown): AuthError | null {
  if (error instanceof AuthError || !isHttpFailure(error)) return null;
  if (error.type === "entity.parse.failed")
    return failCore("BAD_REQUEST", { message: INVALID_JSON });
  switch (error.status) {
    case 413:
      return failCore("PAYLOAD_TOO_LARGE");
    case 415:
      return failCore("UNSUPPORTED_MEDIA_TYPE");
    default:
      return failCore("BAD_REQUEST");
  }
}

function isHttpFailure(error: unknown): error is HttpFailure {
  if (!(error instanceof Error) || !("status" in error)) return false;
  return typeof error.status === "number" && error.status >= 400 && error.status < 500;
}
