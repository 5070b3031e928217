import { endpoint } from "../../endpoint.ts";
import { revokeSessions } from "../../services/session.ts";
import { done } from "./schemas.ts";

export const revokeSessionsEndpoint = endpoint("revokeSessions", {
  method: "POST",
  path: "/revoke-sessions",
  summary: "End all sessions of the caller",
  access: "session!",
  credentials: true,
  response: done,
  async handler({ auth, active }) {
    await revokeSessions(auth, active.user._id);
    return { status: true as const };
  },
});
