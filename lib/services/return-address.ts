import type { AuthContext, RequestInfo } from "../context.ts";
import { failCore } from "../errors.ts";

/** Fields that carry an address to which a browser may be sent; contract README §5 "URL fields". */
const FIELDS = [
  { source: "body", field: "callbackURL", code: "INVALID_CALLBACK_URL", label: "CALLBACKURL" },
  { source: "query", field: "callbackURL", code: "INVALID_CALLBACK_URL", label: "CALLBACKURL" },
  { source: "query", field: "currentURL", code: "INVALID_CALLBACK_URL", label: "CALLBACKURL" },
  { source: "body", field: "redirectTo", code: "INVALID_REDIRECT_URL", label: "REDIRECTURL" },
  { source: "body", field: "redirctTo", code: "INVALID_REDIRECT_URL", label: "REDIRECTURL" },
  {
    source: "body",
    field: "errorCallbackURL",
    code: "INVALID_ERROR_CALLBACK_URL",
    label: "ERRORCALLBACKURL",
  },
  {
    source: "body",
    field: "newUserCallbackURL",
    code: "INVALID_NEW_USER_CALLBACK_URL",
    label: "NEWUSERCALLBACKURL",
  },
] as const;

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
    if (typeof address !== "string") throw failCore(`INVALID_${label}_EXPECTED_A_STRING`);
    const safe = await auth.origins.checkRedirect(address, request);
    if (safe === null) throw failCore(code);
    checked[source] = { ...record, [field]: safe };
  }
  return checked;
}

function isRecord(value: unknown): value is Input {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
