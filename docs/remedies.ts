/** What helps against each code; those that the user has to act on explain themselves. */
export const REMEDIES: Readonly<Record<string, string>> = {
  BAD_REQUEST:
    "Send valid JSON in UTF-8. Without `baseURL` it can also be the `Host` header, which makes no URL.",
  BANNED_USER: "Nothing by retrying. An administrator can lift the ban (`banned`, `banExpires`).",
  BODY_MUST_BE_AN_OBJECT: "Send `{…}`, not a list or a text.",
  CROSS_SITE_NAVIGATION_LOGIN_BLOCKED:
    "Show the form on a page of the app itself: one of another site must not sign a visitor in.",
  EMAIL_CAN_NOT_BE_UPDATED: "Leave `email` out.",
  EMAIL_NOT_VERIFIED:
    "The address has to be confirmed first, because `emailAndPassword.requireEmailVerification` is on.",
  EMAIL_PASSWORD_DISABLED:
    "Set `emailAndPassword: { enabled: true }`; giving the group or `socialProviders` switches the default off.",
  EMAIL_PASSWORD_SIGN_UP_DISABLED:
    "Set `emailAndPassword: { enabled: true }`, without `disableSignUp`.",
  FAILED_TO_CREATE_SESSION: "A validator or index of yours on `session` refuses the row.",
  FAILED_TO_CREATE_USER:
    "A validator or unique index on `user` refuses the row: often a unique additional field whose value is taken.",
  FAILED_TO_GET_SESSION: "Sign in again: the session ended while it was being renewed.",
  FAILED_TO_UPDATE_USER: "As `FAILED_TO_CREATE_USER`.",
  FIELD_NOT_ALLOWED: "Leave the field out; its `additionalFields` entry has `input: false`.",
  FORBIDDEN: "Give the user a role of `adminRoles`, or name their id in `adminUserIds`.",
  INTERNAL_SERVER_ERROR:
    "Look into the log: it names what was called, and the cause. A hook of yours throws an `AuthError` to refuse; report what is not yours.",
  INVALID_ORIGIN:
    "Add the page's origin to `trustedOrigins` (the log has both); if it is the app's own, `baseURL` is another (scheme and port count).",
  METHOD_NOT_ALLOWED: "Use a method that the header `Allow` names.",
  MISSING_FIELD: "Send the field, or set `required: false` on its `additionalFields` entry.",
  MISSING_OR_NULL_ORIGIN:
    "A program with cookies sends `Origin: <origin of baseURL>`, or uses `Authorization: Bearer` and no cookies.",
  NOT_FOUND:
    "Compare the path: letter case and a slash at the end count. Is its feature among `plugins`, the router mounted at the root, or the path in `disabledPaths`?",
  NO_FIELDS_TO_UPDATE: "Send at least one field that may be changed.",
  PASSWORD_COMPROMISED:
    "Choose another password: this one is common, known from a breach (`emailAndPassword.haveIBeenPwned`), or the address itself.",
  PASSWORD_TOO_LONG: "At most `emailAndPassword.maxPasswordLength`.",
  PASSWORD_TOO_SHORT: "At least `emailAndPassword.minPasswordLength`.",
  PAYLOAD_TOO_LARGE: "At most 100 kB; pictures belong behind a URL.",
  SERVICE_UNAVAILABLE:
    "Try again after `Retry-After` seconds: the database is away or slow, or too many passwords wait to be hashed. Keep the session.",
  SESSION_NOT_FRESH:
    "Let the user sign in again (`session.freshAge`). An impersonated session never passes.",
  TOO_MANY_REQUESTS:
    "Wait `Retry-After` seconds. Behind a proxy, set `trust proxy`, or all clients count as one. `rateLimit.customRules` changes a limit.",
  ACCOUNT_TEMPORARILY_LOCKED: "Wait `Retry-After` seconds. `accountLockout` changes the limit.",
  INVALID_TWO_FACTOR_COOKIE:
    "Sign in again: ten minutes have passed, the sign-in is completed, or the cookie of it was not sent. Of codes that are sent at once, one is looked at.",
  TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE:
    "Sign in again; for a code that was sent, ask `/two-factor/send-otp` for another one.",
  TWO_FACTOR_ENROLMENT_REQUIRED:
    "Lead the user to where a second factor is set up (`/two-factor/enable`). From endpoints only under `twoFactor({ required })`.",
  TWO_FACTOR_REQUIRED:
    "Ask for a code (`/two-factor/verify-totp` and the like), then try again; someone with a passkey signs in with it.",
  TOTP_ALREADY_ENABLED: "Switch it off first (`/two-factor/disable`), or verify a code.",
  OTP_NOT_CONFIGURED: "Pass `otpOptions.sendOTP` to `twoFactor()`.",
  TOTP_NOT_CONFIGURED: "`totpOptions.disable` of `twoFactor()` is on.",
  UNAUTHORIZED: 'Sign in; send the cookie (`credentials: "include"`) or `Authorization: Bearer`.',
  UNSUPPORTED_MEDIA_TYPE: "Send `Content-Type: application/json`.",
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: "Sign in instead.",
  USERNAME_IS_ALREADY_TAKEN: "Choose another one; `/is-username-available` says which are free.",
  USERNAME_IS_IMMUTABLE:
    "It stays once it is set, because `username({ immutableUsername: true })` says so.",
  VALIDATION_ERROR: "The message names each field.",
};

/** Codes of the return addresses: checked wherever one is sent, also where an endpoint has no use for it. */
export function isAddressCode(code: string): boolean {
  return /^INVALID_(?:(?:ERROR_|NEW_USER_)?CALLBACK|REDIRECT)_URL$|_EXPECTED_A_STRING$/.test(code);
}
