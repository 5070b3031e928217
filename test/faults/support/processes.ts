import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { AuthOptions } from "../../../lib/index.ts";

/** An instance in a server process. */
export interface AppSettings {
  readonly uri: string;
  readonly options: AuthOptions;
  /** Collection; the process kills itself when an insert into it has succeeded. */
  readonly dieAfter?: string;
}

/** What `server.ts` is started with; JSON. */
export interface ServerSettings {
  /** By name, which is the mount path. */
  readonly apps: Readonly<Record<string, AppSettings>>;
}

/** A process that listens. */
export interface RunningProcess {
  readonly child: ChildProcess;
  /** "http://127.0.0.1:<port>" */
  readonly url: string;
  /** How it ended, once it has: exit code, else signal. */
  readonly ended: Promise<number | string>;
  /** Everything it has written to standard error so far. */
  readonly errors: () => string;
}

const greeting = z.object({ port: z.number() });

/** Starts one of the programs of this folder, and waits until it listens. */
export async function startProcess(program: string, settings: object): Promise<RunningProcess> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = fork(path, [JSON.stringify(settings)], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let errors = "";
  child.stderr?.on("data", (chunk) => (errors += String(chunk)));
  const ended = once(child, "exit").then(([code, signal]: unknown[]) =>
    typeof code === "number" ? code : String(signal),
  );
  const failed = ended.then(() => Promise.reject(new Error(errors)));
  const greeted = once(child, "message").then(([message]: unknown[]) => message);
  const message = await Promise.race([greeted, failed]);
  failed.catch(() => undefined);
  const url = `http://127.0.0.1:${String(greeting.parse(message).port)}`;
  return { child, url, ended, errors: () => errors };
}

/** Ends it at once. */
export async function endProcess({ child, ended }: RunningProcess): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

/** The answer of a server, with how long it took. */
export interface Answer {
  readonly status: number;
  /** Error code; undefined on success. */
  readonly code: string | undefined;
  readonly body: unknown;
  readonly headers: Headers;
  readonly ms: number;
}

const failure = z.object({ code: z.string() });

/** Sends JSON to a server; a body makes it a POST. */
export async function call(url: string, body?: object, token?: string): Promise<Answer> {
  const started = performance.now();
  const response = await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const answer: unknown = text === "" ? undefined : JSON.parse(text);
  return {
    status: response.status,
    code: failure.safeParse(answer).data?.code,
    body: answer,
    headers: response.headers,
    ms: performance.now() - started,
  };
}
