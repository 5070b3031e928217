import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failCore } from "../../errors.ts";
import { referenceForms } from "../../models/id.ts";
import { clearSentCookie } from "../../services/cookies.ts";
import { anyOf } from "../../services/filter.ts";
import {
  newSessionErrors,
  ownPasswordErrors,
  requireOwnPassword,
  type TwoFactorRules,
} from "../../services/second-factor.ts";
import { switchTwoFactor } from "../../services/second-factor-switch.ts";
import { deleteVerifications, TRUSTED_DEVICE } from "../../services/verification.ts";
import { done } from "../core/schemas.ts";
import { passwordField } from "./schemas.ts";

/** Made of the feature's rules. */
export function disableTwoFactor(rules: TwoFactorRules) {
  return endpoint("disableTwoFactor", {
    method: "POST",
    path: "/two-factor/disable",
    summary: "Switch the caller's second factor off",
    access: "session!",
    credentials: true,
    rateLimit: { window: 10, max: 3 },
    body: z.object({ password: passwordField(rules) }),
    response: done,
    errors: { ...ownPasswordErrors, ...newSessionErrors },
    async handler(call) {
      const { auth, active } = call;
      const { _id } = active.user;
      await requireOwnPassword(call, rules, rules);
      const ended = () => failCore("UNAUTHORIZED");
      await switchTwoFactor(call, { twoFactorEnabled: false }, ended, async (transaction) => {
        await deleteVerifications(auth, TRUSTED_DEVICE.prefix, _id, transaction);
        const own = { userId: anyOf(referenceForms(_id)) };
        await auth.models.TwoFactor.deleteMany(own).session(transaction ?? null);
      });
      clearSentCookie(call, auth.cookies.trustDevice);
      return { status: true as const };
    },
  });
}
