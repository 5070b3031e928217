import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { AuthError, failures } from "../../errors.ts";
import { isUnavailable } from "../../services/database-errors.ts";
import {
  clearSessionCookies,
  defersWrites,
  isRenewalDue,
  lookUpSession,
  renew,
} from "../../services/session.ts";
import { flag, publicSession, publicUser } from "./schemas.ts";

const errors = {
  FAILED_TO_GET_SESSION: [401, "Failed to get session"],
} as const;
const fail = failures(errors);

export const getSession = endpoint("getSession", {
  method: ["GET", "POST"],
  path: "/get-session",
  summary: "Get the session and user of the caller",
  access: "public",
  query: z.object({
    disableCookieCache: flag.optional(),
    disableRefresh: flag.optional(),
  }),
  response: z
    .object({
      session: publicSession,
      user: publicUser,
      /** With `session.deferSessionRefresh`: whether a POST would renew the session. */
      needsRefresh: z.boolean().optional(),
    })
    .nullable(),
  errors,
  async handler({ auth, request, reply, query }) {
    reply.headers.set("pragma", "no-cache");
    const deferred = defersWrites(auth, request);
    const found = await lookUpSession(auth, request, { keepExpired: deferred }).catch(refused);
    if (found.active === null) {
      if (found.presented && !found.banned) clearSessionCookies(auth, request, reply);
      return null;
    }
    const due = query.disableRefresh !== true && isRenewalDue(auth, found.active);
    const active =
      due && !deferred
        ? await renew(auth, found.active, request, reply).catch(refused)
        : found.active;
    if (active === null) {
      clearSessionCookies(auth, request, reply);
      throw fail("FAILED_TO_GET_SESSION");
    }
    return {
      session: auth.views.session(active.session, active.token),
      user: auth.views.user(active.user),
      ...(deferred && { needsRefresh: due }),
    };
  },
});

/** The contract gives this endpoint a 500 of its own; an unreachable database stays a 503. */
function refused(cause: unknown): never {
  if (cause instanceof AuthError || isUnavailable(cause)) throw cause;
  throw new AuthError(500, "FAILED_TO_GET_SESSION", errors.FAILED_TO_GET_SESSION[1], { cause });
}
