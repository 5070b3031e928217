import { plugin } from "../../plugin.ts";
import { error } from "./error.ts";
import { getSession } from "./get-session.ts";
import { listSessionsEndpoint } from "./list-sessions.ts";
import { ok } from "./ok.ts";
import { revokeOtherSessions } from "./revoke-other-sessions.ts";
import { revokeSessionEndpoint } from "./revoke-session.ts";
import { revokeSessionsEndpoint } from "./revoke-sessions.ts";
import { signOut } from "./sign-out.ts";
import { updateUserEndpoint } from "./update-user.ts";

/** Sessions and the caller's own user; always on. */
export const core = plugin({
  id: "core",
  models: ["User", "Session"],
  endpoints: [
    ok,
    error,
    getSession,
    signOut,
    listSessionsEndpoint,
    revokeSessionEndpoint,
    revokeSessionsEndpoint,
    revokeOtherSessions,
    updateUserEndpoint,
  ],
});
