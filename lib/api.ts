import type { IncomingHttpHeaders } from "node:http";
import type { AuthContext, RequestInfo } from "./context.ts";
import type { AnyEndpoint } from "./endpoint.ts";
import { withDeadline } from "./models/deadline.ts";
import { DEFAULT_BASE_PATH } from "./config.ts";
import type { ApiHeaders, Plugin, ServerApi } from "./plugin.ts";
import { plainAnswer } from "./request-hooks.ts";
import { createReply, run } from "./run.ts";
import { cookieHeaders } from "./services/cookies.ts";
import { asAuthError } from "./services/failure.ts";

interface ApiInput {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly headers?: ApiHeaders;
  readonly returnHeaders?: boolean;
}

/** `auth.api`: the endpoints as functions, without rate limit and origin check. */
export function createApi<P extends Plugin>(
  auth: AuthContext,
  features: readonly P[],
): ServerApi<P> {
  const endpoints = features.flatMap(({ endpoints: routed, serverCalls = [] }) => [
    ...routed,
    ...serverCalls,
  ]);
  const calls = endpoints.map((endpoint) => [endpoint.name, serverCall(auth, endpoint)]);
  return Object.fromEntries(calls) as ServerApi<P>;
}

function serverCall(auth: AuthContext, endpoint: AnyEndpoint) {
  return async function callEndpoint(input: ApiInput = {}): Promise<unknown> {
    const { body, query = {}, params = {}, headers, returnHeaders = false } = input;
    const reply = createReply();
    const request = requestOf(auth, endpoint, headers);
    try {
      if (!endpoint.offline && !auth.database.isReady) await withDeadline(auth.database.ready());
      const value = await run(auth, endpoint, request, { body, query, params }, reply);
      const response = plainAnswer(value);
      if (!returnHeaders) return response;
      const sent = new Headers([...reply.headers]);
      for (const cookie of cookieHeaders(reply)) sent.append("set-cookie", cookie);
      return { headers: sent, response };
    } catch (error) {
      throw asAuthError(error, auth.log, `auth.api.${endpoint.name}`);
    }
  };
}

function requestOf(
  { config }: AuthContext,
  endpoint: AnyEndpoint,
  given: ApiHeaders | undefined,
): RequestInfo {
  return {
    isServerCall: true,
    method: endpoint.methods[0] ?? "GET",
    headers: plainHeaders(given),
    ip: "",
    path: endpoint.paths[0],
    baseURL() {
      if (config.baseURL === undefined) {
        throw new TypeError("auth.api needs `baseURL` (or BETTER_AUTH_URL) to make links");
      }
      return config.baseURL + (config.basePath ?? DEFAULT_BASE_PATH);
    },
  };
}

/** As Node's HTTP server gives them: lower-case names, one text each. */
function plainHeaders(given: ApiHeaders | undefined): IncomingHttpHeaders {
  if (given === undefined) return {};
  const entries = given instanceof Headers ? given.entries() : Object.entries(given);
  const plain: Record<string, string> = {};
  for (const [name, value] of entries) {
    const separator = name.toLowerCase() === "cookie" ? "; " : ", ";
    if (value !== undefined) plain[name.toLowerCase()] = [value].flat().join(separator);
  }
  return plain;
}
