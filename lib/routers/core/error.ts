import { randomBytes } from "node:crypto";
import { z } from "zod";
import { Html, Redirect } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { withQuery } from "../../services/redirect-url.ts";
import { errorPage } from "../../services/page.ts";

const UNKNOWN = "UNKNOWN";

export const error = endpoint("error", {
  method: "GET",
  path: "/error",
  summary: "Show an error to a person",
  access: "public",
  offline: true,
  query: z.object({
    error: z.unknown().optional(),
    error_description: z.unknown().optional(),
  }),
  response: z.never(),
  handler({ auth, query }) {
    const { errorURL, customizeDefaultErrorPage } = auth.config.onAPIError;
    const code = readCode(query.error);
    const description = typeof query.error_description === "string" ? query.error_description : "";
    const params = { error: code, ...(description !== "" && { error_description: description }) };
    if (errorURL !== undefined) return new Redirect(withQuery(errorURL, params));
    if (auth.config.production && customizeDefaultErrorPage === undefined) {
      return new Redirect(withQuery("/", params));
    }
    const nonce = randomBytes(16).toString("base64url");
    return new Html(errorPage({ code, description, nonce }), nonce);
  },
});

/** Only what can be an error code is shown: anything else could put words into our mouth. */
function readCode(given: unknown): string {
  return typeof given === "string" && /^[A-Za-z0-9_'-]{1,100}$/.test(given) ? given : UNKNOWN;
}
