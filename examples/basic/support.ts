import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSocketServer, type Server as SocketServer } from "node:net";
import { join } from "node:path";
import type { Plugin } from "better-auth-express";
import { startMongo, type MongoServer } from "better-auth-express/dev";
import { INBOX } from "./mails.ts";

/** Milliseconds in which a second signal is an echo of the first: npm passes on what the terminal has sent already. */
const ECHO_MS = 1000;

/**
 * From now on Ctrl-C and SIGTERM end the program in order: what the returned function promises is resolved. Before that
 * is called nothing needs an order, and the program just ends; a mongod ends with its parent.
 */
export function stopSignal(): () => Promise<void> {
  let end: () => void = () => process.exit(0);
  let firstAt: number | undefined;
  const onSignal = () => {
    firstAt ??= performance.now();
    // Somebody does not want to wait.
    if (performance.now() - firstAt > ECHO_MS) process.exit(1);
    end();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return () =>
    new Promise((resolve) => {
      end = resolve;
    });
}

/**
 * Takes the port, before anything else is started.
 *
 * @param host address or name to listen on; empty: only programs on this machine get in, because whoever can open the
 *   inbox can use everyone's links
 * @throws Error that says what to do, when it is in use or not allowed
 */
export async function listen(port: number, host = ""): Promise<Server> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error("PORT must be a number from 1 to 65535");
  }
  const server = createServer(sayStarting);
  try {
    await bind(server, port, host === "" ? "127.0.0.1" : host);
    if (host === "") await listenOnIPv6(server, port);
    return server;
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "EADDRINUSE" || code === "EACCES") {
      const reason = code === "EACCES" ? "is not allowed" : "is in use, perhaps by another demo";
      throw new Error(`Port ${port} ${reason}. Choose another one: PORT=3001 npm start`, { cause });
    }
    const where = host === "" ? `Port ${port}` : `HOST ${host}`;
    throw new Error(`${where} cannot be listened on (${String(code)})`, { cause });
  }
}

/** A browser may take `localhost` for ::1; a machine without IPv6 has no such address. */
async function listenOnIPv6(server: Server, port: number): Promise<void> {
  const other = createSocketServer((socket) => server.emit("connection", socket));
  server.once("close", () => other.close());
  await bind(other, port, "::1").catch((error: unknown) => {
    if (!["EADDRNOTAVAIL", "EAFNOSUPPORT"].includes(String(codeOf(error)))) throw error;
  });
}

async function bind(server: SocketServer, port: number, host: string): Promise<void> {
  server.listen(port, host);
  await once(server, "listening");
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Until the app is there: who comes too early is told to come again. */
export function sayStarting(_req: IncomingMessage, res: ServerResponse): void {
  res.writeHead(503, { "Content-Type": "text/plain", "Retry-After": "1" }).end("Starting\n");
}

/**
 * A MongoDB with its data in this folder, or the one that MONGODB_URI names.
 *
 * @throws Error that says what to do, when the folder is in use
 */
export async function demoMongo(dbPath: string): Promise<MongoServer> {
  try {
    return await startMongo({ dbPath });
  } catch (cause) {
    if (!(cause instanceof Error && /data folder .* is in use/.test(cause.message))) throw cause;
    throw new Error(
      `The data folder ${dbPath} is in use: another demo may be running here. End that one, or give this one a database of its own with MONGODB_URI.`,
      { cause },
    );
  }
}

/** Somebody has to be the first to see the page for administrators. */
export const firstUserIsAdmin = {
  id: "first-user-is-admin",
  models: ["User"],
  endpoints: [],
  hooks: {
    async beforeUserCreate({ auth }) {
      return (await auth.models.User.exists({})) === null ? { role: "admin" } : {};
    },
  },
} as const satisfies Plugin;

/** A random secret, the same at the next start, so that sessions survive a restart. */
export function developmentSecret(folder: string): string {
  const file = join(folder, "secret");
  try {
    return readFileSync(file, "utf8");
  } catch {
    const secret = randomBytes(32).toString("base64url");
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, secret, { mode: 0o600 });
    return secret;
  }
}

/** What `instructions` tells about. */
export interface Started {
  readonly baseURL: string;
  readonly dataFolder: string;
  readonly mongo: MongoServer;
  readonly hasInbox: boolean;
}

/** What the terminal shows: where the app is and what to do first, the same as `curl` lines, and where the data is. */
export function instructions({ baseURL, dataFolder, mongo, hasInbox }: Started): string {
  const { origin } = new URL(baseURL);
  const address = `ada-${randomBytes(2).toString("hex")}@example.com`;
  const credentials = `"email":"${address}","password":"Lantern-7-orchard"`;
  const json = "-H 'Content-Type: application/json'";
  const where = mongo.source === "MONGODB_URI" ? mongo.uri.replace(/\/\/.*@/, "//…@") : dataFolder;
  const mails = hasInbox ? `${origin}${INBOX}` : "sent through SMTP_URL";
  return `
  The demo runs on ${origin}
  Open ${origin}/sign-up and sign up: the first user is the administrator.

  Then the same steps by hand, with another user:
    site=${origin} jar=$(mktemp)
    curl -sS -w '\\n' $site/auth/sign-up/email ${json} -d '{"name":"Ada",${credentials}}'
    curl -sS -w '\\n' -c $jar $site/auth/sign-in/email ${json} -d '{${credentials}}'
    curl -sS -w '\\n' -b $jar $site/auth/get-session
    curl -sS -w '\\n' -b $jar $site/auth/list-sessions
    curl -sS -w '\\n' -b $jar $site/private
    curl -sS -w '\\n' -b $jar -c $jar -H "Origin: $site" -X POST $site/auth/sign-out
    curl -sS -w '\\n' -b $jar $site/private

  Mails: ${mails}
  Data: ${where}
  Ctrl-C ends it.
`;
}
