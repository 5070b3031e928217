import { z } from "zod";
import type { AuthContext, Call } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import type { User } from "../../models/user.ts";
import type { MailSender } from "../../options.ts";
import { mayMail } from "../../services/mailbox-limit.ts";
import { linkTo, startMail } from "../../services/mail.ts";
import {
  issueSoleVerification,
  PASSWORD_RESET,
  pretendToIssueSole,
} from "../../services/verification.ts";
import { emailAddress, returnAddress } from "../core/schemas.ts";

const errors = {
  RESET_PASSWORD_DISABLED: [400, "Reset password isn't enabled"],
} as const;
const fail = failures(errors);

const MESSAGE = "If this email exists in our system, check your email for the reset link";

export const forgetPassword = endpoint("requestPasswordReset", {
  method: "POST",
  path: ["/request-password-reset", "/forget-password"],
  summary: "Mail a link that resets the password",
  access: "public",
  rateLimit: { window: 60, max: 3 },
  body: z.object({
    email: emailAddress,
    redirectTo: returnAddress.optional().describe("Page that takes the new password"),
    redirctTo: returnAddress.optional().describe("The same, as an older description spells it"),
  }),
  response: z.object({ status: z.literal(true), message: z.string() }),
  errors,
  async handler(call) {
    const { auth, body } = call;
    const { sendResetPassword } = auth.config.emailAndPassword;
    if (sendResetPassword === undefined) throw fail("RESET_PASSWORD_DISABLED");
    if (await mayMail(auth, "reset", body.email)) {
      const user: User | null = await auth.models.User.findOne({ email: body.email }).lean();
      // The same writes as for an address that exists: otherwise the time would tell which ones do.
      if (user === null) {
        await pretendToIssueSole(auth, PASSWORD_RESET, { expiresIn: lifetime(auth) });
      } else {
        await mailLink(call, user, sendResetPassword, body.redirectTo ?? body.redirctTo ?? "");
      }
    }
    return { status: true as const, message: MESSAGE };
  },
});

async function mailLink(
  call: Call<undefined>,
  user: User,
  send: MailSender,
  callbackURL: string,
): Promise<void> {
  const { auth } = call;
  const issuing = { userId: user._id, expiresIn: lifetime(auth) };
  const token = await issueSoleVerification(auth, PASSWORD_RESET, issuing);
  const url = linkTo(call, `/reset-password/${token}`, { callbackURL });
  startMail(call, "emailAndPassword.sendResetPassword", send, { user, url, token });
}

function lifetime({ config }: AuthContext): number {
  return config.emailAndPassword.resetPasswordTokenExpiresIn;
}
