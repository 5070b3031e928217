import { z } from "zod";
import type { ActiveSession, Call } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import type { User } from "../../models/user.ts";
import type { ChangeEmailOptions } from "../../options.ts";
import { credentialMark, endMailedTokens } from "../../services/credential.ts";
import { isDuplicateKey } from "../../services/database-errors.ts";
import { notTrue } from "../../services/filter.ts";
import {
  linkTo,
  signEmailToken,
  startMail,
  startVerificationMail,
  type EmailClaims,
} from "../../services/mail.ts";
import { mayMail } from "../../services/mailbox-limit.ts";
import { setSessionCookies } from "../../services/session.ts";
import { inTransaction } from "../../services/transaction.ts";
import { updateUser } from "../../services/user.ts";
import { emailAddress, returnAddress } from "./schemas.ts";

const errors = {
  CHANGE_EMAIL_DISABLED: [400, "Change email is disabled"],
  EMAIL_IS_THE_SAME: [400, "Email is the same"],
  VERIFICATION_EMAIL_NOT_ENABLED: [400, "Verification email isn't enabled"],
} as const;
const fail = failures(errors);

const UPDATED = "Email updated";
const MAILED = "Verification email sent";

type ChangeCall = Call<ActiveSession>;

/** What happens to a change: at once, after the old address agrees, or after the new one does. */
type Branch = "update" | "confirm" | "verify";

export const changeEmail = endpoint("changeEmail", {
  method: "POST",
  path: "/change-email",
  summary: "Change the address of the caller",
  access: "session!",
  credentials: true,
  rateLimit: { window: 10, max: 3 },
  body: z.object({ newEmail: emailAddress, callbackURL: returnAddress.optional() }),
  response: z.object({ status: z.literal(true), message: z.string(), user: z.null() }),
  errors,
  async handler(call) {
    const { auth, active, body } = call;
    const { newEmail, callbackURL } = body;
    if (!auth.config.user.changeEmail.enabled) throw fail("CHANGE_EMAIL_DISABLED");
    if (newEmail === active.user.email) throw fail("EMAIL_IS_THE_SAME");
    const branch = branchOf(call, active.user);
    if (branch === null) throw fail("VERIFICATION_EMAIL_NOT_ENABLED");
    const message = branch === "update" ? UPDATED : MAILED;
    const mailbox = branch === "confirm" ? active.user.email : newEmail;
    const isMailed = await mayMail(auth, "verification", mailbox);
    const credential = await credentialMark(auth, active.user._id);
    // A taken address gets the same answer: otherwise this would tell which ones are known.
    const isTaken = (await auth.models.User.exists({ email: newEmail })) !== null;
    if (isTaken) return { status: true as const, message, user: null };
    if (branch === "update") await updateNow(call, newEmail, { callbackURL, isMailed });
    else if (isMailed) startMailOf(call, branch, { updateTo: newEmail, credential }, callbackURL);
    return { status: true as const, message, user: null };
  },
});

function branchOf({ auth }: ChangeCall, { emailVerified }: User): Branch | null {
  const { updateEmailWithoutVerification, sendChangeEmailConfirmation } =
    auth.config.user.changeEmail;
  if (!emailVerified && updateEmailWithoutVerification) return "update";
  if (emailVerified && sendChangeEmailConfirmation !== undefined) return "confirm";
  return auth.config.emailVerification.sendVerificationEmail === undefined ? null : "verify";
}

/** Asks the old address or the new one. */
function startMailOf(
  call: ChangeCall,
  branch: Exclude<Branch, "update">,
  asked: { readonly updateTo: string; readonly credential: string },
  callbackURL: string | undefined,
): void {
  const { user } = call.active;
  const { sendChangeEmailConfirmation } = call.auth.config.user.changeEmail;
  const claims = { email: user.email, ...asked };
  if (branch === "confirm" && sendChangeEmailConfirmation !== undefined) {
    mailOldAddress(call, sendChangeEmailConfirmation, claims, callbackURL);
    return;
  }
  startVerificationMail(call, { ...user, email: asked.updateTo }, callbackURL, {
    ...claims,
    requestType: "change-email-verification",
  });
}

/** The unique index decides a race; who loses it gets the same answer. */
async function updateNow(
  call: ChangeCall,
  newEmail: string,
  {
    callbackURL,
    isMailed,
  }: { readonly callbackURL: string | undefined; readonly isMailed: boolean },
): Promise<void> {
  const { auth, active, request, reply } = call;
  const { _id, email } = active.user;
  const expected = { _id, email, emailVerified: notTrue() };
  const changed = await inTransaction(auth, async (transaction) => {
    const replaced = await updateUser(auth, expected, { email: newEmail }, transaction);
    if (replaced !== null) await endMailedTokens(auth, _id, transaction);
    return replaced;
  }).catch((error: unknown) => {
    if (isDuplicateKey(error)) return null;
    throw error;
  });
  if (changed === null) return;
  await setSessionCookies(auth, request, reply, { ...active, user: changed });
  if (isMailed) startVerificationMail(call, changed, callbackURL);
}

function mailOldAddress(
  call: ChangeCall,
  send: NonNullable<ChangeEmailOptions["sendChangeEmailConfirmation"]>,
  claims: EmailClaims & { readonly updateTo: string },
  callbackURL = "/",
): void {
  const { user } = call.active;
  const newEmail = claims.updateTo;
  const requestType = "change-email-confirmation";
  const token = signEmailToken(call.auth, user, { ...claims, requestType });
  const url = linkTo(call, "/verify-email", { token, callbackURL });
  const withAddress: Parameters<typeof startMail>[2] = (mail, request) =>
    send({ ...mail, newEmail }, request);
  startMail(call, "user.changeEmail.sendChangeEmailConfirmation", withAddress, {
    user,
    url,
    token,
  });
}
