import { z } from "zod";
import { Challenge } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import {
  passwordSignInErrors,
  requirePasswords,
  signInWithPassword,
} from "../../services/password-sign-in.ts";
import { spendSameWork } from "../../services/password.ts";
import { passwordSignInFields, signedIn } from "../core/schemas.ts";
import { nameErrors, usernameField, type UsernameRules } from "./schemas.ts";

const errors = {
  ...passwordSignInErrors,
  ...nameErrors(422),
  INVALID_USERNAME_OR_PASSWORD: [401, "Invalid username or password"],
} as const;
const fail = failures(errors);

/** Made of the feature's rules. */
export function signInUsername(rules: UsernameRules) {
  return endpoint("signInUsername", {
    method: "POST",
    path: "/sign-in/username",
    summary: "Sign in with username and password",
    access: "public",
    form: true,
    rateLimit: { window: 10, max: 3 },
    body: z.object({ username: usernameField, ...passwordSignInFields }),
    response: signedIn,
    errors,
    async handler(call) {
      const { auth, body } = call;
      const wrong = () => fail("INVALID_USERNAME_OR_PASSWORD");
      requirePasswords(call);
      if (body.username === "" || body.password === "") {
        await spendSameWork(auth, body.password);
        throw wrong();
      }
      await rules.check(body.username, 422);
      const login = { username: rules.normalize(body.username) };
      const result = await signInWithPassword(call, login, wrong);
      if (result instanceof Challenge) return result;
      const { active, url } = result;
      return {
        redirect: url !== null,
        token: active.token,
        url,
        user: auth.views.user(active.user),
      };
    },
  });
}
