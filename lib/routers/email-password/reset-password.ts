import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import { runInBackground } from "../../services/background.ts";
import { clearSessionCopy } from "../../services/cookie-cache.ts";
import { endOldCredentials, endOvertakenSessions, putPassword } from "../../services/credential.ts";
import { fetchRequest } from "../../services/fetch-request.ts";
import { forgiveGuesses } from "../../services/guess-guard.ts";
import { checkNewPassword, hashForStorage, newPasswordErrors } from "../../services/password.ts";
import { inTransaction } from "../../services/transaction.ts";
import { findUserById } from "../../services/user.ts";
import {
  consumeVerification,
  findVerification,
  PASSWORD_RESET,
} from "../../services/verification.ts";
import { done } from "../core/schemas.ts";

const errors = {
  INVALID_TOKEN: [400, "Invalid token"],
  USER_NOT_FOUND: [400, "User not found"],
  ...newPasswordErrors,
} as const;
const fail = failures(errors);

export const resetPassword = endpoint("resetPassword", {
  method: "POST",
  path: "/reset-password",
  summary: "Set a new password with the token of the reset mail",
  access: "public",
  rateLimit: { window: 10, max: 10 },
  query: z.object({ token: z.string().optional() }),
  body: z.object({ newPassword: z.string(), token: z.string().optional() }),
  response: done,
  errors,
  async handler(call) {
    const { auth, request, reply, body, query } = call;
    const token = body.token ?? query.token ?? "";
    const { onPasswordReset, revokeSessionsOnPasswordReset } = auth.config.emailAndPassword;
    const row = await findVerification(auth, PASSWORD_RESET, token);
    const user = row === null ? null : await findUserById(auth, row.value);
    // Before the token is used up: a password that is refused may be corrected.
    await checkNewPassword(auth, body.newPassword, user ?? { email: "" });
    if (row === null) throw fail("INVALID_TOKEN");
    if (user === null) throw fail("USER_NOT_FOUND");
    const hash = await hashForStorage(auth, body.newPassword);
    await inTransaction(auth, async (transaction) => {
      const used = await consumeVerification(auth, PASSWORD_RESET, token, transaction);
      if (used === null) throw fail("INVALID_TOKEN");
      const sessions = revokeSessionsOnPasswordReset;
      // On a standalone server a crash must not leave a new password beside the sessions it was to end.
      await endOldCredentials(auth, user._id, { sessions, transaction });
      await putPassword(auth, user._id, hash, transaction);
    });
    // This browser may hold a copy of a session that has just ended.
    clearSessionCopy(auth, request, reply);
    if (revokeSessionsOnPasswordReset) await endOvertakenSessions(auth, user._id, undefined);
    await forgiveGuesses(call, user);
    if (onPasswordReset !== undefined) {
      runInBackground(auth, "emailAndPassword.onPasswordReset", async () => {
        await onPasswordReset({ user: { ...auth.views.user(user) } }, fetchRequest(request));
      });
    }
    return { status: true as const };
  },
});
