import { plugin } from "../../plugin.ts";
import { changePassword } from "./change-password.ts";
import { forgetPassword } from "./forget-password.ts";
import { resetPasswordToken } from "./reset-password-token.ts";
import { resetPassword } from "./reset-password.ts";
import { setPassword } from "./set-password.ts";
import { signInEmail } from "./sign-in-email.ts";
import { signUpEmail } from "./sign-up-email.ts";
import { verifyPasswordEndpoint } from "./verify-password.ts";

/** Sign-up and sign-in with e-mail address and password. */
export const emailPassword = plugin({
  id: "email-password",
  models: ["User", "Account", "Session", "Verification"],
  endpoints: [
    signUpEmail,
    signInEmail,
    forgetPassword,
    resetPasswordToken,
    resetPassword,
    changePassword,
    setPassword,
    verifyPasswordEndpoint,
  ],
});
