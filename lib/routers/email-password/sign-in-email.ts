import { z } from "zod";
import { Challenge, type Call } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { coreErrors, failures } from "../../errors.ts";
import { guardGuesses } from "../../services/guess-guard.ts";
import { startVerificationMail } from "../../services/mail.ts";
import { mayMail } from "../../services/mailbox-limit.ts";
import type { User } from "../../models/user.ts";
import { findUserByPassword } from "../../services/password.ts";
import { SessionRefused, signIn } from "../../services/session.ts";
import { flag, isEmailAddress, publicSession, publicUser, returnAddress } from "../core/schemas.ts";

const errors = {
  EMAIL_PASSWORD_DISABLED: [400, "Email and password is not enabled"],
  INVALID_EMAIL: [400, "Invalid email"],
  INVALID_EMAIL_OR_PASSWORD: [401, "Invalid email or password"],
  EMAIL_NOT_VERIFIED: [403, "Email not verified"],
  BANNED_USER: coreErrors.BANNED_USER,
  FAILED_TO_CREATE_SESSION: [401, "Failed to create session"],
} as const;
const fail = failures(errors);

export const signInEmail = endpoint("signInEmail", {
  method: "POST",
  path: "/sign-in/email",
  summary: "Sign in with e-mail address and password",
  access: "public",
  form: true,
  rateLimit: { window: 10, max: 3 },
  body: z.object({
    email: z.string(),
    password: z.string(),
    callbackURL: returnAddress.optional(),
    rememberMe: flag.optional(),
    dontRememberMe: flag.optional().describe("The opposite of rememberMe, which wins"),
  }),
  response: z.object({
    redirect: z.boolean(),
    token: z.string(),
    url: z.string().nullable(),
    user: publicUser,
    session: publicSession,
  }),
  errors,
  async handler(call) {
    const { auth, body, reply } = call;
    const { enabled, requireEmailVerification } = auth.config.emailAndPassword;
    if (!enabled) throw fail("EMAIL_PASSWORD_DISABLED");
    if (!isEmailAddress(body.email)) throw fail("INVALID_EMAIL");
    const email = body.email.toLowerCase();
    const proven = await guardGuesses(call, email, () =>
      findUserByPassword(auth, email, body.password),
    );
    if (proven === null) throw fail("INVALID_EMAIL_OR_PASSWORD");
    const { user, current } = proven;
    if (requireEmailVerification && !user.emailVerified) {
      await mailAgain(call, user, body.callbackURL);
      throw fail("EMAIL_NOT_VERIFIED");
    }
    const persistent = body.rememberMe ?? body.dontRememberMe !== true;
    const options = { persistent, proof: "password", current } as const;
    const active = await signIn(call, user, options).catch((cause: unknown) => {
      throw cause instanceof SessionRefused ? fail("FAILED_TO_CREATE_SESSION", { cause }) : cause;
    });
    if (active instanceof Challenge) return active;
    if (active === null) throw fail("INVALID_EMAIL_OR_PASSWORD");
    // An empty field of a form is an address that was not given.
    const url = body.callbackURL === "" ? null : (body.callbackURL ?? null);
    if (url !== null) reply.headers.set("location", url);
    return {
      redirect: url !== null,
      token: active.token,
      url,
      user: auth.views.user(user),
      session: auth.views.session(active.session, active.token),
    };
  },
});

async function mailAgain(
  call: Call<undefined>,
  user: User,
  callbackURL: string | undefined,
): Promise<void> {
  if (!call.auth.config.emailVerification.sendOnSignIn) return;
  if (await mayMail(call.auth, "verification", user.email)) {
    startVerificationMail(call, user, callbackURL);
  }
}
