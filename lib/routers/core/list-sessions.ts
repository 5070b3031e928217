import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { coreErrors, failCore } from "../../errors.ts";
import { isFresh, listSessions, tokenForList } from "../../services/session.ts";
import { publicSession } from "./schemas.ts";

export const listSessionsEndpoint = endpoint("listSessions", {
  method: "GET",
  path: "/list-sessions",
  summary: "List the live sessions of the caller",
  access: "session",
  beforeEnrolment: true,
  response: z.array(publicSession),
  errors: { SESSION_NOT_FRESH: coreErrors.SESSION_NOT_FRESH },
  async handler({ auth, active }) {
    if (auth.config.session.requireFreshForList && !isFresh(auth, active.session)) {
      throw failCore("SESSION_NOT_FRESH");
    }
    const sessions = await listSessions(auth, active);
    return sessions.map((session) => auth.views.session(session, tokenForList(active, session)));
  },
});
