import { z } from "zod";
import { Challenge } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import {
  passwordSignInErrors,
  requirePasswords,
  signInWithPassword,
} from "../../services/password-sign-in.ts";
import { isEmailAddress, passwordSignInFields, publicSession, signedIn } from "../core/schemas.ts";

const errors = {
  ...passwordSignInErrors,
  INVALID_EMAIL: [400, "Invalid email"],
  INVALID_EMAIL_OR_PASSWORD: [401, "Invalid email or password"],
} as const;
const fail = failures(errors);

export const signInEmail = endpoint("signInEmail", {
  method: "POST",
  path: "/sign-in/email",
  summary: "Sign in with e-mail address and password",
  access: "public",
  form: true,
  urlencoded: true,
  rateLimit: { window: 10, max: 3 },
  body: z.object({ email: z.string(), ...passwordSignInFields }),
  response: signedIn.extend({ session: publicSession }),
  errors,
  async handler(call) {
    const { auth, body } = call;
    requirePasswords(call);
    if (!isEmailAddress(body.email)) throw fail("INVALID_EMAIL");
    const login = { email: body.email.toLowerCase() };
    const result = await signInWithPassword(call, login, () => fail("INVALID_EMAIL_OR_PASSWORD"));
    if (result instanceof Challenge) return result;
    const { active, url } = result;
    return {
      redirect: url !== null,
      token: active.token,
      url,
      user: auth.views.user(active.user),
      session: auth.views.session(active.session, active.token),
    };
  },
});
