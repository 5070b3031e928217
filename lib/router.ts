import {
  Router,
  type ErrorRequestHandler,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from "express";
import type { AuthContext } from "./context.ts";
import type { AnyEndpoint } from "./endpoint.ts";
import { failCore } from "./errors.ts";
import { awaitReady } from "./middleware/await-ready.ts";
import { checkOrigin } from "./middleware/check-origin.ts";
import { handleError } from "./middleware/handle-error.ts";
import { limitRate } from "./middleware/limit-rate.ts";
import { parseBody } from "./middleware/parse-body.ts";
import { clientAddress } from "./middleware/request-info.ts";
import { runEndpoint } from "./middleware/run-endpoint.ts";
import { securityHeaders } from "./middleware/security-headers.ts";
import type { Plugin } from "./plugin.ts";

type Chain = readonly (RequestHandler | ErrorRequestHandler)[];

/** An endpoint with the steps that its route takes; shared by the combined Router and the feature's own. */
interface Route {
  readonly endpoint: AnyEndpoint;
  readonly chain: Chain;
}

/** The Routers of an instance. */
export interface Routers {
  /** All features; answers unknown paths (404) and wrong methods (405) itself. */
  readonly combined: Router;
  /** Each feature alone, by id; what it does not know goes on to the app. */
  readonly byFeature: ReadonlyMap<string, Router>;
}

/** Makes the Express Routers of these features. Paths are case-sensitive and have no trailing slash. */
export function createRouters(auth: AuthContext, features: readonly Plugin[]): Routers {
  const address = clientAddress(auth.config, auth.log);
  const combined = createRouter();
  const byFeature = new Map<string, Router>();
  for (const { id, endpoints } of features) {
    const routes = endpoints.map((endpoint) => ({
      endpoint,
      chain: chainOf(auth, endpoint, address),
    }));
    const own = byFeature.get(id) ?? createRouter().use(passOptions);
    byFeature.set(id, own);
    addRoutes(own, routes, auth.config.disabledPaths);
    addRoutes(combined, routes, auth.config.disabledPaths);
  }
  addRefusals(auth, combined, features);
  return { combined, byFeature };
}

function createRouter(): Router {
  return Router({ caseSensitive: true, strict: true, mergeParams: true });
}

/** A Router left to itself would answer OPTIONS, before the app's own routes are asked. */
function passOptions(req: Request, _res: Response, next: NextFunction): void {
  if (req.method === "OPTIONS") next("router");
  else next();
}

/** limit → origin → body → database → endpoint → errors; each step only where it can matter. */
function chainOf(
  auth: AuthContext,
  endpoint: AnyEndpoint,
  address: (req: Request) => string,
): Chain {
  if (endpoint.access === "server") {
    throw new TypeError(`${endpoint.name} is for the server alone: name it among serverCalls`);
  }
  const writes = endpoint.methods.some((method) => method !== "GET");
  return [
    securityHeaders({ cacheable: endpoint.cacheable }),
    limitRate(auth, endpoint, address),
    checkOrigin(auth, endpoint),
    writes ? parseBody(endpoint) : null,
    endpoint.offline ? null : awaitReady(auth.database),
    runEndpoint(auth, endpoint, address),
    handleError(endpoint, auth.log),
  ].filter((step) => step !== null);
}

function addRoutes(router: Router, routes: readonly Route[], disabled: readonly string[]): void {
  for (const { endpoint, chain } of routes) {
    for (const path of endpoint.paths) {
      if (disabled.includes(path)) continue;
      const route = router.route(path);
      if (endpoint.consumes) route.head(refuseHead);
      if (endpoint.methods.includes("GET")) route.get(...chain);
      if (endpoint.methods.includes("POST")) route.post(...chain);
    }
  }
}

/** Leaves the route for what comes behind all of them. */
const refuseHead: RequestHandler = function refuseHead(_req, _res, next) {
  next("route");
};

/** What no endpoint took: 405 on a known path, else 404; both as JSON. */
function addRefusals(auth: AuthContext, router: Router, features: readonly Plugin[]): void {
  const headers = securityHeaders();
  for (const [path, allow] of allowedMethods(features, auth.config.disabledPaths)) {
    router.all(path, headers, function refuseMethod() {
      throw failCore("METHOD_NOT_ALLOWED", { headers: { Allow: allow } });
    });
  }
  router.use(headers, function refusePath() {
    throw failCore("NOT_FOUND");
  });
  router.use(handleError(null, auth.log));
}

function allowedMethods(
  features: readonly Plugin[],
  disabled: readonly string[],
): ReadonlyMap<string, string> {
  const allowed = new Map<string, Set<string>>();
  for (const { methods, paths, consumes } of features.flatMap((feature) => feature.endpoints)) {
    for (const path of paths.filter((candidate) => !disabled.includes(candidate))) {
      const known = allowed.get(path) ?? new Set();
      for (const method of methods) known.add(method);
      if (known.has("GET") && !consumes) known.add("HEAD");
      allowed.set(path, known);
    }
  }
  return new Map([...allowed].map(([path, methods]) => [path, [...methods].join(", ")]));
}
