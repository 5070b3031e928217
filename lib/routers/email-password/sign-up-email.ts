import { z } from "zod";
import type { AuthContext, Call } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import type { User } from "../../models/user.ts";
import { fieldErrors } from "../../services/additional-fields.ts";
import { runInBackground } from "../../services/background.ts";
import { isRefusal } from "../../services/database-errors.ts";
import { fetchRequest } from "../../services/fetch-request.ts";
import { countFirstMail, mayMail } from "../../services/mailbox-limit.ts";
import { markKnownDevice } from "../../services/guess-guard.ts";
import { startVerificationMail } from "../../services/mail.ts";
import { checkNewPassword, hashForStorage, newPasswordErrors } from "../../services/password.ts";
import { SessionRefused, setSessionCookies } from "../../services/session.ts";
import { findTakenField, readUserFields, takenField } from "../../services/user-fields.ts";
import { signUpWithPassword, type NewUser } from "../../services/user.ts";
import {
  emailAddress,
  flag,
  imageAddress,
  personName,
  publicSession,
  publicUser,
  returnAddress,
} from "../core/schemas.ts";

const errors = {
  EMAIL_PASSWORD_SIGN_UP_DISABLED: [400, "Email and password sign up is not enabled"],
  ...newPasswordErrors,
  ...fieldErrors,
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: [422, "User already exists. Use another email."],
  FAILED_TO_CREATE_USER: [422, "Failed to create user"],
  FAILED_TO_CREATE_SESSION: [400, "Failed to create session"],
} as const;
const fail = failures(errors);

export const signUpEmail = endpoint("signUpEmail", {
  method: "POST",
  path: "/sign-up/email",
  summary: "Sign up with e-mail address and password",
  access: "public",
  form: true,
  urlencoded: true,
  rateLimit: { window: 10, max: 3 },
  body: z.looseObject({
    name: personName,
    email: emailAddress,
    password: z.string().min(1),
    image: imageAddress.nullish(),
    callbackURL: returnAddress.optional(),
    rememberMe: flag.default(true),
  }),
  response: z.object({
    token: z.string().nullable(),
    user: publicUser,
    session: publicSession.nullable(),
  }),
  errors,
  async handler(call) {
    const { auth, body, request, reply } = call;
    const { enabled, disableSignUp, autoSignIn, requireEmailVerification } =
      auth.config.emailAndPassword;
    if (!enabled || disableSignUp) throw fail("EMAIL_PASSWORD_SIGN_UP_DISABLED");
    const { name, email, password, image, rememberMe } = body;
    await checkNewPassword(auth, password, { email, username: nameIn(body) });
    const extra = await readUserFields(auth, body, null);
    const fields: NewUser = { ...extra, name, email, ...(image != null && { image }) };
    const passwordHash = await hashForStorage(auth, password);
    const signsIn = autoSignIn && !requireEmailVerification;
    // Before anything is stored: a counter that cannot be reached refuses the sign-up, and known addresses count alike.
    const isMailed = mails(auth) && (await mayMail(auth, "verification", email));
    const session = signsIn ? { persistent: rememberMe } : null;
    const { isTaken, user, active } = await create(call, fields, { passwordHash, session });
    if (isTaken) {
      if (signsIn) throw fail("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
      return pretendSuccess(call, fields, user, isMailed);
    }
    if (sendsVerification(auth)) {
      if (!isMailed) await countFirstMail(auth, "verification", user.email);
      startVerificationMail(call, user, body.callbackURL);
    }
    if (active === null) return { token: null, user: auth.views.user(user), session: null };
    await setSessionCookies(auth, request, reply, active);
    markKnownDevice(call, email);
    return {
      token: active.token,
      user: auth.views.user(user),
      session: auth.views.session(active.session, active.token),
    };
  },
});

/** What becomes the username, where users have one. */
function nameIn(body: Readonly<Record<string, unknown>>): string | null {
  const name = body["username"] ?? body["displayUsername"];
  return typeof name === "string" ? name : null;
}

/** Whether someone is mailed: the new user, or the known one. */
function mails(auth: AuthContext): boolean {
  return sendsVerification(auth) || auth.config.emailAndPassword.onExistingUserSignUp !== undefined;
}

/** By default, where sign-in needs the address verified. */
function sendsVerification({ config }: AuthContext): boolean {
  return config.emailVerification.sendOnSignUp ?? config.emailAndPassword.requireEmailVerification;
}

/** A refusal by another unique index (an additional field, a username) is the user's to mend. */
async function create(...args: Parameters<typeof signUpWithPassword>) {
  try {
    return await signUpWithPassword(...args);
  } catch (cause) {
    const taken = takenField(args[0].auth, cause);
    if (taken !== null) throw taken;
    if (cause instanceof SessionRefused) throw fail("FAILED_TO_CREATE_SESSION", { cause });
    if (isRefusal(cause)) throw fail("FAILED_TO_CREATE_USER", { cause });
    throw cause;
  }
}

/** The answer that a new user would get, so that nobody learns which addresses are known (ASVS 5.0 §6.3.8). */
async function pretendSuccess(call: Call, fields: NewUser, pretended: User, isMailed: boolean) {
  const { auth, request } = call;
  // A new user would be refused for them, so a known address must not hide it.
  const taken = await findTakenField(auth, pretended, () => fail("FAILED_TO_CREATE_USER"));
  if (taken !== null) throw taken;
  const { onExistingUserSignUp } = auth.config.emailAndPassword;
  if (isMailed && onExistingUserSignUp !== undefined) {
    runInBackground(auth, "onExistingUserSignUp", async () => {
      const known: User | null = await auth.models.User.findOne({ email: fields.email }).lean();
      if (known === null) return;
      await onExistingUserSignUp({ user: { ...auth.views.user(known) } }, fetchRequest(request));
    });
  }
  return { token: null, user: auth.views.user(pretended), session: null };
}
