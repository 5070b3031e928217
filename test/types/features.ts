import express, { type Router } from "express";
import { betterAuth, twoFactor, username, type Plugin } from "../../lib/index.ts";
import { isSame, typeOf } from "./same.ts";

// Never run: the compiler is the test.

const auth = betterAuth({ plugins: [username()] });

/** Features add their fields to the user, wherever it is, and their calls to `auth.api`. */
express().get("/me", auth.requireSession, (req, res) => {
  typeOf(req.auth.user.username).is<string | null>(true);
  // @ts-expect-error no such field
  typeOf(req.auth.user.nickname).is<unknown>(true);
  typeOf(req.auth.user.email).is<string>(true);
  res.end();
});

export async function calls(): Promise<void> {
  const { user } = await auth.api.signInUsername({ body: { username: "ada", password: "x" } });
  typeOf(user.username).is<string | null>(true);
  const { available } = await auth.api.isUsernameAvailable({ body: { username: "ada" } });
  typeOf(available).is<boolean>(true);
}

export const without = betterAuth();
isSame<"signInUsername" extends keyof typeof without.api ? true : false, false>(true);

/** With a second factor, a sign-in may answer that it waits for one. */
export async function secondFactor(headers: Headers): Promise<string | undefined> {
  const { api, requireSession } = betterAuth({ plugins: [username(), twoFactor()] });
  const answer = await api.signInEmail({ body: { email: "ada@example.com", password: "x" } });
  // @ts-expect-error there may be no session yet
  isSame<typeof answer.token, string>(true);
  if ("twoFactorRedirect" in answer) {
    typeOf(answer.twoFactorRedirect).is<true>(true);
    return typeOf(answer.twoFactorMethods).is<("totp" | "otp")[]>(true)[0];
  }
  typeOf(answer.user.twoFactorEnabled).is<boolean>(true);
  typeOf(answer.session.expiresAt).is<Date>(true);

  const body = { username: "ada", password: "x" };
  const { response } = await api.signInUsername({ body, headers, returnHeaders: true });
  if ("twoFactorRedirect" in response) return response.twoFactorMethods[0];
  typeOf(response.user.username).is<string | null>(true);

  const signedUp = await api.signUpEmail({ body: { ...body, name: "A", email: "a@example.com" } });
  typeOf(signedUp.user.twoFactorEnabled).is<boolean>(true);
  isSame<keyof typeof signedUp, "token" | "user" | "session">(true);
  express().get("/me", requireSession, (req) => {
    // One plain type, not an intersection: that is what editors show.
    typeOf(req.auth.user).is<{
      readonly id: string;
      readonly name: string;
      readonly email: string;
      readonly emailVerified: boolean;
      readonly image: string | null;
      readonly createdAt: Date;
      readonly updatedAt: Date;
      readonly username: string | null;
      readonly displayUsername?: string | null;
      readonly twoFactorEnabled: boolean;
    }>(true);
  });
  return response.token;
}

/** The Router of each feature has its name. */
export function routers(plugins: Plugin[]): void {
  const { routers: all } = betterAuth({ plugins: [username(), twoFactor()] });
  typeOf(all).is<Readonly<Record<"core" | "email-password" | "username" | "two-factor", Router>>>(
    true,
  );
  express().use("/auth", all.core, all["email-password"], all.username, all["two-factor"]);
  // @ts-expect-error no feature has that name
  express().use(all.twoFactor);
  // @ts-expect-error the feature is not among the plugins
  express().use(without.routers.username);
  const { routers: some } = betterAuth({ plugins });
  typeOf(some["username"]).is<Router | undefined>(true);
}
