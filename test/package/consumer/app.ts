import {
  betterAuth,
  type Auth,
  type AuthOptions,
  type PublicUser,
  type User,
  twoFactor,
  username,
} from "better-auth-express";
import { startMongo } from "better-auth-express/dev";
import express from "express";

export const auth = betterAuth({
  secret: "only-for-the-compiler-only-for-the-compiler",
  emailAndPassword: { enabled: true },
  user: { additionalFields: { plan: { type: ["free", "paid"] } } },
});

/** Declarations of these have to be emitted, in names that the package exports. */
export const features = [username(), twoFactor({ required: (user) => user["role"] === "admin" })];
export const { api, requireSession } = betterAuth({ plugins: [username()] });
export const guard = requireSession({ fresh: true });
export const withSecondFactor = betterAuth({ plugins: [username(), twoFactor()] });
export const signIn = (email: string, password: string) =>
  withSecondFactor.api.signInEmail({ body: { email, password } });
export const me = async (headers: Headers) =>
  (await withSecondFactor.api.getSession({ headers }))?.user;

const app = express();
app.use("/auth", auth);
app.get("/users/:id", auth.requireSession, (req, res) => {
  const plan: "free" | "paid" = req.auth.user.plan;
  const expiresAt: Date = req.auth.session.expiresAt;
  const id: string = req.params.id;
  res.json({ plan, expiresAt, id });
});
app.get("/admin", auth.requireAdmin({ redirectTo: "/sign-in", fresh: true }), (req, res) => {
  res.json(req.auth.user.email);
});
app.get("/open", (req, res) => {
  // @ts-expect-error without a guard nobody is known
  res.json(req.auth.user);
});

/** Only its types matter; it is never run. */
export async function typed(): Promise<string | null> {
  const { uri, stop } = await startMongo();
  const options: AuthOptions = { database: uri };
  const plain: Auth = betterAuth(options);
  const { token } = await plain.api.signUpEmail({
    body: { name: "Ada", email: "ada@example.com", password: "Lantern-7-orchard" },
  });
  // @ts-expect-error a misspelt option
  betterAuth({ emailAndPasword: {} });
  const found: User | null = await auth.models.User.findOne({ email: "ada@example.com" }).lean();
  const session = await auth.api.getSession({ headers: new Headers() });
  const user: PublicUser | undefined = session?.user;
  await stop();
  return user?.name ?? found?.name ?? token;
}
