import { z } from "zod";
import type { AnyEndpoint } from "./endpoint.ts";
import { coreErrors, type ErrorTable } from "./errors.ts";

type CoreCode = keyof typeof coreErrors;

/** Return addresses are checked wherever they are sent, also where an endpoint has no use for them. */
const CALLBACK_CODES: readonly CoreCode[] = [
  "INVALID_CALLBACK_URL",
  "INVALID_CALLBACKURL_EXPECTED_A_STRING",
];
const ADDRESS_CODES: readonly CoreCode[] = [
  ...CALLBACK_CODES,
  "INVALID_REDIRECT_URL",
  "INVALID_REDIRECTURL_EXPECTED_A_STRING",
  "INVALID_ERROR_CALLBACK_URL",
  "INVALID_ERRORCALLBACKURL_EXPECTED_A_STRING",
  "INVALID_NEW_USER_CALLBACK_URL",
  "INVALID_NEWUSERCALLBACKURL_EXPECTED_A_STRING",
];

/**
 * Every way in which an endpoint can fail: its own codes, and the common ones that follow from its definition. OpenAPI,
 * the docs and the tests' table of outcomes are made from this. A defect of ours (500) is not in it.
 */
export function errorsOf(endpoint: AnyEndpoint): ErrorTable {
  const codes = new Set<CoreCode>([
    ...inputCodes(endpoint),
    ...accessCodes(endpoint),
    "TOO_MANY_REQUESTS",
    ...(endpoint.offline ? [] : (["SERVICE_UNAVAILABLE"] as const)),
  ]);
  const common = [...codes].map((code) => [code, coreErrors[code]] as const);
  return { ...Object.fromEntries(common), ...endpoint.errors };
}

function inputCodes(endpoint: AnyEndpoint): CoreCode[] {
  const { body, query, methods, form, redirects } = endpoint;
  const codes: CoreCode[] = [];
  // What a path holds is text; return addresses are checked before, with codes of their own.
  if ([body, query].some(canFail)) codes.push("VALIDATION_ERROR");
  if (redirects) codes.push(...CALLBACK_CODES);
  if (methods.includes("POST")) {
    codes.push(...ADDRESS_CODES);
    codes.push("BAD_REQUEST", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE");
    codes.push("INVALID_ORIGIN", "MISSING_OR_NULL_ORIGIN");
  }
  if (form) codes.push("CROSS_SITE_NAVIGATION_LOGIN_BLOCKED");
  return codes;
}

function accessCodes({ access, credentials, beforeEnrolment }: AnyEndpoint): CoreCode[] {
  if (access === "server" || access === "public") return [];
  const codes: CoreCode[] = ["BANNED_USER"];
  if (access === "pending") codes.push("INVALID_TWO_FACTOR_COOKIE");
  else if (access !== "optional") {
    codes.push("UNAUTHORIZED");
    if (!beforeEnrolment) codes.push("TWO_FACTOR_ENROLMENT_REQUIRED");
  }
  if (access === "fresh" || credentials) codes.push("SESSION_NOT_FRESH");
  return codes;
}

function isAddress(field: string): boolean {
  return /^(?:callbackURL|redirectTo|redirctTo|errorCallbackURL|newUserCallbackURL)$/.test(field);
}

/** Whether some input does not fit: not so where every field takes anything. */
function canFail(schema: z.ZodType | undefined): boolean {
  if (schema === undefined) return false;
  if (!(schema instanceof z.ZodObject)) return true;
  return Object.entries(schema.shape).some(
    ([name, field]: [string, unknown]) =>
      !(
        field instanceof z.ZodOptional &&
        (isAddress(name) || field.unwrap() instanceof z.ZodUnknown)
      ),
  );
}
