import { z } from "zod";
import type { ActiveSession, Call } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failCore, failures } from "../../errors.ts";
import { formatId } from "../../models/id.ts";
import type { MailSender } from "../../options.ts";
import { findCredential } from "../../services/credential.ts";
import { guardOwnPassword } from "../../services/guess-guard.ts";
import { linkTo, startMail } from "../../services/mail.ts";
import { mayMail } from "../../services/mailbox-limit.ts";
import { matchesPassword } from "../../services/password.ts";
import { isFresh } from "../../services/session.ts";
import { deleteAccount } from "../../services/user-deletion.ts";
import {
  ACCOUNT_DELETION,
  consumeVerification,
  issueVerification,
} from "../../services/verification.ts";
import { returnAddress } from "./schemas.ts";

const errors = {
  NOT_FOUND: [404, "Not Found"],
  INVALID_TOKEN: [404, "Invalid token"],
  CREDENTIAL_ACCOUNT_NOT_FOUND: [400, "Credential account not found"],
  INVALID_PASSWORD: [400, "Invalid password"],
  SESSION_EXPIRED: [400, "Session expired. Re-authenticate to perform this action."],
} as const;
const fail = failures(errors);

type DeleteCall = Call<ActiveSession>;

export const deleteUserEndpoint = endpoint("deleteUser", {
  method: "POST",
  path: "/delete-user",
  summary: "Delete the caller's user",
  access: "session!",
  credentials: true,
  body: z.object({
    password: z.string().optional(),
    token: z.string().optional(),
    callbackURL: returnAddress.optional(),
  }),
  response: z.object({ success: z.literal(true), message: z.string() }),
  errors,
  async handler(call) {
    const { auth, active, body } = call;
    const { enabled, sendDeleteAccountVerification } = auth.config.user.deleteUser;
    if (!enabled) throw fail("NOT_FOUND");
    if (body.password !== undefined) await checkPassword(call, body.password);
    if (body.token !== undefined) {
      const row = await consumeVerification(auth, ACCOUNT_DELETION, body.token);
      if (row?.value !== formatId(active.user._id)) throw fail("INVALID_TOKEN");
    } else if (sendDeleteAccountVerification !== undefined) {
      await mailLink(call, sendDeleteAccountVerification, body.callbackURL ?? "/");
      return { success: true as const, message: "Verification email sent" };
    } else if (body.password === undefined && !isFresh(auth, active.session)) {
      throw fail("SESSION_EXPIRED");
    }
    if (!(await deleteAccount(call, active.user))) throw failCore("UNAUTHORIZED");
    return { success: true as const, message: "User deleted" };
  },
});

async function checkPassword(call: DeleteCall, password: string): Promise<void> {
  const { auth, active } = call;
  const account = await findCredential(auth, active.user._id);
  const stored = account?.password;
  if (typeof stored !== "string") throw fail("CREDENTIAL_ACCOUNT_NOT_FOUND");
  const matches = () => matchesPassword(auth, stored, password);
  if (!(await guardOwnPassword(call, matches))) throw fail("INVALID_PASSWORD");
}

async function mailLink(call: DeleteCall, send: MailSender, callbackURL: string): Promise<void> {
  const { auth, active } = call;
  if (!(await mayMail(auth, "deletion", active.user.email))) return;
  const token = await issueVerification(auth, ACCOUNT_DELETION, {
    userId: active.user._id,
    expiresIn: auth.config.user.deleteUser.deleteTokenExpiresIn,
  });
  const url = linkTo(call, "/delete-user/callback", { token, callbackURL });
  startMail(call, "user.deleteUser.sendDeleteAccountVerification", send, {
    user: active.user,
    url,
    token,
  });
}
