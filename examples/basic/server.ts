import { join, resolve } from "node:path";
import { betterAuth, type Plugin } from "better-auth-express";
import express from "express";
import { addPages, userFields } from "./pages.ts";
import { demoMongo, developmentSecret, instructions, listen, stopSignal } from "./support.ts";

const env = process.env;
const port = Number(env["PORT"] ?? 3000);
const baseURL = env["BETTER_AUTH_URL"] ?? `http://localhost:${port}`;
const dataFolder = resolve(".data");

/** Somebody has to be the first to see the page for administrators. */
const firstUserIsAdmin = {
  id: "first-user-is-admin",
  models: ["User"],
  endpoints: [],
  hooks: {
    async beforeUserCreate({ auth }) {
      return (await auth.models.User.exists({})) === null ? { role: "admin" } : {};
    },
  },
} as const satisfies Plugin;

async function main(): Promise<void> {
  const stopped = stopSignal();
  const server = await listen(port);
  const mongo = await demoMongo(join(dataFolder, "mongodb"));

  const auth = betterAuth({
    baseURL,
    secret: env["BETTER_AUTH_SECRET"] ?? developmentSecret(dataFolder),
    database: mongo.uri,
    emailAndPassword: { enabled: true },
    user: { additionalFields: userFields },
    plugins: [firstUserIsAdmin],
  });
  await auth.ready();

  const app = express().disable("x-powered-by");
  app.use("/auth", auth);
  addPages(app, auth);
  server.on("request", app);
  console.log(instructions({ baseURL, dataFolder, mongo }));

  await stopped();
  server.close().closeAllConnections();
  await auth.close();
  await mongo.stop();
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
