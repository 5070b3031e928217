import { channel } from "node:diagnostics_channel";
import type { Request, Response } from "express";
import { Html, Redirect, type Log, type Reply } from "../context.ts";
import type { AnyEndpoint } from "../endpoint.ts";
import type { AuthError } from "../errors.ts";
import { cookieHeaders } from "../services/cookies.ts";
import { asAuthError } from "../services/failure.ts";
import { asHttpFailure } from "./http-failure.ts";
import { pagePolicy } from "./security-headers.ts";

/**
 * Name of the diagnostics channel on which every finished call of an endpoint is published as an `Outcome`; tests,
 * metrics and audit logs subscribe to it.
 */
export const OUTCOME_CHANNEL = "better-auth-express:outcome";

/** How one call of an endpoint ended. */
export interface Outcome {
  /** Its name on `auth.api`. */
  readonly endpoint: string;
  /** HTTP status. */
  readonly status: number;
  /** Error code; absent when the call succeeded. */
  readonly code?: string;
}

const outcomes = channel(OUTCOME_CHANNEL);

/** Writes what a handler returned: JSON, a redirect or a page. */
export function writeAnswer(
  endpoint: AnyEndpoint,
  req: Request,
  res: Response,
  reply: Reply,
  value: unknown,
): void {
  writeReply(res, reply);
  if (value instanceof Redirect) writeRedirect(res, value.location);
  else if (value instanceof Html) writePage(req, res, reply.status, value);
  else writeJson(res, reply.status, value);
  publish({ endpoint: endpoint.name, status: res.statusCode });
}

/** Writes the answer to a failed request; `endpoint` is null where none matched. */
export function writeFailure(
  endpoint: AnyEndpoint | null,
  res: Response,
  thrown: unknown,
  log: Log,
  reply?: Reply,
): void {
  const error = asHttpFailure(thrown) ?? asAuthError(thrown, log, calledBy(res.req, endpoint));
  // The answer is out already (an over-long body whose rest arrives, say): there is nobody left to tell.
  if (res.headersSent) return;
  if (reply !== undefined && error.status < 500) writeReply(res, reply);
  for (const [name, value] of Object.entries(error.headers)) res.setHeader(name, value);
  writeJson(res, error.status, error.toJSON());
  if (endpoint !== null) publish(failedOutcome(endpoint, error));
}

/**
 * Method and path for the log, as declared by the endpoint or by the app's route: a path as sent may hold a token. Behind
 * `app.use` it is only where the app is mounted.
 */
function calledBy(req: Request, endpoint: AnyEndpoint | null): string {
  if (endpoint !== null) return `${req.method} ${endpoint.paths[0]} (${endpoint.name})`;
  const route: unknown = req.route;
  const path = typeof route === "object" && route !== null && "path" in route ? route.path : "";
  const declared = req.baseUrl + (typeof path === "string" ? path : "");
  return `${req.method} ${declared === "" ? "/" : declared}`;
}

/** Sends a browser elsewhere. */
export function writeRedirect(res: Response, location: string): void {
  res.statusCode = 302;
  res.setHeader("Location", location);
  res.setHeader("Cache-Control", "no-store");
  res.setHeader("Referrer-Policy", "no-referrer");
  res.end();
}

/** Writes JSON as it is, without the work of `res.json` (settings, ETag); null for undefined. */
function writeJson(res: Response, status: number, value: unknown): void {
  const body = JSON.stringify(value ?? null);
  res.statusCode = status;
  res.setHeader("Content-Type", "application/json");
  res.setHeader("Content-Length", Buffer.byteLength(body));
  res.end(body);
}

/** Puts cookies and headers of a reply on the response. */
export function writeReply(res: Response, reply: Reply): void {
  const cookies = cookieHeaders(reply);
  if (cookies.length > 0) res.append("Set-Cookie", cookies);
  for (const [name, value] of reply.headers) {
    if (name === "access-control-expose-headers") res.append(name, value);
    else res.setHeader(name, value);
  }
}

function writePage(req: Request, res: Response, status: number, page: Html): void {
  pagePolicy(page.nonce)(req, res, () => undefined);
  res.statusCode = status;
  res.setHeader("Content-Type", "text/html; charset=utf-8");
  res.setHeader("Content-Length", Buffer.byteLength(page.html));
  res.end(page.html);
}

function failedOutcome(endpoint: AnyEndpoint, error: AuthError): Outcome {
  return { endpoint: endpoint.name, status: error.status, code: error.code };
}

function publish(outcome: Outcome): void {
  if (outcomes.hasSubscribers) outcomes.publish(outcome);
}
