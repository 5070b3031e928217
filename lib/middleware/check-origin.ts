import type { Request, RequestHandler } from "express";
import type { AuthContext, RequestInfo } from "../context.ts";
import type { AnyEndpoint } from "../endpoint.ts";
import { failCore } from "../errors.ts";
import { parseURL } from "../parse-url.ts";
import { isBelow } from "../services/path-pattern.ts";
import { requestInfo } from "./request-info.ts";

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses a write that carries cookies and whose `Origin` (else `Referer`) is not trusted. Without cookies there is no
 * ambient authority; a sign-in form is checked all the same when a browser sends it (login CSRF; docs/protocol.md §5).
 *
 * @returns null when there is nothing to check
 * @throws AuthError MISSING_OR_NULL_ORIGIN, INVALID_ORIGIN, CROSS_SITE_NAVIGATION_LOGIN_BLOCKED (403)
 */
export function checkOrigin(auth: AuthContext, endpoint: AnyEndpoint): RequestHandler | null {
  const { disableCSRFCheck, disableOriginCheck } = auth.config.advanced;
  if (disableCSRFCheck || endpoint.methods.every((method) => SAFE_METHODS.has(method))) return null;
  if (typeof disableOriginCheck !== "boolean" && isBelow(endpoint.paths, disableOriginCheck))
    return null;

  return async function checkOriginMiddleware(req, _res, next) {
    if (!SAFE_METHODS.has(req.method) && needsCheck(req, endpoint)) {
      await checkSource(auth, req, requestInfo(auth.config, req, ""));
    }
    next();
  };
}

function needsCheck({ headers }: Request, { form }: AnyEndpoint): boolean {
  if (headers.cookie !== undefined) return true;
  if (!form) return false;
  if (isBrowser(headers)) {
    if (headers["sec-fetch-site"] === "cross-site" && headers["sec-fetch-mode"] === "navigate") {
      throw failCore("CROSS_SITE_NAVIGATION_LOGIN_BLOCKED");
    }
    return true;
  }
  return headers.origin !== undefined || headers.referer !== undefined;
}

/** Node's own `fetch` sends `Sec-Fetch-Mode` from a server; every browser sends the site or the destination too. */
function isBrowser(headers: Request["headers"]): boolean {
  return headers["sec-fetch-site"] !== undefined || headers["sec-fetch-dest"] !== undefined;
}

async function checkSource(auth: AuthContext, req: Request, request: RequestInfo): Promise<void> {
  const origin = req.headers.origin ?? originOf(req.headers.referer);
  if (origin === undefined || origin === "null") throw failCore("MISSING_OR_NULL_ORIGIN");
  if (await auth.origins.trustsOrigin(origin, request)) return;
  auth.refused.origin(origin);
  throw failCore("INVALID_ORIGIN");
}

function originOf(referer: string | undefined): string | undefined {
  return referer === undefined ? undefined : parseURL(referer)?.origin;
}
