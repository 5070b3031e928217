import { setTimeout as sleep } from "node:timers/promises";
import { betterAuth } from "better-auth-express";
import express from "express";
import { MAIL_MS, readServerSettings, serve } from "./child.ts";

const { uri, secret, baseURL } = readServerSettings();
let mails = 0;

async function send(): Promise<void> {
  await sleep(MAIL_MS);
  mails += 1;
}

/** Hides known addresses, and counts in the database, as several processes do; the limits themselves are out of the way. */
const auth = betterAuth({
  database: uri,
  secret,
  baseURL,
  logger: { level: "error" },
  emailAndPassword: {
    enabled: true,
    requireEmailVerification: true,
    sendResetPassword: send,
    onExistingUserSignUp: send,
    // Cheap, so that the hash hides nothing of the rest.
    password: { cost: { logN: 8, r: 8, p: 1 } },
  },
  emailVerification: { sendVerificationEmail: send },
  rateLimit: {
    enabled: true,
    storage: "database",
    customRules: { "/**": false },
    account: { maxFailures: 1_000_000 },
    mailbox: { max: 1_000_000 },
  },
});
await auth.ready();

serve(express().use("/auth", auth), { mails: () => mails });
