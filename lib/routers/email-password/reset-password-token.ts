import { z } from "zod";
import { Redirect } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failCore } from "../../errors.ts";
import { resolveRedirectURL, withQuery } from "../../services/redirect-url.ts";
import { findVerification, PASSWORD_RESET } from "../../services/verification.ts";
import { returnAddress } from "../core/schemas.ts";

export const resetPasswordToken = endpoint("resetPasswordCallback", {
  method: "GET",
  path: "/reset-password/:token",
  summary: "Lead from the reset mail to the page for the new password",
  access: "public",
  redirects: true,
  params: z.object({ token: z.string() }),
  query: z.object({ callbackURL: returnAddress.optional() }),
  response: z.object({ token: z.string() }),
  async handler({ auth, request, params, query }) {
    const { token } = params;
    const base = request.baseURL();
    const isLive = (await findVerification(auth, PASSWORD_RESET, token)) !== null;
    const { callbackURL = "" } = query;
    if (callbackURL === "") {
      if (isLive) return { token };
      return new Redirect(withQuery(`${base}/error`, { error: "INVALID_TOKEN" }));
    }
    const target = absolute(callbackURL, base);
    return new Redirect(withQuery(target, isLive ? { token } : { error: "INVALID_TOKEN" }));
  },
});

/** With `advanced.disableOriginCheck` the address may be anything. */
function absolute(callbackURL: string, base: string): string {
  try {
    return resolveRedirectURL(callbackURL, base);
  } catch {
    throw failCore("INVALID_CALLBACK_URL");
  }
}
