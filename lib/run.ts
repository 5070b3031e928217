import type { z } from "zod";
import {
  Challenge,
  Html,
  Redirect,
  type ActiveSession,
  type AuthContext,
  type PendingSignIn,
  type RawInput,
  type Reply,
  type RequestInfo,
} from "./context.ts";
import type { AnyEndpoint } from "./endpoint.ts";
import { AuthError, failCore } from "./errors.ts";
import { runBetweenHooks, shown, wantsRequests } from "./request-hooks.ts";
import { isBelow } from "./services/path-pattern.ts";
import { findPendingSignIn, isPending } from "./services/pending-sign-in.ts";
import {
  findActive,
  findActiveToRead,
  isFresh,
  isReading,
  requireEnrolment,
} from "./services/session.ts";
import { serialiseRedirectURL } from "./services/redirect-url.ts";
import { checkReturnAddresses } from "./services/return-address.ts";

/** Answered instead of `VALIDATION_ERROR` by the endpoints that declare it. */
const BODY_MUST_BE_AN_OBJECT = "BODY_MUST_BE_AN_OBJECT";

/** A reply that nothing has been put into yet. */
export function createReply(): Reply {
  return { status: 200, cookies: new Map(), headers: new Map(), newSession: null };
}

/**
 * Runs one call: the app's hooks → return addresses → session and access → validation → handler → answer through its
 * schema. Knows no Express: HTTP and `auth.api` come through here alike.
 *
 * @param reply receives cookies and headers, also when the call fails
 * @throws AuthError what the endpoint or a step before it refused
 */
export async function run(
  auth: AuthContext,
  endpoint: AnyEndpoint,
  request: RequestInfo,
  input: RawInput,
  reply: Reply,
): Promise<unknown> {
  if (!wantsRequests(auth)) return execute(auth, endpoint, request, input, reply);
  return runBetweenHooks(auth, endpoint, request, input, reply, (own, itsRequest, itsInput) =>
    execute(own, endpoint, itsRequest, itsInput, reply),
  );
}

async function execute(
  auth: AuthContext,
  endpoint: AnyEndpoint,
  request: RequestInfo,
  input: RawInput,
  reply: Reply,
): Promise<unknown> {
  const { body, query } = await readAddresses(auth, endpoint, request, input);
  const active = await authorize(auth, endpoint, request, reply);
  if (auth.hookContext !== null) {
    const session = active === undefined || isPending(active) ? null : active;
    auth.hookContext.context.session = shown(auth, session);
  }
  const result = await endpoint.handler({
    auth,
    request,
    reply,
    active,
    params: parse(endpoint.params, input.params, "params"),
    query: parse(endpoint.query, query, "query"),
    body: parseBody(endpoint, body),
  });
  return answer(endpoint, result);
}

/** Where the check is switched off, an address is still only sent as the WHATWG parser writes it. */
function readAddresses(
  auth: AuthContext,
  endpoint: AnyEndpoint,
  request: RequestInfo,
  input: RawInput,
): Promise<Pick<RawInput, "body" | "query">> | Pick<RawInput, "body" | "query"> {
  if (isReading(request) && !endpoint.redirects) return input;
  const { disableOriginCheck: disabled } = auth.config.advanced;
  const isDisabled = typeof disabled === "boolean" ? disabled : isBelow(endpoint.paths, disabled);
  const check = isDisabled
    ? serialiseRedirectURL
    : (address: string) => auth.origins.checkRedirect(address, request);
  return checkReturnAddresses(input, async (address) => {
    const safe = await check(address);
    if (safe === null) auth.refused.returnAddress(address);
    return safe;
  });
}

async function authorize(
  auth: AuthContext,
  endpoint: AnyEndpoint,
  request: RequestInfo,
  reply: Reply,
): Promise<ActiveSession | PendingSignIn | null | undefined> {
  if (endpoint.access === "server" || endpoint.access === "public") return undefined;
  const mayBeCopied = endpoint.access === "session" && isReading(request);
  const find = mayBeCopied ? findActiveToRead : findActive;
  const active = await find(auth, request, reply);
  if (active === null) {
    if (endpoint.access === "optional") return null;
    if (endpoint.access === "pending") return getPendingSignIn(auth, request);
    throw failCore("UNAUTHORIZED");
  }
  if (endpoint.access === "fresh" && !isFresh(auth, active.session)) {
    throw failCore("SESSION_NOT_FRESH");
  }
  if (endpoint.credentials && active.session.impersonatedBy != null) {
    throw failCore("SESSION_NOT_FRESH");
  }
  const isOpen = endpoint.access === "optional" || endpoint.access === "pending";
  if (!isOpen && !endpoint.beforeEnrolment) await requireEnrolment(auth, active);
  return active;
}

/** @throws AuthError INVALID_TWO_FACTOR_COOKIE (401) */
async function getPendingSignIn(auth: AuthContext, request: RequestInfo): Promise<PendingSignIn> {
  const pending = await findPendingSignIn(auth, request);
  if (pending === null) throw failCore("INVALID_TWO_FACTOR_COOKIE");
  return pending;
}

function parseBody(endpoint: AnyEndpoint, body: unknown): unknown {
  const notAnObject = endpoint.errors[BODY_MUST_BE_AN_OBJECT];
  if (notAnObject !== undefined && body !== undefined && !isRecord(body)) {
    throw new AuthError(notAnObject[0], BODY_MUST_BE_AN_OBJECT, notAnObject[1]);
  }
  return parse(endpoint.body, body ?? {}, "body");
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parse(schema: z.ZodType | undefined, value: unknown, part: string): unknown {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw failCore("VALIDATION_ERROR", { message: describeIssues(parsed.error, part) });
}

/** Names fields and rules, never the values. */
function describeIssues({ issues }: z.ZodError, part: string): string {
  const texts = issues.map(({ path, message }) => {
    const where = [part, ...path.map(String)].join(".");
    return `[${where}] ${message}`;
  });
  return [...new Set(texts)].join("; ");
}

function answer(endpoint: AnyEndpoint, result: unknown): unknown {
  if (result instanceof Redirect || result instanceof Html) return result;
  const parsed = endpoint.response.safeParse(result instanceof Challenge ? result.body : result);
  if (parsed.success) return parsed.data;
  const cause = new TypeError(`${endpoint.name}: ${describeIssues(parsed.error, "response")}`);
  throw failCore("INTERNAL_SERVER_ERROR", { cause });
}
