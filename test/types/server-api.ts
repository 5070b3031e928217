import type { Request } from "express";
import { betterAuth, twoFactor, type PublicSession, type PublicUser } from "../../lib/index.ts";
import { isSame, typeOf } from "./same.ts";

// Never run: the compiler is the test.

/** Arguments and answers of `auth.api` follow from the endpoints. */
export async function calls({ headers }: Request): Promise<void> {
  const { api } = betterAuth();

  const ok = await api.ok();
  typeOf(ok).is<{ ok: true; status: true }>(true);

  const found = await api.getSession({ headers, query: { disableRefresh: true } });
  typeOf(found).is<null>(false);
  // @ts-expect-error there may be no session
  found.user.email.trim();
  if (found !== null) {
    typeOf(found.session.token).is<string>(true);
    typeOf(found.session.expiresAt).is<Date>(true);
    typeOf(found.user.emailVerified).is<boolean>(true);
    typeOf(found.needsRefresh).is<boolean | undefined>(true);
  }
  await api.getSession();
  await api.getSession({ headers: new Headers() });

  const signedUp = await api.signUpEmail({
    body: { name: "Ada", email: "ada@example.com", password: "x", rememberMe: false },
  });
  typeOf(signedUp.token).is<string | null>(true);

  const signedIn = await api.signInEmail({ body: { email: "ada@example.com", password: "x" } });
  typeOf(signedIn.token).is<string>(true);
  typeOf(signedIn.redirect).is<boolean>(true);
  typeOf(signedIn.url).is<string | null>(true);

  const sessions = await api.listSessions({ headers });
  isSame<(typeof sessions)[number]["userAgent"], string>(true);
  const shown: PublicSession | undefined = sessions[0];

  const updated = await api.updateUser({ headers, body: { name: "Ada", image: null } });
  typeOf(updated.status).is<true>(true);
  const user: PublicUser = updated.user;

  await api.revokeSession({ headers, body: { token: shown?.token ?? user.id } });
  await api.revokeSession({ headers, body: { id: "0123456789abcdef01234567" } });
  const revoked = await api.revokeOtherSessions({ headers });
  typeOf(revoked).is<{ status: true }>(true);
  const out = await api.signOut({ headers });
  typeOf(out).is<{ success: true; status: true }>(true);
}

/** With `returnHeaders` the answer comes with what a browser needs. */
export async function withHeaders({ headers }: Request): Promise<string[]> {
  const { api } = betterAuth();
  const answer = await api.signOut({ headers, returnHeaders: true });
  typeOf(answer.headers).is<Headers>(true);
  typeOf(answer.response).is<{ success: true; status: true }>(true);
  // @ts-expect-error the answer itself is in `response`
  isSame<typeof answer.success, true>(true);

  const plain = await api.signOut({ headers, returnHeaders: false });
  typeOf(plain.success).is<true>(true);
  // @ts-expect-error headers have to be asked for
  isSame<typeof plain.headers, Headers>(true);
  return answer.headers.getSetCookie();
}

/** Wrong calls do not compile. */
export async function wrongCalls({ headers }: Request): Promise<void> {
  const { api } = betterAuth();
  // @ts-expect-error the body is missing
  await api.signInEmail({ headers });
  // @ts-expect-error without an argument the body is missing too
  await api.signInEmail();
  // @ts-expect-error the password is missing
  await api.signInEmail({ body: { email: "ada@example.com" } });
  // @ts-expect-error the password is a text
  await api.signInEmail({ body: { email: "ada@example.com", password: 5 } });
  // @ts-expect-error true or false
  await api.getSession({ headers, query: { disableRefresh: 1 } });
  // @ts-expect-error the token is a text
  await api.revokeSession({ headers, body: { token: 5 } });
  // @ts-expect-error there is no such endpoint
  isSame<typeof api.signInWithMagic, unknown>(true);
  // @ts-expect-error there is no such property
  await api.signOut({ headers, cookies: "" });
}

/** The app's additional fields are in the answers, wherever a user is. */
export async function additionalFields({ headers }: Request): Promise<void> {
  const { api } = betterAuth({
    user: {
      additionalFields: {
        plan: { type: ["free", "pro"] },
        age: { type: "number", required: false },
        note: { type: "string", returned: false },
      },
    },
  });
  const found = await api.getSession({ headers });
  if (found === null) return;
  typeOf(found.user.plan).is<"free" | "pro">(true);
  typeOf(found.user.age).is<number | null>(true);
  // @ts-expect-error it is not returned
  isSame<typeof found.user.note, string>(true);

  const updated = await api.updateUser({ headers, body: { plan: "pro" }, returnHeaders: true });
  typeOf(updated.response.user.plan).is<"free" | "pro">(true);
  const signedIn = await api.signInEmail({ body: { email: "ada@example.com", password: "x" } });
  typeOf(signedIn.user.age).is<number | null>(true);
  typeOf(signedIn.session.expiresAt).is<Date>(true);

  const { api: second } = betterAuth({ plugins: [twoFactor()] });
  const enabled = await second.enableTwoFactor({ headers, body: { password: "x" } });
  if (enabled.method === "totp") typeOf(enabled.totpURI).is<string>(true);
  const { code } = await second.generateTOTP({ body: { secret: "x" } });
  typeOf(code).is<string>(true);
  const { user } = await second.verifyTOTP({ headers, body: { code } });
  typeOf(user.twoFactorEnabled).is<boolean>(true);
}

/** Those of the session as well. */
export async function fieldsOfSessions({ headers }: Request): Promise<void> {
  const { api } = betterAuth({
    session: { additionalFields: { theme: { type: "string", required: false } } },
  });
  const found = await api.getSession({ headers });
  if (found !== null) typeOf(found.session.theme).is<string | null>(true);
  const sessions = await api.listSessions({ headers });
  for (const { theme } of sessions) typeOf(theme).is<string | null>(true);
}
