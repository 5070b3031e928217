import type { Request, RequestHandler } from "express";
import {
  ipKeyGenerator,
  rateLimit,
  type ClientRateLimitInfo,
  type Store,
} from "express-rate-limit";
import { LRUCache } from "lru-cache";
import type { AnyEndpoint, RateLimit } from "../endpoint.ts";
import { failCore } from "../errors.ts";
import type { Config } from "../options.ts";
import { isListedPath } from "../services/path-pattern.ts";
import { toFetchRequest } from "./fetch-request.ts";

/** Client addresses that a limiter remembers at most; the least recently seen goes first. */
const MAX_CLIENTS = 50_000;
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
  config: Config,
  endpoint: AnyEndpoint,
  clientAddress: ClientAddress,
): RequestHandler | null {
  const { enabled, window, max, customRules } = config.rateLimit;
  const custom = findCustomRule(customRules, endpoint);
  if (!enabled || custom === false) return null;
  const standard = endpoint.rateLimit ?? { window, max };
  const make = (rule: RateLimit) => limiter(config, rule, endpoint.paths[0], clientAddress);
  if (typeof custom !== "function") return make(custom ?? standard);

  const limiters = new LRUCache<string, RequestHandler>({ max: MAX_RULES });
  return async function limitRateByFunction(req, res, next) {
    const rule = await custom(toFetchRequest(config, req), standard);
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
  { now }: Config,
  rule: RateLimit,
  path: string,
  clientAddress: ClientAddress,
): RequestHandler {
  return rateLimit({
    windowMs: rule.window * 1000,
    limit: rule.max,
    store: new MemoryStore(rule, now),
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
  const client = address === "" ? "" : ipKeyGenerator(address, IPV6_PREFIX);
  return `${client}|${path}`;
}

/** Counts in this process; a refused request does not count and does not move the window. */
class MemoryStore implements Store {
  readonly localKeys = true;
  readonly #clients: LRUCache<string, { count: number; lastMs: number }>;
  readonly #rule: RateLimit;
  readonly #now: () => Date;

  constructor(rule: RateLimit, now: () => Date) {
    this.#clients = new LRUCache({ max: MAX_CLIENTS });
    this.#rule = rule;
    this.#now = now;
  }

  increment(key: string): ClientRateLimitInfo {
    const nowMs = this.#now().getTime();
    const windowMs = this.#rule.window * 1000;
    const known = this.#clients.get(key);
    const current =
      known === undefined || nowMs - known.lastMs > windowMs ? { count: 0, lastMs: nowMs } : known;
    if (current.count >= this.#rule.max) {
      return { totalHits: this.#rule.max + 1, resetTime: after(current.lastMs + windowMs - nowMs) };
    }
    const counted = { count: current.count + 1, lastMs: nowMs };
    this.#clients.set(key, counted);
    return { totalHits: counted.count, resetTime: after(windowMs) };
  }

  decrement(): void {
    // Never called: neither failed nor successful requests are skipped.
  }

  resetKey(key: string): void {
    this.#clients.delete(key);
  }
}

/** The package takes the system's time off again to fill in its headers. */
function after(milliseconds: number): Date {
  return new Date(Date.now() + milliseconds);
}
