import { parseSetCookie } from "cookie";
import {
  Html,
  Redirect,
  type ActiveSession,
  type AuthContext,
  type CookieAttributes,
  type HookContext,
  type RawInput,
  type Reply,
  type RequestInfo,
} from "./context.ts";
import type { AnyEndpoint } from "./endpoint.ts";
import { AuthError } from "./errors.ts";
import { cookieHeaders, readCookies, setCookie } from "./services/cookies.ts";
import { fetchHeaders, fetchRequest } from "./services/fetch-request.ts";
import type { RequestHook } from "./options.ts";
import type { ShownSession } from "./views.ts";

/** One call of an endpoint, as `run.ts` makes it. */
export type Execute = (
  auth: AuthContext,
  request: RequestInfo,
  input: RawInput,
) => Promise<unknown>;

/** Whether the app has hooks that have to know of requests. */
export function wantsRequests({ config }: AuthContext): boolean {
  const { hooks, databaseHooks } = config;
  return (
    hooks.before !== undefined ||
    hooks.after !== undefined ||
    Object.values(databaseHooks).some((one) => one !== undefined)
  );
}

/**
 * Runs a call between the app's `hooks`. `before` may throw, answer in place of the endpoint, or change what was sent;
 * `after` may throw, or answer otherwise. What it learns is what would be answered, or the error.
 *
 * @throws AuthError
 */
export async function runBetweenHooks(
  auth: AuthContext,
  endpoint: AnyEndpoint,
  request: RequestInfo,
  input: RawInput,
  reply: Reply,
  execute: Execute,
): Promise<unknown> {
  const { before, after } = auth.config.hooks;
  const call = { auth, endpoint, request, input, reply };
  const early = await callHook(hookFor(before, endpoint), hookContext(call), reply);
  if (isAnswer(early)) return early;
  const changed = changedCall(call, early);
  const context = hookContext(changed);
  const own = { ...auth, hookContext: context };
  const answer = await execute(own, changed.request, changed.input).catch(refusal);
  const hook = hookFor(after, endpoint);
  if (hook === undefined) return settle(answer);
  const outcome = { returned: plainAnswer(answer), newSession: shown(auth, reply.newSession) };
  Object.assign(context.context, outcome, { responseHeaders: responseHeaders(reply) });
  if (answer instanceof AuthError) reply.status = answer.status;
  const other = await callHook(hook, context, reply);
  return settle(other ?? answer);
}

/** What an answer is outside HTTP, for hooks and `auth.api`. */
export function plainAnswer(value: unknown): unknown {
  if (value instanceof Html) return value.html;
  return value instanceof Redirect ? { url: value.location, redirect: true } : value;
}

interface HookedCall {
  readonly auth: AuthContext;
  readonly endpoint: AnyEndpoint;
  readonly request: RequestInfo;
  readonly input: RawInput;
  readonly reply: Reply;
}

function hookFor(
  hook: RequestHook | Readonly<Record<string, RequestHook | undefined>> | undefined,
  { name }: AnyEndpoint,
): RequestHook | undefined {
  return typeof hook === "function" ? hook : hook?.[name];
}

/** What a hook returns, throws or sets; middleware made by Better Auth's own helper is understood as well. */
async function callHook(
  hook: RequestHook | undefined,
  context: HookContext,
  reply: Reply,
): Promise<unknown> {
  let result: unknown;
  try {
    result = await hook?.(context);
  } catch (error) {
    return thrownRedirect(error);
  }
  if (!isObject(result) || !("response" in result) || !(result["headers"] instanceof Headers)) {
    return result;
  }
  for (const [name, value] of result["headers"]) {
    if (name === "set-cookie") putCookie(reply, value);
    else reply.headers.set(name, value);
  }
  return result["response"];
}

/** Better Auth's `ctx.redirect()` makes an error, to be thrown. */
function thrownRedirect(error: unknown): Redirect {
  if (error instanceof Redirect) return error;
  const headers = isObject(error) && error["status"] === "FOUND" ? error["headers"] : undefined;
  const location = isObject(headers)
    ? new Headers(Object.entries(plainHeaders(headers))).get("location")
    : null;
  if (location === null) throw error;
  return new Redirect(location);
}

function putCookie(reply: Reply, line: string): void {
  const {
    name,
    value = "",
    path,
    domain,
    httpOnly,
    secure,
    sameSite,
    maxAge,
  } = parseSetCookie(line);
  const attributes: CookieAttributes = {
    ...(path !== undefined && { path }),
    ...(domain !== undefined && { domain }),
    ...(httpOnly !== undefined && { httpOnly }),
    ...(secure !== undefined && { secure }),
    ...(typeof sameSite === "string" && { sameSite }),
  };
  setCookie(reply, { name, attributes }, value, maxAge);
}

/** Whether a `before` answered: with anything but a change of the request. */
function isAnswer(result: unknown): boolean {
  return result instanceof Redirect || (isObject(result) && !isObject(result["context"]));
}

/** The call with what a `before` returned as `context`: those fields of the body, query and headers are replaced. */
function changedCall(call: HookedCall, result: unknown): HookedCall {
  const changes = isObject(result) ? result["context"] : undefined;
  if (!isObject(changes)) return call;
  const { request, input } = call;
  const { headers, body, query, params } = changes;
  return {
    ...call,
    request: isObject(headers)
      ? { ...request, headers: { ...request.headers, ...plainHeaders(headers) } }
      : request,
    input: {
      body: merged(input.body, body),
      query: { ...input.query, ...(isObject(query) && query) },
      params: { ...input.params, ...(isObject(params) && params) },
    },
  };
}

function plainHeaders(headers: object): Record<string, string> {
  const given = headers instanceof Headers ? headers : new Headers(Object.entries(headers));
  return Object.fromEntries(given);
}

function merged(sent: unknown, changes: unknown): unknown {
  return isObject(sent) && isObject(changes) ? { ...sent, ...changes } : (changes ?? sent);
}

function hookContext({ endpoint, request, input, reply }: HookedCall): HookContext {
  const context: HookContext = {
    path: endpoint.paths[0],
    endpoint: endpoint.name,
    method: request.method,
    body: isObject(input.body) && !Array.isArray(input.body) ? input.body : {},
    query: input.query,
    params: input.params,
    headers: fetchHeaders(request),
    request: request.isServerCall ? undefined : fetchRequest(request),
    context: { session: null, newSession: null, returned: undefined, responseHeaders: undefined },
    getCookie: (name) => readCookies(request.headers).get(name) ?? null,
    setCookie: (name, value, attributes = {}) => {
      setCookie(reply, { name, attributes: { path: "/", ...attributes } }, value);
    },
    setHeader: (name, value) => {
      reply.headers.set(name.toLowerCase(), value);
    },
    redirect: (location) => new Redirect(location),
    json: (value) => value,
  };
  // Middleware made by Better Auth's helper has a context of its own, and hands over what was set there if asked.
  return Object.assign(context, { returnHeaders: true });
}

/** Session and user as answers show them. */
export function shown(auth: AuthContext, active: ActiveSession | null): ShownSession | null {
  return active === null ? null : auth.views.active(active);
}

function responseHeaders(reply: Reply): Headers {
  const headers = new Headers([...reply.headers]);
  for (const cookie of cookieHeaders(reply)) headers.append("set-cookie", cookie);
  return headers;
}

/** What a client did is for `after` to see; a failure of ours is not. */
function refusal(error: unknown): AuthError {
  if (error instanceof AuthError && error.status < 500) return error;
  throw error;
}

function settle(answer: unknown): unknown {
  if (answer instanceof AuthError) throw answer;
  return answer;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
