import { plugin } from "../../plugin.ts";
import { changeEmail } from "./change-email.ts";
import { deleteUserCallback } from "./delete-user-callback.ts";
import { deleteUserEndpoint } from "./delete-user.ts";
import { error } from "./error.ts";
import { getSession } from "./get-session.ts";
import { listSessionsEndpoint } from "./list-sessions.ts";
import { ok } from "./ok.ts";
import { revokeOtherSessions } from "./revoke-other-sessions.ts";
import { revokeSessionEndpoint } from "./revoke-session.ts";
import { revokeSessionsEndpoint } from "./revoke-sessions.ts";
import { sendVerificationEmail } from "./send-verification-email.ts";
import { signOut } from "./sign-out.ts";
import { updateSession } from "./update-session.ts";
import { updateUserEndpoint } from "./update-user.ts";
import { verifyEmail } from "./verify-email.ts";

/** Sessions and the caller's own user; always on. */
export const core = plugin({
  id: "core",
  models: ["User", "Session", "Account", "Verification"],
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
    updateSession,
    changeEmail,
    sendVerificationEmail,
    verifyEmail,
    deleteUserEndpoint,
    deleteUserCallback,
  ],
});
