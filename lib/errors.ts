/** Code → HTTP status and message. Every feature has a table of this form beside its endpoints. */
export type ErrorTable = Readonly<Record<string, readonly [status: number, message: string]>>;

/** What a failure may carry besides its code. */
export interface FailureDetails {
  /** Replaces the table's message; must not carry secrets or values from the request. */
  readonly message?: string;
  /** Extra response headers, e.g. `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Logged, never sent. */
  readonly cause?: unknown;
}

/** The one error that reaches a caller: `{ code, message }` with an HTTP status. */
export class AuthError extends Error {
  override readonly name = "AuthError";
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = status;
    this.code = code;
    this.headers = details.headers ?? {};
  }

  /** The wire form: both keys, always (docs/protocol.md §2). */
  toJSON(): { code: string; message: string } {
    return { code: this.code, message: this.message };
  }
}

/**
 * Makes the thrower of one table: `throw fail("INVALID_TOKEN")`.
 *
 * @param table the feature's own codes
 */
export function failures<const T extends ErrorTable>(
  table: T,
): (code: keyof T & string, details?: FailureDetails) => AuthError {
  return function fail(code, details = {}) {
    const entry = table[code];
    if (entry === undefined) throw new TypeError(`no such error: ${code}`);
    return new AuthError(entry[0], code, details.message ?? entry[1], details);
  };
}

/** Codes that any endpoint may answer with; which ones apply follows from its definition. */
export const coreErrors = {
  BAD_REQUEST: [400, "Bad Request"],
  VALIDATION_ERROR: [400, "Validation error"],
  UNAUTHORIZED: [401, "Unauthorized"],
  INVALID_TWO_FACTOR_COOKIE: [401, "Invalid two factor cookie"],
  FORBIDDEN: [403, "Forbidden"],
  SESSION_NOT_FRESH: [403, "Session is not fresh"],
  TWO_FACTOR_REQUIRED: [403, "Verify a second factor to continue"],
  TWO_FACTOR_ENROLMENT_REQUIRED: [403, "Set up a second factor to continue"],
  BANNED_USER: [
    403,
    "You have been banned from this application. Please contact support if you believe this is an error.",
  ],
  // Not in the protocol's list of codes: made of the message, as Better Auth 1.4 does.
  INVALID_CALLBACKURL_EXPECTED_A_STRING: [400, "Invalid callbackURL: expected a string"],
  INVALID_REDIRECTURL_EXPECTED_A_STRING: [400, "Invalid redirectURL: expected a string"],
  INVALID_ERRORCALLBACKURL_EXPECTED_A_STRING: [400, "Invalid errorCallbackURL: expected a string"],
  INVALID_NEWUSERCALLBACKURL_EXPECTED_A_STRING: [
    400,
    "Invalid newUserCallbackURL: expected a string",
  ],
  INVALID_ORIGIN: [403, "Invalid origin"],
  MISSING_OR_NULL_ORIGIN: [403, "Missing or null Origin"],
  INVALID_CALLBACK_URL: [403, "Invalid callbackURL"],
  INVALID_REDIRECT_URL: [403, "Invalid redirectURL"],
  INVALID_ERROR_CALLBACK_URL: [403, "Invalid errorCallbackURL"],
  INVALID_NEW_USER_CALLBACK_URL: [403, "Invalid newUserCallbackURL"],
  CROSS_SITE_NAVIGATION_LOGIN_BLOCKED: [
    403,
    "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
  ],
  NOT_FOUND: [404, "Not Found"],
  METHOD_NOT_ALLOWED: [405, "Method Not Allowed"],
  PAYLOAD_TOO_LARGE: [413, "Payload Too Large"],
  UNSUPPORTED_MEDIA_TYPE: [415, "Unsupported Media Type"],
  TOO_MANY_REQUESTS: [429, "Too many requests. Please try again later."],
  INTERNAL_SERVER_ERROR: [500, "Internal Server Error"],
  SERVICE_UNAVAILABLE: [503, "Service temporarily unavailable"],
} as const satisfies ErrorTable;

/** Thrower of the core codes. */
export const failCore = failures(coreErrors);

/** TOO_MANY_REQUESTS (429), with when to try again in whole seconds. */
export function tooManyRequests(resetsInMs: number): AuthError {
  const seconds = String(Math.max(1, Math.ceil(resetsInMs / 1000)));
  return failCore("TOO_MANY_REQUESTS", {
    headers: { "Retry-After": seconds, "X-Retry-After": seconds },
  });
}
