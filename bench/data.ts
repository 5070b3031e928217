import { betterAuth } from "../lib/index.ts";
import { hashOfficialPassword, hashPassword } from "../lib/crypto/password.ts";
import { sign, signingKey } from "../lib/crypto/signature.ts";
import { hashToken } from "../lib/crypto/token.ts";
import { createId } from "../lib/models/id.ts";
import type { Account } from "../lib/models/account.ts";
import type { Session } from "../lib/models/session.ts";
import type { User } from "../lib/models/user.ts";

export const SECRET = "bench-secret-bench-secret-bench-secret";
export const BASE_URL = "http://bench.example";
export const PASSWORD = "Lantern-7-orchard";

/** Sessions that the requests present in turn. */
const SESSIONS_IN_TURN = 40;
/** Users who can sign in. */
export const USERS_WITH_PASSWORD = 40;
/** Most users; larger databases have several sessions of each. */
const MAX_USERS = 10_000;
const BATCH = 2_000;
const DAY_MS = 86_400_000;

/** How tokens and passwords are stored. */
export type Form = "ours" | "official";

/** A database with users and sessions. */
export interface SeededDatabase {
  readonly uri: string;
  /** Signed session tokens, for the value of a cookie. */
  readonly tokens: readonly string[];
}

/** The same server, another database. */
export function withDatabase(uri: string, name: string): string {
  const url = new URL(uri);
  url.pathname = `/${name}`;
  return url.href;
}

/** E-mail address of a user of the database. */
export function emailOf(index: number): string {
  return `person-${index}@example.com`;
}

/** Fills an empty database with live sessions and their users, and builds the indexes. */
export async function seed(
  uri: string,
  sessions: number,
  form: Form = "ours",
): Promise<SeededDatabase> {
  // Straight to the driver: Mongoose would check each of 100,000 rows.
  const unchecked = { lean: true, ordered: true } as const;
  const auth = betterAuth({ secret: SECRET, database: uri, logger: { level: "error" } });
  await auth.ready();
  const { User, Account, Session } = auth.models;
  const users = Array.from({ length: Math.min(sessions, MAX_USERS) }, (_, i) => newUser(i));
  const { cost } = auth.config.emailAndPassword.password;
  const password = await (form === "official"
    ? hashOfficialPassword(PASSWORD)
    : hashPassword(PASSWORD, cost));
  await User.insertMany(users, unchecked);
  const accounts = users.slice(0, USERS_WITH_PASSWORD).map((user) => newAccount(user, password));
  await Account.insertMany(accounts, unchecked);
  const step = Math.floor(sessions / SESSIONS_IN_TURN);
  const tokens: string[] = [];
  for (let start = 0; start < sessions; start += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, sessions - start) }, (_, i) => {
      const index = start + i;
      const token = tokenOf(index);
      if (index % step === 0 && tokens.length < SESSIONS_IN_TURN) tokens.push(token);
      return newSession(users[index % users.length] ?? newUser(0), token, form);
    });
    await Session.insertMany(rows, unchecked);
  }
  await auth.close();
  const key = signingKey(SECRET);
  return { uri, tokens: tokens.map((token) => encodeURIComponent(sign(token, key))) };
}

function tokenOf(index: number): string {
  return `bench${String(index).padStart(27, "0")}`;
}

function newUser(index: number): User {
  const createdAt = new Date(Date.now() - DAY_MS / 2);
  return {
    _id: createId(),
    name: `Person ${index}`,
    email: emailOf(index),
    emailVerified: true,
    createdAt,
    updatedAt: createdAt,
  };
}

function newAccount(user: User, password: string): Account {
  return {
    _id: createId(),
    accountId: String(user._id),
    providerId: "credential",
    userId: user._id,
    password,
    createdAt: user.createdAt,
    updatedAt: user.createdAt,
  };
}

function newSession(user: User, token: string, form: Form): Session {
  const { createdAt } = user;
  return {
    _id: createId(),
    token: form === "official" ? token : hashToken(token),
    userId: user._id,
    expiresAt: new Date(createdAt.getTime() + 7 * DAY_MS),
    ipAddress: "127.0.0.1",
    userAgent: "bench",
    createdAt,
    updatedAt: createdAt,
  };
}
