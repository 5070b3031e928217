import type { AuthContext } from "../context.ts";
import { failCore } from "../errors.ts";
import { formatId } from "../models/id.ts";
import type { PublicUser } from "../views.ts";
import { createGuard, type FoundSessions, type SessionGuard } from "./require-session.ts";

/**
 * Makes the guard that lets administrators pass: `requireSession`, and a role among `adminRoles` or an id in
 * `adminUserIds`; everyone else gets 403 `FORBIDDEN`. Works without the admin feature.
 */
export function createAdminGuard(
  auth: AuthContext,
  found: FoundSessions,
): SessionGuard<PublicUser> {
  const roles = new Set(auth.config.adminRoles);
  const ids = new Set(auth.config.adminUserIds);

  return createGuard(auth, found, function checkAdmin(_auth, { user }) {
    // Read as stored: a row edited by hand may hold anything.
    const stored: unknown = user.role;
    const own = typeof stored === "string" ? stored.split(",") : [];
    if (own.some((role) => roles.has(role)) || ids.has(formatId(user._id))) return;
    throw failCore("FORBIDDEN");
  });
}
