import express from "express";
import { betterAuth, username } from "../../lib/index.ts";
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
