import { endpoint } from "../../endpoint.ts";
import { revokeSessions } from "../../services/session.ts";
import { done } from "./schemas.ts";

export const revokeOtherSessions = endpoint("revokeOtherSessions", {
  method: "POST",
  path: "/revoke-other-sessions",
  summary: "End the other sessions of the caller",
  access: "session!",
  beforeEnrolment: true,
  credentials: true,
  response: done,
  async handler({ auth, active }) {
    await revokeSessions(auth, active.user._id, { except: active.session._id });
    return { status: true as const };
  },
});
