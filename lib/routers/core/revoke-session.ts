import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { revokeSession } from "../../services/session.ts";
import { done } from "./schemas.ts";

export const revokeSessionEndpoint = endpoint("revokeSession", {
  method: "POST",
  path: "/revoke-session",
  summary: "End one session of the caller",
  access: "session!",
  credentials: true,
  body: z.union(
    [
      z.object({
        token: z.string().describe("A session token, or a handle session_<id> of the list"),
      }),
      z.object({ id: z.string().describe("The id of a session") }),
    ],
    { error: "token or id of a session is required" },
  ),
  response: done,
  async handler({ auth, active, body }) {
    await revokeSession(auth, active.user._id, body);
    return { status: true as const };
  },
});
