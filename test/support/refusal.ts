import assert from "node:assert/strict";

/** What a test looks at; answers of supertest and of `sendRaw` have it. */
export interface Answer {
  readonly status: number;
  readonly headers: unknown;
  readonly body: unknown;
}

type Headers = Readonly<Record<string, string | undefined>>;

/** Headers by lower-case name. */
export function headersOf({ headers }: Answer): Headers {
  return headers as Headers;
}

/** Fails unless the headers that every answer under the mount path has are there (contract README §1). */
export function assertHeaders(answer: Answer, { cacheable = false } = {}): void {
  const headers = headersOf(answer);
  assert.deepEqual(
    {
      nosniff: headers["x-content-type-options"],
      referrer: headers["referrer-policy"],
      caching: headers["cache-control"],
      poweredBy: headers["x-powered-by"],
    },
    {
      nosniff: "nosniff",
      referrer: "no-referrer",
      caching: cacheable ? undefined : "no-store",
      poweredBy: undefined,
    },
  );
}

/** Fails unless it is a refusal in the contract's form: status, JSON of just `code` and `message`, headers. */
export function assertRefusal(
  answer: Answer,
  [status, code, message]: readonly [status: number, code: string, message?: string | RegExp],
  { cacheable = false } = {},
): void {
  const body = answer.body as { readonly code?: unknown; readonly message?: unknown };
  assert.deepEqual([answer.status, body.code], [status, code], JSON.stringify(body));
  assert.deepEqual(Object.keys(body), ["code", "message"]);
  assert.ok(typeof body.message === "string" && body.message !== "");
  if (typeof message === "string") assert.equal(body.message, message);
  if (message instanceof RegExp) assert.match(body.message, message);
  assert.equal(headersOf(answer)["content-type"], "application/json");
  assertHeaders(answer, { cacheable });
}

/** Fails unless it is some refusal of what the client sent. */
export function assertClientError(answer: Answer): void {
  const { status, body } = answer;
  assert.ok(status >= 400 && status < 500, `status ${String(status)}: ${JSON.stringify(body)}`);
  assertRefusal(answer, [status, String((body as { readonly code?: unknown }).code)]);
}
