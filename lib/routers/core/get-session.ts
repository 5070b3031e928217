import { z } from "zod";
import type { ActiveSession, AuthContext } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { AuthError, failures } from "../../errors.ts";
import { clearSessionCopy, renewSessionCopy } from "../../services/cookie-cache.ts";
import { isUnavailable } from "../../services/database-errors.ts";
import {
  clearSessionCookies,
  defersWrites,
  findCopied,
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
    const renews = query.disableRefresh !== true;
    if (query.disableCookieCache !== true) {
      const copied = await findCopied(auth, request, reply, { renews });
      if (copied !== null) return answer(auth, copied, deferred ? false : undefined);
    }
    const found = await lookUpSession(auth, request, { keepExpired: deferred }).catch(refused);
    if (found.active === null) {
      const isOver = found.presented && !found.banned;
      (isOver ? clearSessionCookies : clearSessionCopy)(auth, request, reply);
      return null;
    }
    const due = renews && isRenewalDue(auth, found.active);
    if (deferred || !due) {
      await renewSessionCopy(auth, request, reply, found.active);
      return answer(auth, found.active, deferred ? due : undefined);
    }
    const active = await renew(auth, found.active, request, reply).catch(refused);
    if (active !== null) return answer(auth, active, undefined);
    clearSessionCookies(auth, request, reply);
    throw fail("FAILED_TO_GET_SESSION");
  },
});

function answer(auth: AuthContext, active: ActiveSession, needsRefresh: boolean | undefined) {
  return { ...auth.views.active(active), ...(needsRefresh !== undefined && { needsRefresh }) };
}

/** The protocol gives this endpoint a 500 of its own; an unreachable database stays a 503. */
function refused(cause: unknown): never {
  if (cause instanceof AuthError || isUnavailable(cause)) throw cause;
  throw new AuthError(500, "FAILED_TO_GET_SESSION", errors.FAILED_TO_GET_SESSION[1], { cause });
}
