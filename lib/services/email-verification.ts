import type { ClientSession } from "mongoose";
import type { ActiveSession, AuthContext, Call } from "../context.ts";
import { failCore, failures, type ErrorTable } from "../errors.ts";
import type { User } from "../models/user.ts";
import { clearSessionCopy } from "./cookie-cache.ts";
import { endMailedTokens, isCurrentMark } from "./credential.ts";
import { isDuplicateKey } from "./database-errors.ts";
import { fetchRequest } from "./fetch-request.ts";
import { notTrue } from "./filter.ts";
import { runInBackground } from "./background.ts";
import { startVerificationMail } from "./mail.ts";
import { mayMail } from "./mailbox-limit.ts";
import {
  createSession,
  hasSecondFactor,
  isBanned,
  SessionRefused,
  setSessionCookies,
} from "./session.ts";
import { inTransaction } from "./transaction.ts";
import { isTakenWithoutIndex, updateUser } from "./user.ts";

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

/** What a token says about a change of the address. */
export interface AddressChange {
  readonly email: string;
  readonly updateTo: string;
  /** Stands for the password under which it was asked for; absent in tokens of Better Auth. */
  readonly credential?: string;
}

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
  const verified = await updateUser(
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
  change: AddressChange,
  callbackURL: string | undefined,
): Promise<void> {
  await requireSameCredential(call.auth, user, change);
  const { updateTo } = change;
  if (!(await mayMail(call.auth, "verification", updateTo))) return;
  startVerificationMail(call, { ...user, email: updateTo }, callbackURL, {
    ...change,
    requestType: "change-email-verification",
  });
}

/**
 * Replaces the address, and ends the tokens that were mailed to the old one; of parallel calls with one token, one does.
 *
 * @throws AuthError INVALID_TOKEN (401) when the password has changed since it was asked for; USER_NOT_FOUND (401) when the address has changed meanwhile;
 *   USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL (422) when the new one is taken; BANNED_USER (403)
 */
export async function replaceAddress(
  call: VerifyCall,
  user: User,
  change: AddressChange,
  { emailVerified }: { readonly emailVerified: boolean },
): Promise<User> {
  const { auth } = call;
  const { _id } = user;
  const { email, updateTo } = change;
  refuseBanned(auth, user);
  if (await isTakenWithoutIndex(auth, updateTo))
    throw fail("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
  const changed = await inTransaction(auth, async (transaction) => {
    await requireSameCredential(auth, user, change, transaction);
    const changes = { email: updateTo, emailVerified };
    const replaced = await updateUser(auth, { _id, email }, changes, transaction);
    if (replaced !== null) await endMailedTokens(auth, _id, transaction);
    return replaced;
  }).catch((error: unknown) => {
    if (isDuplicateKey(error)) throw fail("USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    throw error;
  });
  if (changed === null) throw fail("USER_NOT_FOUND");
  await signInByMail(call, changed);
  return changed;
}

async function requireSameCredential(
  auth: AuthContext,
  { _id }: User,
  { credential }: AddressChange,
  transaction?: ClientSession,
): Promise<void> {
  if (credential === undefined) return;
  if (!(await isCurrentMark(auth, _id, credential, transaction))) throw fail("INVALID_TOKEN");
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
  if (hasSecondFactor(user)) return;
  try {
    const made = await createSession(call, user, { persistent: true });
    await setSessionCookies(auth, request, reply, made);
  } catch (error) {
    if (!(error instanceof SessionRefused)) throw error;
    auth.log.error("a verification link could not sign its user in", error);
  }
}
