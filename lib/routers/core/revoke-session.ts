import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { clearSessionCopy } from "../../services/cookie-cache.ts";
import { revokeSession } from "../../services/session.ts";
import { done } from "./schemas.ts";

export const revokeSessionEndpoint = endpoint("revokeSession", {
  method: "POST",
  path: "/revoke-session",
  summary: "End one session of the caller",
  access: "session!",
  beforeEnrolment: true,
  credentials: true,
  body: z
    .object({
      token: z.string().optional().describe("A session token, or a handle session_<id> of a list"),
      id: z.string().optional().describe("The id of a session; token wins"),
    })
    .refine(({ token, id }) => (token ?? id) !== undefined, {
      path: ["token"],
      error: "token or id of a session is required",
    }),
  response: done,
  async handler({ auth, active, body, request, reply }) {
    const { token, id = "" } = body;
    await revokeSession(auth, active.user._id, token === undefined ? { id } : { token });
    clearSessionCopy(auth, request, reply);
    return { status: true as const };
  },
});
