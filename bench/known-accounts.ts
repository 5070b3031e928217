// Can answers tell whether an account exists? Prints, for every endpoint that could, the medians of the time until the
// answer for known and unknown addresses, while mails take 400 ms.
//
//   node --import tsx bench/known-accounts.ts [samples of each kind, default 200]
//
// App and mail server run in a process of their own, so that what they do after an answer does not delay the client.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import express from "express";
import { startMongo } from "../lib/dev/index.ts";
import { betterAuth, type AuthOptions } from "../lib/index.ts";
import { smtpMailer } from "../lib/mail/index.ts";
import { startMailServer } from "../test/support/mail.ts";

const MAIL_MS = 400;
/** Milliseconds between two samples, in which the server comes to rest. */
const PAUSE_MS = 40;
const WARM_UP = 20;
const TARGET_MS = 5;
const PASSWORD = "Lantern-7-orchard";
const USERS = 40;

const emailOf = (who: string, n: number): string => `${who}-${String(n % USERS)}@example.com`;

interface Subject {
  readonly name: string;
  readonly path: string;
  readonly bodyOf: (email: string) => object;
  /** Each address may be used once: it is known afterwards. */
  readonly once?: boolean;
}

const subjects: readonly Subject[] = [
  {
    name: "request-password-reset",
    path: "/auth/request-password-reset",
    bodyOf: (email) => ({ email }),
  },
  {
    name: "send-verification-email",
    path: "/auth/send-verification-email",
    bodyOf: (email) => ({ email }),
  },
  {
    name: "sign-in, wrong password",
    path: "/auth/sign-in/email",
    bodyOf: (email) => ({ email, password: "Trumpet-4-harbour" }),
  },
  {
    name: "sign-up, hiding known addresses",
    path: "/auth/sign-up/email",
    bodyOf: (email) => ({ email, name: "Ada", password: PASSWORD }),
    once: true,
  },
];

/** Counts in the database, as several processes do; the limits themselves are out of the way. */
const options = (uri: string, mailUrl: string): AuthOptions => {
  const mailer = smtpMailer({ url: mailUrl, from: "Bench <no-reply@bench.example>" });
  return {
    secret: "bench-secret-bench-secret-bench-secret",
    baseURL: "http://bench.example",
    database: uri,
    logger: { level: "error" },
    emailAndPassword: {
      enabled: true,
      requireEmailVerification: true,
      sendResetPassword: mailer.resetPassword,
      // Cheap, so that the hash hides nothing of the rest.
      password: { cost: { logN: 8, r: 8, p: 1 } },
    },
    emailVerification: { sendVerificationEmail: mailer.verification },
    rateLimit: {
      enabled: true,
      storage: "database",
      customRules: { "/**": false },
      account: { maxFailures: 1_000_000 },
      mailbox: { max: 1_000_000 },
    },
  };
};

async function serve(uri: string): Promise<void> {
  const mail = await startMailServer();
  mail.delayMs = MAIL_MS;
  const auth = betterAuth(options(uri, mail.url));
  await auth.ready();
  const server = createServer(express().use("/auth", auth)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address === "object") process.send?.(address?.port);
  process.on("message", () => process.send?.(mail.messages.length));
}

const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b);
const at = (values: readonly number[], share: number): number =>
  sorted(values)[Math.floor(values.length * share)] ?? NaN;
const text = (ms: number): string => ms.toFixed(2).padStart(8);

async function measure(): Promise<void> {
  const samples = Number(process.argv[2] ?? 200);
  const mongo = await startMongo({ dbName: "bench-known-accounts" });
  const child = fork(fileURLToPath(import.meta.url), ["serve", mongo.uri], {
    execArgv: ["--import", "tsx"],
  });
  const [port] = (await once(child, "message")) as [number];
  const url = `http://127.0.0.1:${String(port)}`;

  async function ask(path: string, body: object): Promise<number> {
    const headers = { "Content-Type": "application/json" };
    const started = performance.now();
    const response = await fetch(url + path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    await response.text();
    const ms = performance.now() - started;
    if (response.status >= 429) throw new Error(`${path}: ${String(response.status)}`);
    return ms;
  }

  for (let n = 0; n < USERS; n += 1) {
    const body = { email: emailOf("known", n), name: "Ada", password: PASSWORD };
    await ask("/auth/sign-up/email", body);
  }
  await sleep(USERS * MAIL_MS);

  console.log(`milliseconds until the answer, ${String(samples)} samples of each kind`);
  console.log("known: median, p95 | unknown: median, p95 | medians apart\n");
  for (const { name, path, bodyOf, once: isOnce = false } of subjects) {
    const known: number[] = [];
    const unknown: number[] = [];
    for (let n = -WARM_UP; n < samples; n += 1) {
      const stranger = isOnce
        ? `new-${String(n + WARM_UP)}-${String(process.pid)}@example.com`
        : emailOf("unknown", n + WARM_UP);
      const pair = [
        [known, emailOf("known", n + WARM_UP)],
        [unknown, stranger],
      ] as const;
      // In turn the one and the other first: what drifts hits both.
      for (const [list, email] of n % 2 === 0 ? pair : pair.toReversed()) {
        const ms = await ask(path, bodyOf(email));
        if (n >= 0) list.push(ms);
        await sleep(PAUSE_MS);
      }
    }
    const apart = Math.abs(at(known, 0.5) - at(unknown, 0.5));
    const figures = [at(known, 0.5), at(known, 0.95), at(unknown, 0.5), at(unknown, 0.95)];
    const isMet = apart < TARGET_MS ? "ok" : "MISSED";
    console.log(`${name.padEnd(34)}${figures.map(text).join("")} | ${text(apart)} ${isMet}`);
  }
  await sleep(5 * MAIL_MS);
  child.send("mails?");
  const [mails] = (await once(child, "message")) as [number];
  console.log(`\n${String(mails)} mails were delivered`);
  child.kill();
  await mongo.stop();
}

const [, , role, uri = ""] = process.argv;
await (role === "serve" ? serve(uri) : measure());
