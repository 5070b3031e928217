import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failCore } from "../../errors.ts";
import { isFresh, listSessions, tokenForList } from "../../services/session.ts";
import { publicSession } from "./schemas.ts";

export const listSessionsEndpoint = endpoint("listSessions", {
  method: "GET",
  path: "/list-sessions",
  summary: "List the live sessions of the caller",
  access: "session",
  response: z.array(publicSession),
  async handler({ auth, active }) {
    if (auth.config.session.requireFreshForList && !isFresh(auth, active.session)) {
      throw failCore("SESSION_NOT_FRESH");
    }
    const sessions = await listSessions(auth, active.user._id);
    return sessions.map((session) => auth.views.session(session, tokenForList(active, session)));
  },
});
