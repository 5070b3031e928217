import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { BASE_URL, SECRET, type SeededDatabase } from "./data.ts";
import type { Build } from "./build.ts";
import { load, type LoadResult } from "./load.ts";
import type { ServerSettings, Started, Usage } from "./servers/child.ts";

/** A server in a process of its own. */
export interface ServerProcess {
  /** As the tables show it. */
  readonly name: string;
  readonly program: ServerOptions["program"];
  readonly url: string;
  /** Requests of a route, one for each session. */
  readonly requestsOf: (path: string) => { path: string; headers: Record<string, string> }[];
  /** Milliseconds from the start of the process until it listened. */
  readonly readyMs: number;
  readonly usage: () => Promise<Usage>;
  /** The MongoDB commands sent since the last call; only where they are monitored. */
  readonly commands: () => Promise<string[]>;
  /** Microseconds of processor time for one password hash. */
  readonly hash: () => Promise<number>;
  /** Mails sent since the start; only of `known-accounts`. */
  readonly mails: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Which server is started. */
export interface ServerOptions {
  readonly name: string;
  readonly build: Build;
  /** Its program in `bench/servers`. */
  readonly program: "bare" | "find-one" | "minimum" | "ours" | "official" | "known-accounts";
  readonly database: SeededDatabase;
  readonly monitor?: boolean;
  /** Passwords and tokens are stored as the official package stores them. */
  readonly officialFormat?: boolean;
  /** Folder for a processor profile of the whole life of the process. */
  readonly profile?: string | null;
}

/** Starts a server and waits until it listens. */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const { name, build, program, database, profile = null } = options;
  const settings: ServerSettings = {
    uri: database.uri,
    secret: SECRET,
    baseURL: BASE_URL,
    monitor: options.monitor ?? false,
    officialFormat: options.officialFormat ?? false,
  };
  const child = fork(build.server(program), [JSON.stringify(settings)], {
    execArgv: profile === null ? [] : ["--cpu-prof", "--cpu-prof-dir", profile],
    env: { ...process.env, NODE_ENV: "production", NODE_OPTIONS: "" },
  });
  const started = await answer<Started>(child);
  const ask = <T>(question: string) => {
    child.send(question);
    return answer<T>(child);
  };
  const cookieName = `better-auth.${program === "official" ? "session_token" : "session-token"}`;
  return {
    name,
    program,
    url: `http://127.0.0.1:${started.port}`,
    requestsOf: (path) =>
      database.tokens.map((token) => ({ path, headers: { cookie: `${cookieName}=${token}` } })),
    readyMs: started.readyMs,
    usage: () => ask<Usage>("usage"),
    commands: () => ask<string[]>("commands"),
    hash: () => ask<number>("hash"),
    mails: () => ask<number>("mails"),
    async stop() {
      if (child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const end = new AbortController();
  const { signal } = end;
  const ended = once(child, "exit", { signal }).then(([code]) => {
    throw new Error(`a server of the benchmark ended with code ${String(code)}`);
  });
  try {
    const [message] = (await Promise.race([once(child, "message", { signal }), ended])) as [T];
    return message;
  } finally {
    ended.catch(() => undefined);
    end.abort();
  }
}

/** A run of requests with the processor time that it took the server. */
export interface MeasuredLoad extends LoadResult {
  /** Microseconds per request. */
  readonly cpuMicros: number;
}

/**
 * Puts load on one route of a server.
 *
 * @throws Error when an answer is not 200, or none arrives
 */
export async function measure(
  server: ServerProcess,
  path: string,
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<MeasuredLoad> {
  const requests = server.requestsOf(path);
  const before = await server.usage();
  const result = await load({ url: server.url, connections, seconds, requests });
  const after = await server.usage();
  if (result.requests === 0) throw new Error(`${server.url}${path} did not answer`);
  return { ...result, cpuMicros: (after.cpuMicros - before.cpuMicros) / result.requests };
}

/** How much a warm-up sends. */
interface WarmUp {
  readonly connections: number;
  readonly requests: number;
  /** It ends then in any case. */
  readonly seconds: number;
}

/** Sends so many requests to each server, all at the same time, that the code of a route is compiled. */
export async function warmUp(
  servers: readonly ServerProcess[],
  path: string,
  { connections, requests, seconds }: WarmUp,
): Promise<void> {
  const endsAt = performance.now() + seconds * 1000;
  await Promise.all(
    servers.map(async (server) => {
      let sent = 0;
      while (sent < requests && performance.now() < endsAt) {
        sent += (await measure(server, path, { connections, seconds: 0.5 })).requests;
      }
    }),
  );
}
