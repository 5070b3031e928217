import { z } from "zod";
import { Redirect, type ActiveSession, type Call } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { AuthError, failures } from "../../errors.ts";
import { idForms } from "../../models/id.ts";
import type { User } from "../../models/user.ts";
import {
  confirmChange,
  replaceAddress,
  verifyAddress,
  verifyEmailErrors,
} from "../../services/email-verification.ts";
import { anyOf } from "../../services/filter.ts";
import { readEmailToken, startVerificationMail, type EmailToken } from "../../services/mail.ts";
import { mayMail } from "../../services/mailbox-limit.ts";
import { withQuery } from "../../services/redirect-url.ts";
import { publicUser, returnAddress } from "./schemas.ts";

const fail = failures(verifyEmailErrors);

type VerifyCall = Call<ActiveSession | null>;

export const verifyEmail = endpoint("verifyEmail", {
  method: "GET",
  path: "/verify-email",
  summary: "Verify an address with the token of a mail",
  access: "optional",
  consumes: true,
  redirects: true,
  query: z.object({ token: z.string(), callbackURL: returnAddress.optional() }),
  response: z.object({ status: z.literal(true), user: publicUser.nullable().optional() }),
  errors: verifyEmailErrors,
  async handler(call) {
    const { auth, query } = call;
    // run.ts has checked it; here it is sent as it is, relative or absolute.
    const callbackURL = query.callbackURL === "" ? undefined : query.callbackURL;
    try {
      const user = await carryOut(call, query.token, callbackURL);
      if (callbackURL !== undefined) return new Redirect(callbackURL);
      const shown = user === undefined ? {} : { user: user && auth.views.user(user) };
      return { status: true as const, ...shown };
    } catch (error) {
      const isDeclared = error instanceof AuthError && error.code in verifyEmailErrors;
      if (callbackURL === undefined || !isDeclared) throw error;
      return new Redirect(withQuery(callbackURL, { error: error.code }));
    }
  },
});

/** @returns the user to show, null to show none, undefined when the answer has no user */
async function carryOut(
  call: VerifyCall,
  text: string,
  callbackURL: string | undefined,
): Promise<User | null | undefined> {
  const token = readEmailToken(call.auth, text);
  if (typeof token === "string") {
    throw fail(token === "expired" ? "TOKEN_EXPIRED" : "INVALID_TOKEN");
  }
  const user = await findNamedUser(call, token);
  const { email, updateTo, requestType, credential } = token;
  const isOwn = call.active !== null && String(call.active.user._id) === String(user._id);
  if (updateTo === undefined) {
    const verified = await verifyAddress(call, user);
    return isOwn ? verified : null;
  }
  if (call.active !== null && !isOwn) throw fail("INVALID_USER");
  const change = { email, updateTo, ...(credential !== undefined && { credential }) };
  switch (requestType) {
    case "change-email-confirmation":
      await confirmChange(call, user, change, callbackURL);
      return undefined;
    case "change-email-verification":
      return replaceAddress(call, user, change, { emailVerified: true });
    default: {
      // Better Auth's older one-step change: the new address is asked afterwards.
      const changed = await replaceAddress(call, user, change, { emailVerified: false });
      if (await mayMail(call.auth, "verification", updateTo)) {
        startVerificationMail(call, changed, callbackURL);
      }
      return changed;
    }
  }
}

/** The user of the token's address; a token that names its user is void once the address is someone else's. */
async function findNamedUser({ auth }: VerifyCall, { email, userId }: EmailToken): Promise<User> {
  const named = userId === undefined ? { email } : { _id: anyOf(idForms(userId)), email };
  const user: User | null = await auth.models.User.findOne(named).lean();
  if (user === null) throw fail("USER_NOT_FOUND");
  return user;
}
