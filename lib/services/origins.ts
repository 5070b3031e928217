import type { Origins, RequestInfo } from "../context.ts";
import type { Config } from "../config.ts";
import { fetchRequest } from "./fetch-request.ts";
import { checkRedirectURL } from "./redirect-url.ts";
import { compileOrigins, type TrustedOrigins } from "./trusted-origins.ts";

/**
 * Origins that may call and be redirected to: that of `baseURL` and `trustedOrigins`. Without `baseURL` a request's own
 * origin counts for that request alone.
 *
 * @throws TypeError when a listed pattern is malformed
 */
export function createOrigins(config: Config): Origins {
  const { trustedOrigins, baseURL } = config;
  const listed = compileOrigins(trustedOrigins.list);

  async function trustedFor(request: RequestInfo): Promise<TrustedOrigins[]> {
    const found = [listed];
    if (baseURL === undefined) found.push(compileOrigins([new URL(request.baseURL()).origin]));
    if (trustedOrigins.find !== undefined) {
      found.push(compileOrigins(await trustedOrigins.find(fetchRequest(request))));
    }
    return found;
  }

  return {
    async trustsOrigin(origin, request) {
      if (listed.matchesOrigin(origin)) return true;
      return (await trustedFor(request)).some((trusted) => trusted.matchesOrigin(origin));
    },
    async checkRedirect(address, request) {
      const trusted = address.startsWith("/") ? [] : await trustedFor(request);
      return checkRedirectURL(address, {
        matchesOrigin: (origin) => trusted.some((one) => one.matchesOrigin(origin)),
        matchesUrl: (url) => trusted.some((one) => one.matchesUrl(url)),
      });
    },
  };
}
