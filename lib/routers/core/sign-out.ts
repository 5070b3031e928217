import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { endPresentedSessions } from "../../services/session.ts";

export const signOut = endpoint("signOut", {
  method: "POST",
  path: "/sign-out",
  summary: "End the session of the caller",
  access: "public",
  response: z.object({ success: z.literal(true), status: z.literal(true) }),
  async handler({ auth, request, reply }) {
    await endPresentedSessions(auth, request, reply);
    return { success: true as const, status: true as const };
  },
});
