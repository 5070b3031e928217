import type { Request, RequestHandler } from "express";
import {
  ipKeyGenerator,
  rateLimit,
  type ClientRateLimitInfo,
  type Store,
} from "express-rate-limit";
import { LRUCache } from "lru-cache";
import type { AuthContext, Counters } from "../context.ts";
import type { AnyEndpoint, RateLimit } from "../endpoint.ts";
import { failCore } from "../errors.ts";
import { createMemoryCounters } from "../services/counters.ts";
import type { Config } from "../config.ts";
import { fetchRequest } from "../services/fetch-request.ts";
import { isListedPath } from "../services/path-pattern.ts";
import { requestInfo } from "./request-info.ts";

/** Limiters kept for the rules that one function returns. */
const MAX_RULES = 100;
/** Bits of an IPv6 address that name a client (one subscriber's network). */
const IPV6_PREFIX = 64;

type ClientAddress = (req: Request) => string;

/**
 * Limits the requests of one client to one endpoint (docs/protocol.md §7). A refused request does not count, and the
 * window is measured from the last counted one.
 *
 * @returns null when no limit applies
 * @throws AuthError TOO_MANY_REQUESTS (429), with `Retry-After` in whole seconds
 */
export function limitRate(
  auth: AuthContext,
  endpoint: AnyEndpoint,
  clientAddress: ClientAddress,
): RequestHandler | null {
  const { config } = auth;
  const { enabled, window, max, customRules } = config.rateLimit;
  const custom = findCustomRule(customRules, endpoint);
  if (!enabled || custom === false) return null;
  const standard = endpoint.rateLimit ?? { window, max };
  // What works without the database is limited without it too.
  const counters = endpoint.offline ? createMemoryCounters(auth.now) : auth.counters;
  const make = (rule: RateLimit) => limiter(counters, rule, endpoint.paths[0], clientAddress);
  if (typeof custom !== "function") return make(custom ?? standard);

  const limiters = new LRUCache<string, RequestHandler>({ max: MAX_RULES });
  return async function limitRateByFunction(req, res, next) {
    const rule = await custom(fetchRequest(requestInfo(config, req, "")), standard);
    if (rule === false) {
      next();
      return;
    }
    const key = `${String(rule.window)}/${String(rule.max)}`;
    const chosen = limiters.get(key) ?? make(rule);
    limiters.set(key, chosen);
    await chosen(req, res, next);
  };
}

function findCustomRule(rules: Config["rateLimit"]["customRules"], endpoint: AnyEndpoint) {
  const patterns = Object.keys(rules);
  const pattern =
    patterns.find((candidate) => endpoint.paths.some((path) => path === candidate)) ??
    patterns.find((candidate) => endpoint.paths.some((path) => isListedPath(path, candidate)));
  return pattern === undefined ? undefined : rules[pattern];
}

function limiter(
  counters: Counters,
  rule: RateLimit,
  path: string,
  clientAddress: ClientAddress,
): RequestHandler {
  return rateLimit({
    windowMs: rule.window * 1000,
    limit: rule.max,
    store: new CounterStore(counters, rule),
    keyGenerator: (req) => clientKey(clientAddress(req), path),
    standardHeaders: "draft-8",
    legacyHeaders: false,
    // Client addresses come from `clientAddress`, which follows rules of its own.
    validate: false,
    handler(_req, res, next) {
      const seconds = String(Math.max(1, Number(res.getHeader("Retry-After"))));
      const headers = { "Retry-After": seconds, "X-Retry-After": seconds };
      next(failCore("TOO_MANY_REQUESTS", { headers }));
    },
  });
}

/** One bucket per client and route; clients without an address share one. */
function clientKey(address: string, path: string): string {
  return `${address === "" ? "" : ipKeyGenerator(address, IPV6_PREFIX)}|${path}`;
}

/** Our counters as a store of express-rate-limit: its own rule counts refused requests, the protocol's does not. */
class CounterStore implements Store {
  readonly #counters: Counters;
  readonly #rule: RateLimit;

  constructor(counters: Counters, rule: RateLimit) {
    this.#counters = counters;
    this.#rule = rule;
  }

  async increment(key: string): Promise<ClientRateLimitInfo> {
    const { allowed, count, resetsInMs } = await this.#counters.take(key, this.#rule);
    return { totalHits: allowed ? count : this.#rule.max + 1, resetTime: after(resetsInMs) };
  }

  /** Never asked for: no answer makes a request uncounted. */
  decrement(): void {
    throw new TypeError("a counted request stays counted");
  }

  resetKey(key: string): Promise<void> {
    return this.#counters.clear(key);
  }
}

/** The package takes the system's time off again to fill in its headers. */
function after(milliseconds: number): Date {
  return new Date(Date.now() + milliseconds);
}
