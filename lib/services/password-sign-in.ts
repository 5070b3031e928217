import { Challenge, type ActiveSession, type Call } from "../context.ts";
import { coreErrors, failures, type AuthError, type ErrorTable } from "../errors.ts";
import type { User } from "../models/user.ts";
import { guardGuesses, usernameIdentifier } from "./guess-guard.ts";
import { startVerificationMail } from "./mail.ts";
import { mayMail } from "./mailbox-limit.ts";
import { findUserByPassword, type Login } from "./password.ts";
import { SessionRefused, signIn } from "./session.ts";

/** Codes of every sign-in with a password. */
export const passwordSignInErrors = {
  EMAIL_PASSWORD_DISABLED: [400, "Email and password is not enabled"],
  EMAIL_NOT_VERIFIED: [403, "Email not verified"],
  BANNED_USER: coreErrors.BANNED_USER,
  FAILED_TO_CREATE_SESSION: [401, "Failed to create session"],
} as const satisfies ErrorTable;
const fail = failures(passwordSignInErrors);

/** What all sign-ins with a password are sent. */
interface PasswordSignInBody {
  readonly password: string;
  readonly callbackURL?: string | undefined;
  readonly rememberMe?: boolean | undefined;
  readonly dontRememberMe?: boolean | undefined;
}

/** A user who is signed in, and where the browser goes. */
export interface PasswordSignIn {
  readonly active: ActiveSession;
  /** Null: nowhere. */
  readonly url: string | null;
}

/** @throws AuthError EMAIL_PASSWORD_DISABLED (400) */
export function requirePasswords({ auth }: Pick<Call, "auth">): void {
  if (!auth.config.emailAndPassword.enabled) throw fail("EMAIL_PASSWORD_DISABLED");
}

/**
 * Signs in with a password: guard against guessing, one hash whether or not the user exists, then what may speak
 * against a session.
 *
 * @param login the stored form of what the user is known by
 * @param wrong makes the one answer to unknown users and wrong passwords
 * @returns a Challenge when a feature wants another proof first
 * @throws AuthError that of `wrong`; EMAIL_NOT_VERIFIED, BANNED_USER (403), FAILED_TO_CREATE_SESSION (401)
 */
export async function signInWithPassword(
  call: Call<undefined, PasswordSignInBody>,
  login: Login,
  wrong: () => AuthError,
): Promise<PasswordSignIn | Challenge> {
  const { auth, body, reply } = call;
  const identifier = "email" in login ? login.email : usernameIdentifier(login.username);
  const proven = await guardGuesses(call, identifier, () =>
    findUserByPassword(auth, login, body.password),
  );
  if (proven === null) throw wrong();
  const { user, current } = proven;
  if (auth.config.emailAndPassword.requireEmailVerification && !user.emailVerified) {
    await mailAgain(call, user, body.callbackURL);
    throw fail("EMAIL_NOT_VERIFIED");
  }
  const persistent = body.rememberMe ?? body.dontRememberMe !== true;
  const options = { persistent, proof: "password", current } as const;
  const active = await signIn(call, user, options).catch((cause: unknown) => {
    throw cause instanceof SessionRefused ? fail("FAILED_TO_CREATE_SESSION", { cause }) : cause;
  });
  if (active instanceof Challenge) return active;
  if (active === null) throw wrong();
  // An empty field of a form is an address that was not given.
  const url = body.callbackURL === "" ? null : (body.callbackURL ?? null);
  if (url !== null) reply.headers.set("location", url);
  return { active, url };
}

async function mailAgain(
  call: Call<undefined>,
  user: User,
  callbackURL: string | undefined,
): Promise<void> {
  if (!call.auth.config.emailVerification.sendOnSignIn) return;
  if (await mayMail(call.auth, "verification", user.email)) {
    startVerificationMail(call, user, callbackURL);
  }
}
