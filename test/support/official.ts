import type { BetterAuthOptions as BetterAuthOptions17 } from "better-auth";
import type { BetterAuthOptions as BetterAuthOptions14 } from "better-auth-1.4";
import mongoose, { type mongo } from "mongoose";
import { TEST_ORIGIN, TEST_PASSWORD, TEST_SECRET, type TestUser } from "./app.ts";

/** The official servers that databases are exchanged with. */
export const OFFICIAL_VERSIONS = ["1.4.19", "1.7.6"] as const;
export type OfficialVersion = (typeof OFFICIAL_VERSIONS)[number];

/** An answer of an official server. */
export interface OfficialAnswer {
  readonly status: number;
  readonly body: unknown;
  /** What a browser sends back. */
  readonly cookie: string;
}

/** How a call of an official server differs from the usual one. */
export interface OfficialCall {
  readonly body?: object;
  readonly cookie?: string;
}

/** An official server on a database; called without a socket, as its own tests do. */
export interface OfficialServer {
  readonly get: (path: string, call?: OfficialCall) => Promise<OfficialAnswer>;
  readonly post: (path: string, call?: OfficialCall) => Promise<OfficialAnswer>;
  /** Signs a user up; fails when that is refused. */
  readonly givenUser: (fields?: Readonly<Record<string, unknown>>) => Promise<TestUser>;
  /** The last mail; fails when there is none. */
  readonly mail: () => OfficialMail;
  readonly stop: () => Promise<void>;
}

/** What a mail callback was given. */
export interface OfficialMail {
  readonly url: string;
  readonly token: string;
}

/** How an official server differs from the usual one. */
export interface OfficialSettings {
  readonly baseURL?: string;
  /** Makes ids of its own: texts, or with "uuid" (1.7 only) BSON's UUIDs. Default: ObjectIds. */
  readonly generateId?: (() => string) | "uuid";
  /** Turns the two-factor plugin on. */
  readonly hasTwoFactor?: boolean;
}

type Handler = (request: Request) => Promise<Response>;

let users = 0;

/** Starts a server of the official package, configured as the test apps are, with every mail turned on. */
export async function startOfficial(
  version: OfficialVersion,
  uri: string,
  { baseURL = TEST_ORIGIN, generateId, hasTwoFactor = false }: OfficialSettings = {},
): Promise<OfficialServer> {
  const connection = await mongoose.createConnection(uri).asPromise();
  const db = connection.getClient().db();
  const mails: OfficialMail[] = [];
  const send = ({ url, token }: OfficialMail): Promise<void> => {
    mails.push({ url, token });
    return Promise.resolve();
  };
  const options = {
    secret: TEST_SECRET,
    baseURL,
    basePath: "/auth",
    telemetry: { enabled: false },
    logger: { disabled: true },
    emailAndPassword: { enabled: true, sendResetPassword: send },
    emailVerification: { sendVerificationEmail: send },
    user: {
      additionalFields: { plan: { type: "string", required: false } },
      changeEmail: { enabled: true, sendChangeEmailConfirmation: send },
      deleteUser: { enabled: true, sendDeleteAccountVerification: send },
    },
    rateLimit: {
      enabled: true,
      storage: "database",
      customRules: { "/**": { window: 10, max: 100_000 } },
    },
    advanced: generateId === undefined ? {} : { database: { generateId } },
  } satisfies BetterAuthOptions17 & BetterAuthOptions14;
  const handler = await (version === "1.7.6"
    ? handler17(options, db, hasTwoFactor)
    : handler14(options, db, hasTwoFactor));

  async function call(
    method: "GET" | "POST",
    path: string,
    { body = {}, cookie = "" }: OfficialCall = {},
  ): Promise<OfficialAnswer> {
    const headers = {
      origin: baseURL,
      "x-forwarded-for": "192.0.2.1",
      ...(method === "POST" && { "content-type": "application/json" }),
      ...(cookie !== "" && { cookie }),
    };
    const sent = method === "POST" ? { body: JSON.stringify(body) } : {};
    const response = await handler(
      new Request(`${baseURL}/auth${path}`, { method, headers, ...sent }),
    );
    const text = await response.text();
    return { status: response.status, body: readJson(text), cookie: cookieOf(response) };
  }

  const post: OfficialServer["post"] = (path, settings) => call("POST", path, settings);

  async function givenUser(fields: Readonly<Record<string, unknown>> = {}): Promise<TestUser> {
    users += 1;
    const account = {
      name: "Grace Hopper",
      email: `official-${users}@example.com`,
      password: TEST_PASSWORD,
      ...fields,
    };
    const { status, body, cookie } = await post("/sign-up/email", { body: account });
    if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
    const { token, user } = body as { token: string; user: { id: string } };
    return { ...account, id: user.id, token, cookie };
  }

  return {
    get: (path, settings) => call("GET", path, settings),
    post,
    givenUser,
    mail() {
      const last = mails.at(-1);
      if (last === undefined) throw new Error("no mail");
      return last;
    },
    stop: () => connection.close(),
  };
}

// Imported when needed: what a test file imports at its top runs transformed, in which 1.4's scrypt takes seconds.

async function handler17(
  options: BetterAuthOptions17,
  db: mongo.Db,
  hasTwoFactor: boolean,
): Promise<Handler> {
  const { betterAuth } = await import("better-auth");
  const { mongodbAdapter } = await import("better-auth/adapters/mongodb");
  const { twoFactor } = await import("better-auth/plugins");
  const plugins = hasTwoFactor ? [twoFactor({})] : [];
  return betterAuth({ ...options, plugins, database: mongodbAdapter(db) }).handler;
}

async function handler14(
  options: BetterAuthOptions14,
  db: mongo.Db,
  hasTwoFactor: boolean,
): Promise<Handler> {
  const { betterAuth } = await import("better-auth-1.4");
  const { mongodbAdapter } = await import("better-auth-1.4/adapters/mongodb");
  const { twoFactor } = await import("better-auth-1.4/plugins");
  const plugins = hasTwoFactor ? [twoFactor({})] : [];
  return betterAuth({ ...options, plugins, database: mongodbAdapter(db) }).handler;
}

function readJson(text: string): unknown {
  return text === "" ? undefined : JSON.parse(text);
}

function cookieOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .filter((line) => !line.includes("Max-Age=0"))
    .map((line) => line.split(";")[0] ?? "")
    .join("; ");
}
