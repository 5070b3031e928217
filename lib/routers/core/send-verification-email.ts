import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import type { User } from "../../models/user.ts";
import { startVerificationMail } from "../../services/mail.ts";
import { mayMail } from "../../services/mailbox-limit.ts";
import { done, emailAddress, returnAddress } from "./schemas.ts";

const errors = {
  VERIFICATION_EMAIL_NOT_ENABLED: [400, "Verification email isn't enabled"],
  EMAIL_MISMATCH: [400, "Email mismatch"],
  EMAIL_ALREADY_VERIFIED: [400, "Email is already verified"],
} as const;
const fail = failures(errors);

export const sendVerificationEmail = endpoint("sendVerificationEmail", {
  method: "POST",
  path: "/send-verification-email",
  summary: "Mail a link that verifies the address",
  access: "optional",
  rateLimit: { window: 60, max: 3 },
  body: z.object({ email: emailAddress, callbackURL: returnAddress.optional() }),
  response: done,
  errors,
  async handler(call) {
    const { auth, active, body } = call;
    if (auth.config.emailVerification.sendVerificationEmail === undefined) {
      throw fail("VERIFICATION_EMAIL_NOT_ENABLED");
    }
    if (active !== null && active.user.email !== body.email) throw fail("EMAIL_MISMATCH");
    if (active?.user.emailVerified === true) throw fail("EMAIL_ALREADY_VERIFIED");
    if (await mayMail(auth, "verification", body.email)) {
      const { User } = auth.models;
      const user: User | null = active?.user ?? (await User.findOne({ email: body.email }).lean());
      if (user !== null && !user.emailVerified) startVerificationMail(call, user, body.callbackURL);
    }
    return { status: true as const };
  },
});
