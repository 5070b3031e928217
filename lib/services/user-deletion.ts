import type { Call } from "../context.ts";
import type { User } from "../models/user.ts";
import { runInBackground } from "./background.ts";
import { fetchRequest } from "./fetch-request.ts";
import { clearSessionCookies } from "./session.ts";
import { deleteUser } from "./user.ts";

/**
 * Deletes a user with the app's hooks, and clears the session cookies. `beforeDelete` may throw to prevent it.
 *
 * @returns false when the user was gone already
 */
export async function deleteAccount(
  { auth, request, reply }: Pick<Call, "auth" | "request" | "reply">,
  user: User,
): Promise<boolean> {
  const { beforeDelete, afterDelete } = auth.config.user.deleteUser;
  const view = { ...auth.views.user(user) };
  await beforeDelete?.(view, fetchRequest(request));
  const isDeleted = await deleteUser(auth, user._id);
  clearSessionCookies(auth, request, reply);
  if (isDeleted && afterDelete !== undefined) {
    runInBackground(auth, "user.deleteUser.afterDelete", async () => {
      await afterDelete(view, fetchRequest(request));
    });
  }
  return isDeleted;
}
