import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import type { startMongo } from "better-auth-express/dev";

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
 * @throws Error that says what to do, when it is in use or not allowed
 */
export async function listen(port: number): Promise<Server> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error("PORT must be a number from 1 to 65535");
  }
  const server = createServer().listen(port);
  try {
    await once(server, "listening");
    return server;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const reason = code === "EADDRINUSE" ? "is in use" : `cannot be used (${String(code)})`;
    throw new Error(`Port ${port} ${reason}. Choose another one: PORT=3001 npm start`, { cause });
  }
}

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
  readonly mongo: Awaited<ReturnType<typeof startMongo>>;
}

/** What the terminal shows: where the app is, the same steps as `curl` lines, and where the data is. */
export function instructions({ baseURL, dataFolder, mongo }: Started): string {
  const { origin } = new URL(baseURL);
  const address = `ada-${randomBytes(2).toString("hex")}@example.com`;
  const credentials = `"email":"${address}","password":"Lantern-7-orchard"`;
  const json = "-H 'Content-Type: application/json'";
  const where = mongo.source === "MONGODB_URI" ? mongo.uri.replace(/\/\/.*@/, "//…@") : dataFolder;
  return `
  The demo runs on ${origin}

  The same steps by hand:
    site=${origin} jar=$(mktemp)
    curl -w '\\n' $site/auth/sign-up/email ${json} -d '{"name":"Ada",${credentials}}'
    curl -w '\\n' -c $jar $site/auth/sign-in/email ${json} -d '{${credentials}}'
    curl -w '\\n' -b $jar $site/auth/get-session
    curl -w '\\n' -b $jar $site/auth/list-sessions
    curl -w '\\n' -b $jar $site/private
    curl -w '\\n' -b $jar -c $jar -H "Origin: $site" -X POST $site/auth/sign-out
    curl -w '\\n' -b $jar $site/private

  Data: ${where}
  Ctrl-C ends it.
`;
}
