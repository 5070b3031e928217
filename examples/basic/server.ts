import { join, resolve } from "node:path";
import { betterAuth } from "better-auth-express";
import express from "express";
import { demoMails, INBOX } from "./mails.ts";
import { addPages, userFields } from "./pages.ts";
import { secondFactor } from "./security.ts";
import * as support from "./support.ts";

const env = process.env;
const port = Number(env["PORT"] ?? 3000);
const baseURL = env["BETTER_AUTH_URL"] ?? `http://localhost:${port}`;
const dataFolder = resolve(".data");

async function main(): Promise<void> {
  const stopped = support.stopSignal();
  const { mailer, inbox } = demoMails();
  const server = await support.listen(port, env["HOST"]);
  const mongo = await support.demoMongo(join(dataFolder, "mongodb"));

  const auth = betterAuth({
    baseURL,
    secret: env["BETTER_AUTH_SECRET"] ?? support.developmentSecret(dataFolder),
    database: mongo.uri,
    emailAndPassword: { enabled: true, sendResetPassword: mailer.resetPassword },
    emailVerification: { sendVerificationEmail: mailer.verification, sendOnSignUp: true },
    user: {
      additionalFields: userFields,
      changeEmail: { enabled: true, sendChangeEmailConfirmation: mailer.changeEmailConfirmation },
      deleteUser: {
        enabled: true,
        sendDeleteAccountVerification: mailer.deleteAccountVerification,
      },
    },
    plugins: [secondFactor(mailer), support.firstUserIsAdmin],
  });
  await auth.ready();

  const app = express().disable("x-powered-by");
  app.use("/auth", auth);
  if (inbox !== null) app.use(INBOX, inbox.router);
  app.locals["inbox"] = inbox === null ? null : INBOX;
  addPages(app, auth);
  server.off("request", support.sayStarting).on("request", app);
  console.log(support.instructions({ baseURL, dataFolder, mongo, hasInbox: inbox !== null }));

  await stopped();
  server.close().closeAllConnections();
  await auth.close();
  await mailer.close();
  await mongo.stop();
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
