import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import { findCredential } from "../../services/credential.ts";
import { guardOwnPassword } from "../../services/guess-guard.ts";
import { matchesPassword, spendSameWork } from "../../services/password.ts";
import { done } from "../core/schemas.ts";

const errors = {
  INVALID_PASSWORD: [400, "Invalid password"],
} as const;
const fail = failures(errors);

export const verifyPasswordEndpoint = endpoint("verifyPassword", {
  method: "POST",
  path: "/verify-password",
  summary: "Check the password of the caller",
  access: "session!",
  rateLimit: { window: 10, max: 10 },
  body: z.object({ password: z.string() }),
  response: done,
  errors,
  async handler(call) {
    const { auth, active, body } = call;
    const account = await findCredential(auth, active.user._id);
    const stored = account?.password;
    if (typeof stored !== "string") {
      await spendSameWork(auth, body.password);
      throw fail("INVALID_PASSWORD");
    }
    const matches = () => matchesPassword(auth, stored, body.password);
    if (!(await guardOwnPassword(call, matches))) throw fail("INVALID_PASSWORD");
    return { status: true as const };
  },
});
