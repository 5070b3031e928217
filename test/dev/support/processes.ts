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
  const [line]: unknown[] = await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(() => Promise.reject(new Error(errors))),
  ]);
  const { pid } = greeting.parse(JSON.parse(String(line)));
  return { child, mongod: pid, errors: () => errors };
}

/** Sends a signal to a process, or to the group which it leads, and waits for its end. */
export async function kill(
  child: ChildProcess,
  signal: NodeJS.Signals,
  group = false,
): Promise<void> {
  if (child.pid === undefined) throw new Error("not started");
  const gone = once(child, "exit");
  process.kill(group ? -child.pid : child.pid, signal);
  await gone;
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
  const pattern = new RegExp(`^ *(\\d+) [^\\n]* -e \\n(?:[^\\n]*\\n)*? ${mongod}\\b`, "m");
  const flat = list.split("\n").find((line) => line.includes(`poll(200); }); ${mongod} `));
  return Number(/\d+/.exec(flat ?? pattern.exec(list)?.[0] ?? "")?.[0]);
}
