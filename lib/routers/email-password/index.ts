import { plugin } from "../../plugin.ts";
import { signInEmail } from "./sign-in-email.ts";
import { signUpEmail } from "./sign-up-email.ts";

/** Sign-up and sign-in with e-mail address and password. */
export const emailPassword = plugin({
  id: "email-password",
  models: ["User", "Account", "Session"],
  endpoints: [signUpEmail, signInEmail],
});
