import { z } from "zod";
import type { ActiveSession, Call } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import type { Account } from "../../models/account.ts";
import { changeRow } from "../../services/changes.ts";
import {
  endOldCredentials,
  endOvertakenSessions,
  findCredential,
} from "../../services/credential.ts";
import { guardOwnPassword } from "../../services/guess-guard.ts";
import {
  checkNewPassword,
  hashForStorage,
  matchesPassword,
  newPasswordErrors,
} from "../../services/password.ts";
import { createSession, SessionRefused, setSessionCookies } from "../../services/session.ts";
import { inTransaction } from "../../services/transaction.ts";
import { flag, publicUser } from "../core/schemas.ts";

const errors = {
  CREDENTIAL_ACCOUNT_NOT_FOUND: [400, "Credential account not found"],
  INVALID_PASSWORD: [400, "Invalid password"],
  FAILED_TO_GET_SESSION: [401, "Failed to get session"],
  ...newPasswordErrors,
} as const;
const fail = failures(errors);

export const changePassword = endpoint("changePassword", {
  method: "POST",
  path: "/change-password",
  summary: "Change the password of the caller",
  access: "session!",
  credentials: true,
  rateLimit: { window: 10, max: 3 },
  body: z.object({
    newPassword: z.string(),
    currentPassword: z.string(),
    revokeOtherSessions: flag.optional().describe("Ends every other session and trusted device"),
  }),
  response: z.object({ token: z.string().nullable(), user: publicUser }),
  errors,
  async handler(call) {
    const { auth, active, body, request, reply } = call;
    const { user } = active;
    await checkNewPassword(auth, body.newPassword, user);
    const account = await findCredential(auth, user._id);
    const stored = account?.password;
    if (account === null || typeof stored !== "string") throw fail("CREDENTIAL_ACCOUNT_NOT_FOUND");
    const matches = () => matchesPassword(auth, stored, body.currentPassword);
    if (!(await guardOwnPassword(call, matches))) throw fail("INVALID_PASSWORD");
    const hash = await hashForStorage(auth, body.newPassword);
    const revoke = body.revokeOtherSessions === true;
    const renewed = await replace(call, { account, stored, hash, revoke });
    if (renewed !== null) await endOvertakenSessions(auth, user._id, renewed.session._id);
    if (renewed !== null) await setSessionCookies(auth, request, reply, renewed);
    return { token: renewed?.token ?? null, user: auth.views.user(user) };
  },
});

/**
 * Only while the session lives and the password is still the one that was verified: of parallel changes, one wins.
 *
 * @throws AuthError FAILED_TO_GET_SESSION (401), INVALID_PASSWORD (400)
 */
async function replace(
  call: Call<ActiveSession>,
  {
    account,
    stored,
    hash,
    revoke,
  }: { account: Account; stored: string; hash: string; revoke: boolean },
): Promise<ActiveSession | null> {
  const { auth, active } = call;
  const { session, user, persistent } = active;
  return inTransaction(auth, async (transaction) => {
    const own = auth.models.Session.exists({ _id: session._id }).session(transaction ?? null);
    if ((await own) === null) throw fail("FAILED_TO_GET_SESSION");
    // On a standalone server a crash must not leave a new password beside the sessions it was to end.
    await endOldCredentials(auth, user._id, { sessions: revoke, transaction });
    const expected = { _id: account._id, password: stored };
    const changes = { password: hash, updatedAt: auth.now() };
    const changed = await changeRow(auth, "Account", expected, changes, transaction);
    if (changed === null) throw fail("INVALID_PASSWORD");
    return revoke ? createSession(call, user, { persistent, transaction }) : null;
  }).catch((cause: unknown) => {
    throw cause instanceof SessionRefused ? fail("FAILED_TO_GET_SESSION", { cause }) : cause;
  });
}
