import { endpoint } from "../../endpoint.ts";
import { clearSessionCopy } from "../../services/cookie-cache.ts";
import { revokeSessions } from "../../services/session.ts";
import { done } from "./schemas.ts";

export const revokeSessionsEndpoint = endpoint("revokeSessions", {
  method: "POST",
  path: "/revoke-sessions",
  summary: "End all sessions of the caller",
  access: "session!",
  beforeEnrolment: true,
  credentials: true,
  response: done,
  async handler({ auth, active, request, reply }) {
    await revokeSessions(auth, active.user._id);
    clearSessionCopy(auth, request, reply);
    return { status: true as const };
  },
});
