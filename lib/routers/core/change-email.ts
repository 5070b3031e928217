import { z } from "zod";
import type { ActiveSession, Call } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import type { User } from "../../models/user.ts";
import type { ChangeEmailOptions } from "../../options.ts";
import { isDuplicateKey } from "../../services/database-errors.ts";
import {
  linkTo,
  signEmailToken,
  startMail,
  startVerificationMail,
  type EmailClaims,
} from "../../services/mail.ts";
import { mayMail } from "../../services/mailbox-limit.ts";
import { setSessionCookies } from "../../services/session.ts";
import { updateUserWhere } from "../../services/user.ts";
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
    // A taken address gets the same answer: otherwise this would tell which ones are known.
    const isTaken = (await auth.models.User.exists({ email: newEmail })) !== null;
    if (!isTaken) await carryOut(call, branch, newEmail, callbackURL);
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

async function carryOut(
  call: ChangeCall,
  branch: Branch,
  newEmail: string,
  callbackURL: string | undefined,
): Promise<void> {
  const { auth, active } = call;
  const { user } = active;
  if (branch === "update") return updateNow(call, newEmail, callbackURL);
  const { sendChangeEmailConfirmation } = auth.config.user.changeEmail;
  const claims = { email: user.email, updateTo: newEmail };
  if (branch === "confirm" && sendChangeEmailConfirmation !== undefined) {
    if (await mayMail(auth, "verification", user.email)) {
      mailOldAddress(call, sendChangeEmailConfirmation, claims, callbackURL);
    }
  } else if (await mayMail(auth, "verification", newEmail)) {
    startVerificationMail(call, { ...user, email: newEmail }, callbackURL, {
      ...claims,
      requestType: "change-email-verification",
    });
  }
}

/** The unique index decides a race; who loses it gets the same answer. */
async function updateNow(
  call: ChangeCall,
  newEmail: string,
  callbackURL: string | undefined,
): Promise<void> {
  const { auth, active, request, reply } = call;
  const { _id, email } = active.user;
  const changed = await updateUserWhere(
    auth,
    { _id, email, emailVerified: false },
    { email: newEmail },
  ).catch((error: unknown) => {
    if (isDuplicateKey(error)) return null;
    throw error;
  });
  if (changed === null) return;
  setSessionCookies(auth, request, reply, active);
  startVerificationMail(call, changed, callbackURL);
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
