import { BlockList, isIP } from "node:net";
import type { Request } from "express";
import type { Log, RequestInfo } from "../context.ts";
import { failCore } from "../errors.ts";
import type { Config } from "../config.ts";
import { parseURL } from "../parse-url.ts";

/** What endpoints and services may know of an Express request. */
export function requestInfo(config: Config, req: Request, ip: string): RequestInfo {
  return {
    isServerCall: false,
    method: req.method,
    headers: req.headers,
    ip,
    path: pathOf(req.url),
    baseURL: () => baseURL(config, req),
  };
}

/** `baseURL` and mount path; without the option, the request's own origin serves this request alone. */
function baseURL(config: Config, req: Request): string {
  const path = config.basePath ?? req.baseUrl;
  if (config.baseURL !== undefined) return config.baseURL + path;
  return ownOrigin(req) + path;
}

/** Path and query; a request target may also be a whole URL (RFC 9112 §3.2.2). */
function pathOf(target: string): string {
  if (target.startsWith("/")) return target;
  const url = parseURL(target);
  return url === null ? "/" : url.pathname + url.search;
}

/** As the client sees it: follows `trust proxy`. */
function ownOrigin({ protocol, host }: { readonly protocol: string; readonly host?: string }) {
  const url = /^https?$/.test(protocol) ? parseURL(`${protocol}://${host ?? ""}`) : null;
  // The parser lets through what would be a pattern in a list of origins.
  if (url !== null && /^[a-z0-9._:[\]-]+$/.test(url.host)) return url.origin;
  throw failCore("BAD_REQUEST", { message: "Invalid Host header" });
}

/**
 * Makes the function that finds the client's address: Express's `req.ip`, unless `advanced.ipAddress` names headers
 * or trusted proxies (docs/protocol.md §1).
 *
 * @throws TypeError when a trusted proxy is no address and no CIDR range
 */
export function clientAddress({ advanced, rateLimit }: Config, log: Log): (req: Request) => string {
  const { ipAddressHeaders, trustedProxies, disableIpTracking } = advanced.ipAddress;
  const headers = ipAddressHeaders.length > 0 ? ipAddressHeaders : ["x-forwarded-for"];
  if (disableIpTracking) return () => "";
  if (ipAddressHeaders.length === 0 && trustedProxies.length === 0) {
    return rateLimit.enabled ? addressWithWarning(log) : expressAddress;
  }
  const proxies = blockList(trustedProxies);

  return function clientAddressFromHeaders(req) {
    for (const name of headers) {
      const chain = (req.get(name) ?? "").split(",").map((hop) => plainAddress(hop.trim()));
      const client = trustedProxies.length > 0 ? firstUntrusted(chain, proxies) : single(chain);
      if (client !== undefined) return client;
    }
    return expressAddress(req);
  };
}

/** Says once that a proxy seems to stand in front which Express was not told of. */
function addressWithWarning(log: Log): (req: Request) => string {
  let isTold = false;
  return function expressAddressWithWarning(req) {
    if (!isTold && req.headers["x-forwarded-for"] !== undefined && !trustsProxies(req)) {
      isTold = true;
      log.warn(
        "A request has X-Forwarded-For, and Express's `trust proxy` is off: behind a proxy all clients share one rate " +
          'limit; app.set("trust proxy", 1) counts them apart',
      );
    }
    return expressAddress(req);
  };
}

function trustsProxies(req: Request): boolean {
  const setting: unknown = req.app.get("trust proxy");
  return Boolean(setting);
}

function expressAddress(req: Request): string {
  const address = plainAddress(withoutPort(req.ip ?? ""));
  // With `trust proxy` it is what a header says, which may be anything.
  return isIP(address) === 0 ? "" : address;
}

/** An IPv4 address without the IPv6 form in which a dual-stack socket reports it. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}

/** Some proxies forward the port of the connection too, which would make each connection a client of its own. */
function withoutPort(address: string): string {
  const [, ipv4, ipv6] = /^(?:([\d.]+)|\[([^\]]*)\])(?::\d+)?$/.exec(address) ?? [];
  return ipv4 ?? ipv6 ?? address;
}

function single(chain: readonly string[]): string | undefined {
  const [only] = chain;
  return chain.length === 1 && only !== undefined && isIP(only) !== 0 ? only : undefined;
}

/** Read from the right, where our own proxies wrote. */
function firstUntrusted(chain: readonly string[], proxies: BlockList): string | undefined {
  for (const hop of chain.toReversed()) {
    const version = isIP(hop);
    if (version === 0) return undefined;
    if (!proxies.check(hop, version === 6 ? "ipv6" : "ipv4")) return hop;
  }
  return undefined;
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [, address = range, prefix] = /^([^/]*)\/(.*)$/s.exec(range) ?? [];
    const type = isIP(address) === 6 ? "ipv6" : "ipv4";
    try {
      if (prefix === undefined) list.addAddress(address, type);
      else list.addSubnet(address, /^\d+$/.test(prefix) ? Number(prefix) : NaN, type);
    } catch (cause) {
      const message = `advanced.ipAddress.trustedProxies: ${range} is no address and no CIDR range`;
      throw new TypeError(message, { cause });
    }
  }
  return list;
}
