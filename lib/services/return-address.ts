import type { AuthContext, RequestInfo } from "../context.ts";
import { AuthError, failCore, type coreErrors } from "../errors.ts";

/** Fields that carry an address to which a browser may be sent; contract README §5 "URL fields". */
const FIELDS = [
  { source: "body", field: "callbackURL", label: "callbackURL", code: "INVALID_CALLBACK_URL" },
  { source: "query", field: "callbackURL", label: "callbackURL", code: "INVALID_CALLBACK_URL" },
  { source: "query", field: "currentURL", label: "callbackURL", code: "INVALID_CALLBACK_URL" },
  { source: "body", field: "redirectTo", label: "redirectURL", code: "INVALID_REDIRECT_URL" },
  { source: "body", field: "redirctTo", label: "redirectURL", code: "INVALID_REDIRECT_URL" },
  {
    source: "body",
    field: "errorCallbackURL",
    label: "errorCallbackURL",
    code: "INVALID_ERROR_CALLBACK_URL",
  },
  {
    source: "body",
    field: "newUserCallbackURL",
    label: "newUserCallbackURL",
    code: "INVALID_NEW_USER_CALLBACK_URL",
  },
] as const satisfies readonly {
  source: "body" | "query";
  field: string;
  label: string;
  code: keyof typeof coreErrors;
}[];

type Input = Readonly<Record<string, unknown>>;

/**
 * Checks every return address of a request before anything else is validated.
 *
 * @returns body and query with the addresses in their safe, re-serialised form
 * @throws AuthError INVALID_CALLBACK_URL and its kin (403), when one is not trusted; 400 when one is no text
 */
export async function checkReturnAddresses(
  auth: AuthContext,
  request: RequestInfo,
  input: { readonly body: unknown; readonly query: Input },
): Promise<{ body: unknown; query: Input }> {
  const checked: { body: unknown; query: Input } = { body: input.body, query: input.query };
  for (const { source, field, label, code } of FIELDS) {
    const record = checked[source];
    if (!isRecord(record) || !Object.hasOwn(record, field)) continue;
    const address = record[field];
    if (address === undefined || address === null || address === "") continue;
    if (typeof address !== "string") throw notText(label);
    const safe = await auth.origins.checkRedirect(address, request);
    if (safe === null) throw failCore(code);
    checked[source] = { ...record, [field]: safe };
  }
  return checked;
}

function notText(label: string): AuthError {
  const code = `INVALID_${label.toUpperCase()}_EXPECTED_A_STRING`;
  return new AuthError(400, code, `Invalid ${label}: expected a string`);
}

function isRecord(value: unknown): value is Input {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
