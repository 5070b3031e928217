import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;

/** Whether a process with this pid exists, and is no zombie: in a container perhaps nobody collects those. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function isZombie(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z");
  } catch {
    return false; // Not Linux, or gone this moment.
  }
}

/** Sends a signal; a process that is gone already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone, which is what was wanted.
  }
}

/** Asks a process to end, also one that was stopped with SIGSTOP. On Windows it ends at once. */
export function terminate(pid: number): void {
  signal(pid, "SIGTERM");
  signal(pid, "SIGCONT");
}

/**
 * Asks again and again, until the answer is yes.
 *
 * @param timeoutMs milliseconds
 * @returns false when time ran out first
 */
export async function waitFor(
  ask: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!(await ask())) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
