import type { AuthContext, Call } from "../context.ts";
import { signJwt, verifyJwt, type JwtRefusal } from "../crypto/jwt.ts";
import { formatId } from "../models/id.ts";
import type { User } from "../models/user.ts";
import type { MailSender } from "../options.ts";
import { runInBackground } from "./background.ts";
import { fetchRequest } from "./fetch-request.ts";

/** What a verification token proves, besides that its bearer reads the mail of `email`. */
export interface EmailClaims {
  /** Lower case; the address that the user has now. */
  readonly email: string;
  /** Lower case; the address that the user wants. */
  readonly updateTo?: string;
  readonly requestType?: "change-email-confirmation" | "change-email-verification";
  /** Stands for the password under which a change was asked for: with another one the token is void. */
  readonly credential?: string;
}

/** Signs the token of a verification mail; it names its user, so that it dies with the user's address. */
export function signEmailToken(auth: AuthContext, user: User, claims: EmailClaims): string {
  const [key] = auth.keys.signing;
  const { expiresIn } = auth.config.emailVerification;
  return signJwt({ ...claims, sub: formatId(user._id) }, key, { expiresIn, now: auth.now() });
}

/** Address of an endpoint with query parameters, for a mail. */
export function linkTo(
  { request }: Pick<Call, "request">,
  path: string,
  query: Readonly<Record<string, string>>,
): string {
  return `${request.baseURL()}${path}?${new URLSearchParams(query).toString()}`;
}

/**
 * Starts a mail callback of the app. No answer waits for it; what it throws is logged.
 *
 * @param name of the option, for the log
 * @param user as the callback sees it; the view of the stored user by default
 */
export function startMail(
  { auth, request }: Pick<Call, "auth" | "request">,
  name: string,
  send: MailSender,
  { user, url, token }: { readonly user: User; readonly url: string; readonly token: string },
): void {
  const mail = { user: { ...auth.views.user(user) }, url, token };
  runInBackground(auth, name, async () => {
    await send(mail, fetchRequest(request));
  });
}

/**
 * Mails the link that verifies an address. Without `sendVerificationEmail` nothing happens.
 *
 * @param callbackURL where the link leads afterwards; "/" by default
 * @param claims what the token says; by default that the user reads the mail of the address
 */
export function startVerificationMail(
  call: Pick<Call, "auth" | "request">,
  user: User,
  callbackURL: string | undefined,
  claims: EmailClaims = { email: user.email },
): void {
  const { sendVerificationEmail } = call.auth.config.emailVerification;
  if (sendVerificationEmail === undefined) return;
  const token = signEmailToken(call.auth, user, claims);
  const url = linkTo(call, "/verify-email", { token, callbackURL: callbackURL ?? "/" });
  startMail(call, "emailVerification.sendVerificationEmail", sendVerificationEmail, {
    user,
    url,
    token,
  });
}

/** What a verification token says, once its signature and life are checked. */
export interface EmailToken {
  readonly email: string;
  readonly updateTo: string | undefined;
  readonly requestType: string | undefined;
  /** Id of the user; undefined in tokens of Better Auth. */
  readonly userId: string | undefined;
  /** As in `EmailClaims`; undefined in tokens of Better Auth. */
  readonly credential: string | undefined;
}

/** Reads the token of a verification mail, or says why it is refused. */
export function readEmailToken(auth: AuthContext, token: string): EmailToken | JwtRefusal {
  const claims = verifyJwt(token, auth.keys.signing, auth.now());
  if (typeof claims === "string") return claims;
  const { sub, email, updateTo, requestType, credential }: Readonly<Record<string, unknown>> =
    claims;
  if (typeof email !== "string") return "invalid";
  return {
    email,
    updateTo: textOrNone(updateTo),
    requestType: textOrNone(requestType),
    userId: textOrNone(sub),
    credential: textOrNone(credential),
  };
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
