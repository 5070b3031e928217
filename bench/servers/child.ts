import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Express } from "express";

/** What a server is told when it starts. */
export interface ServerSettings {
  /** Of the database. */
  readonly uri: string;
  readonly secret: string;
  readonly baseURL: string;
  /** Counts MongoDB commands; not for timed runs. */
  readonly monitor: boolean;
  /** Passwords and tokens are stored as the official package stores them. */
  readonly officialFormat: boolean;
}

/** Milliseconds that a mail takes where mails are sent. */
export const MAIL_MS = 400;

/** Marks a command of a transaction, behind its name. */
export const IN_TRANSACTION = " (t)";

/** What the driver tells of a command that it sends. */
export interface SentCommand {
  readonly commandName: string;
  readonly command: Readonly<Record<string, unknown>>;
}

/** Its name, marked when it belongs to a transaction. */
export function nameOf({ commandName, command }: SentCommand): string {
  return command["autocommit"] === false ? commandName + IN_TRANSACTION : commandName;
}

/** A server's first message. */
export interface Started {
  readonly port: number;
  /** Milliseconds since the process began. */
  readonly readyMs: number;
}

/** The answer to "usage". */
export interface Usage {
  /** Processor time of the process so far, microseconds. */
  readonly cpuMicros: number;
  readonly memoryBytes: number;
}

/** What the benchmark may ask a server. */
export type Answers = Readonly<Record<string, () => unknown>>;

export function readServerSettings(): ServerSettings {
  return JSON.parse(process.argv[2] ?? "{}") as ServerSettings;
}

/** Listens on a free port of the loopback interface, and answers the questions of the parent process. */
export function serve(app: Express, answers: Answers = {}): void {
  const known: Answers = { usage, ...answers };
  process.on("message", (question) => {
    const answer = known[String(question)];
    if (answer !== undefined) process.send?.(answer());
  });
  process.on("disconnect", () => process.exit());
  const server = createServer(app).listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    const started: Started = { port, readyMs: performance.now() };
    process.send?.(started);
  });
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMicros: user + system, memoryBytes: process.memoryUsage.rss() };
}
