import type { ActiveSession, AuthContext, Call } from "../context.ts";
import { failCore, failures, type ErrorTable } from "../errors.ts";
import type { User } from "../models/user.ts";
import { clearSessionCopy } from "./cookie-cache.ts";
import { isDuplicateKey } from "./database-errors.ts";
import { fetchRequest } from "./fetch-request.ts";
import { notTrue } from "./filter.ts";
import { runInBackground } from "./background.ts";
import { startVerificationMail } from "./mail.ts";
import { mayMail } from "./mailbox-limit.ts";
import { createSession, isBanned, SessionRefused, setSessionCookies } from "./session.ts";
import { isTakenWithoutIndex, updateUserWhere } from "./user.ts";

/** Codes of a verification link. */
export const verifyEmailErrors = {
  INVALID_TOKEN: [401, "Invalid token"],
  TOKEN_EXPIRED: [401, "Token expired"],
  USER_NOT_FOUND: [401, "User not found"],
  INVALID_USER: [401, "Invalid user"],
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: [422, "User already exists. Use another email."],
} as const satisfies ErrorTable;
const fail = failures(verifyEmailErrors);

type VerifyCall = Call<ActiveSession | null>;

/**
 * Marks an address as verified; the one call that makes the change runs the app's hooks and may sign the user in.
 *
 * @returns the user as stored afterwards
 */
export async function verifyAddress(call: VerifyCall, user: User): Promise<User> {
  const { auth, request, reply } = call;
  if (user.emailVerified) return user;
  refuseBanned(auth, user);
  const { beforeEmailVerification, afterEmailVerification, autoSignInAfterVerification } =
    auth.config.emailVerification;
  await beforeEmailVerification?.({ ...auth.views.user(user) }, fetchRequest(request));
  const { _id, email } = user;
  const verified = await updateUserWhere(
    auth,
    { _id, email, emailVerified: notTrue() },
    { emailVerified: true },
  );
  if (verified === null) return { ...user, emailVerified: true };
  clearSessionCopy(auth, request, reply);
  if (afterEmailVerification !== undefined) {
    runInBackground(auth, "emailVerification.afterEmailVerification", async () => {
      await afterEmailVerification({ ...auth.views.user(verified) }, fetchRequest(request));
    });
  }
  if (autoSignInAfterVerification) await signInByMail(call, verified);
  return verified;
}

/** The old address has agreed: asks the new one. */
export async function confirmChange(
  call: VerifyCall,
  user: User,
  { email, updateTo }: { readonly email: string; readonly updateTo: string },
  callbackURL: string | undefined,
): Promise<void> {
  if (!(await mayMail(call.auth, "verification", updateTo))) return;
  startVerificationMail(call, { ...user, email: updateTo }, callbackURL, {
    email,
    updateTo,
    requestType: "change-email-verification",
  });
}

/**
 * Replaces the address; of parallel calls with one token, one does.
 *
 * @throws AuthError USER_NOT_FOUND (401) when the address has changed meanwhile;
 *   USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL (422) when the new one is taken; BANNED_USER (403)
 */
export async function replaceAddress(
  call: VerifyCall,
  user: User,
  { email, updateTo }: { readonly email: string; readonly updateTo: string },
  { emailVerified }: { readonly emailVerified: boolean },
): Promise<User> {
  const { auth } = call;
  refuseBanned(auth, user);
  if (await isTakenWithoutIndex(auth, updateTo))
    throw fail("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
  const changed = await updateUserWhere(
    auth,
    { _id: user._id, email },
    { email: updateTo, emailVerified },
  ).catch((error: unknown) => {
    if (isDuplicateKey(error)) throw fail("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    throw error;
  });
  if (changed === null) throw fail("USER_NOT_FOUND");
  await signInByMail(call, changed);
  return changed;
}

/** Before anything is changed: otherwise a link would do half of what it is for. */
function refuseBanned({ now }: AuthContext, user: User): void {
  if (isBanned(user, now())) throw failCore("BANNED_USER");
}

/** Sets the caller's session anew, or makes one; none for a user with a second factor, which a mail cannot stand in for. */
async function signInByMail(call: VerifyCall, user: User): Promise<void> {
  const { auth, active, request, reply } = call;
  if (active !== null && String(active.user._id) === String(user._id)) {
    await setSessionCookies(auth, request, reply, { ...active, user });
    return;
  }
  if (user.twoFactorEnabled === true) return;
  try {
    const made = await createSession(call, user, { persistent: true });
    await setSessionCookies(auth, request, reply, made);
  } catch (error) {
    if (!(error instanceof SessionRefused)) throw error;
    auth.log.error("a verification link could not sign its user in", error);
  }
}
