import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import { addPassword, findCredential } from "../../services/credential.ts";
import { checkNewPassword, hashForStorage, newPasswordErrors } from "../../services/password.ts";
import { publicUser } from "../core/schemas.ts";

const errors = {
  PASSWORD_ALREADY_SET: [400, "User already has a password set"],
  ...newPasswordErrors,
} as const;
const fail = failures(errors);

export const setPassword = endpoint("setPassword", {
  method: "POST",
  path: "/set-password",
  summary: "Give the caller a first password",
  access: "session!",
  beforeEnrolment: true,
  credentials: true,
  body: z.object({ newPassword: z.string() }),
  response: z.object({ status: z.literal(true), user: publicUser }),
  errors,
  async handler({ auth, active, body }) {
    const { user } = active;
    await checkNewPassword(auth, body.newPassword, user);
    const known = await findCredential(auth, user._id);
    if (Boolean(known?.password)) throw fail("PASSWORD_ALREADY_SET");
    const hash = await hashForStorage(auth, body.newPassword);
    if (!(await addPassword(auth, user._id, hash))) throw fail("PASSWORD_ALREADY_SET");
    return { status: true as const, user: auth.views.user(user) };
  },
});
