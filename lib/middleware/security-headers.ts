import type { RequestHandler } from "express";
import helmet from "helmet";

/**
 * Headers of every answer under the mount path: `nosniff`, `Referrer-Policy: no-referrer`, no `X-Powered-By`, and
 * `Cache-Control: no-store` unless the answer may be kept. What concerns the whole site (HSTS, say) is the app's.
 *
 * @param cacheable leaves out `Cache-Control`. Default false
 */
export function securityHeaders({ cacheable = false } = {}): RequestHandler {
  const nosniff = helmet.xContentTypeOptions();
  const referrer = helmet.referrerPolicy({ policy: "no-referrer" });
  const poweredBy = helmet.xPoweredBy();
  const ignore = () => undefined;

  return function securityHeadersMiddleware(req, res, next) {
    nosniff(req, res, ignore);
    referrer(req, res, ignore);
    poweredBy(req, res, ignore);
    if (!cacheable) res.setHeader("Cache-Control", "no-store");
    next();
  };
}

/** Sets the policy of a page whose own style and script carry the nonce; nothing else may load or frame it. */
export function pagePolicy(nonce: string): RequestHandler {
  const own = `'nonce-${nonce}'`;
  return helmet.contentSecurityPolicy({
    useDefaults: false,
    directives: {
      "default-src": ["'none'"],
      "style-src": [own],
      "script-src": [own],
      "connect-src": ["'self'"],
      "img-src": ["'self'", "data:"],
      "base-uri": ["'none'"],
      "form-action": ["'self'"],
      "frame-ancestors": ["'none'"],
    },
  });
}
