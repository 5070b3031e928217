import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";
import mongoose, { type Connection } from "mongoose";
import request from "supertest";
import { betterAuth, type Auth, type AuthOptions } from "../../lib/index.ts";
import { createClock, type Clock } from "./clock.ts";
import { freshDatabase } from "./mongo.ts";

/** Signs cookies in tests; anything of 32 characters. */
export const TEST_SECRET = "test-secret-test-secret-test-secret!";
/** Cheap hashes; the real cost is tried where it is the subject. */
export const TEST_COST = { logN: 8, r: 8, p: 1 } as const;
/** Long enough, and in no list. */
export const TEST_PASSWORD = "Lantern-7-orchard";
/** Origin of the test apps. */
export const TEST_ORIGIN = "http://app.test";

/** A running app with its auth instance, on a database of its own. */
export interface TestApp {
  readonly auth: Auth;
  readonly app: Express;
  readonly server: Server;
  /** "http://127.0.0.1:<port>", without mount path. */
  readonly url: string;
  readonly clock: Clock;
  /** What the instance logged: level and message. */
  readonly logged: string[];
  /** An own connection to the same database, for looking behind the scenes. */
  readonly database: Connection;
  /** Signs a user up and returns what a client would know. */
  readonly givenUser: (fields?: Partial<NewTestUser>) => Promise<TestUser>;
  /** A new sign-in of a known user. */
  readonly givenSession: (user: Pick<TestUser, "email" | "password">) => Promise<TestSession>;
  /** Ends the server and drops the database. */
  readonly stop: () => Promise<void>;
}

export interface NewTestUser {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

/** What a client knows of a session. */
export interface TestSession {
  readonly token: string;
  /** Value for a `Cookie` header. */
  readonly cookie: string;
}

export interface TestUser extends NewTestUser, TestSession {
  readonly id: string;
}

/** How the test app differs from the usual one. */
export interface TestAppSettings {
  /** Where the Router is mounted. Default "/auth". */
  readonly mount?: string;
  /** Adds middleware before the Router. */
  readonly before?: (app: Express) => void;
  /** Adds the app's own routes after the Router. */
  readonly routes?: (app: Express, auth: Auth) => void;
}

let users = 0;

/** Starts an app with this instance, listening on a free port of the loopback interface. */
export async function startApp(
  options: AuthOptions = {},
  { mount = "/auth", before, routes }: TestAppSettings = {},
): Promise<TestApp> {
  const clock = createClock();
  const logged: string[] = [];
  const uri = typeof options.database === "string" ? options.database : await freshDatabase();
  const auth = betterAuth({
    secret: TEST_SECRET,
    baseURL: TEST_ORIGIN,
    database: uri,
    now: clock.now,
    logger: {
      level: "info",
      log: (level: string, message: string) => logged.push(`${level}: ${message}`),
    },
    ...options,
    emailAndPassword: { enabled: true, password: { cost: TEST_COST }, ...options.emailAndPassword },
  });
  const app = express();
  before?.(app);
  app.use(mount, auth);
  routes?.(app, auth);
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const database = await mongoose.createConnection(uri).asPromise();

  async function givenUser(fields: Partial<NewTestUser> = {}): Promise<TestUser> {
    users += 1;
    const user = {
      name: "Ada Lovelace",
      email: `user-${users}@example.com`,
      password: TEST_PASSWORD,
      ...fields,
    };
    const response = await request(server).post(`${mount}/sign-up/email`).send(user).expect(200);
    const { token, user: created } = response.body as { token: string; user: { id: string } };
    return { ...user, id: created.id, token, cookie: cookieHeader(response) };
  }

  async function givenSession({ email, password }: Pick<TestUser, "email" | "password">) {
    const body = { email, password };
    const response = await request(server).post(`${mount}/sign-in/email`).send(body).expect(200);
    return { token: (response.body as { token: string }).token, cookie: cookieHeader(response) };
  }

  async function stop(): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await auth.close();
    await database.dropDatabase();
    await database.close();
  }

  const url = `http://127.0.0.1:${port}`;
  return { auth, app, server, url, clock, logged, database, givenUser, givenSession, stop };
}

/** The `Cookie` header of a browser that received this answer. */
export function cookieHeader(response: request.Response): string {
  return setCookies(response)
    .filter((line) => !line.includes("Max-Age=0"))
    .map((line) => line.split(";")[0] ?? "")
    .join("; ");
}

/** The `Set-Cookie` lines of an answer. */
export function setCookies(response: request.Response): string[] {
  return (response.get("set-cookie") as string[] | undefined) ?? [];
}
