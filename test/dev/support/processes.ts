import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

const PARENT = fileURLToPath(new URL("parent.ts", import.meta.url));
const greeting = z.object({ pid: z.number(), port: z.number() });

/** A process that has started a mongod. */
export interface Parent {
  readonly child: ChildProcess;
  /** Of its mongod. */
  readonly mongod: number;
  /** Its exit code, when it has ended; null after a signal. */
  readonly ended: Promise<unknown>;
  /** Everything it has written to standard error so far. */
  errors(): string;
}

/**
 * Starts such a process, as leader of its own group.
 *
 * @param manner "serve" stays until it is ended; "leave" ends by itself, without stopping its mongod
 */
export async function startParent(dbPath: string, manner: "serve" | "leave"): Promise<Parent> {
  const args = ["--import", "tsx", PARENT, dbPath, manner];
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += String(chunk)));
  const ended = once(child, "exit").then(([code]: unknown[]) => code);
  const failed = ended.then(() => Promise.reject(new Error(errors)));
  const greeted = once(child.stdout, "data").then(([line]: unknown[]) => String(line));
  const line = await Promise.race([greeted, failed]);
  failed.catch(() => undefined);
  const { pid } = greeting.parse(JSON.parse(line));
  return { child, mongod: pid, ended, errors: () => errors };
}

/** Sends a signal to a parent, or to the group which it leads, and waits for its end. */
export async function kill(parent: Parent, signal: NodeJS.Signals, group = false): Promise<void> {
  const { pid } = parent.child;
  if (pid === undefined) throw new Error("not started");
  process.kill(group ? -pid : pid, signal);
  await parent.ended;
}

/** Whether a process exists; not a dead one that nobody has collected. */
export function isRunning(pid: number): boolean {
  try {
    const state = execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
    return !state.startsWith("Z");
  } catch {
    return false;
  }
}

/** Waits up to 5 s for the end of a process. */
export async function hasEnded(pid: number): Promise<boolean> {
  for (let left = 100; left > 0; left -= 1) {
    if (!isRunning(pid)) return true;
    await sleep(50);
  }
  return false;
}

/** The watchdog of a mongod. */
export function findWatchdog(mongod: number): number {
  const list = execFileSync("ps", ["-ww", "-eo", "pid=,args="], { encoding: "utf8" });
  const line = list.split("\n").find((text) => isWatchdog(text) && text.includes(` ${mongod}`));
  if (line === undefined) throw new Error(`mongod ${mongod} has no watchdog`);
  return Number.parseInt(line, 10);
}

function isWatchdog(line: string): boolean {
  return line.includes(" -e ") && line.includes("process.stdin.resume()");
}
