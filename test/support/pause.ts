import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

const WAIT_MS = 5000;
const POLL_MS = 5;

/**
 * Stops a process, until it gets SIGCONT, and waits until the system says so: on a busy machine it may answer for a moment
 * after the signal was sent.
 *
 * @throws Error when it still runs after 5 s, or is gone
 */
export async function pauseProcess(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  const end = performance.now() + WAIT_MS;
  while (!isStopped(pid)) {
    if (performance.now() > end) throw new Error(`process ${pid} does not stop`);
    await sleep(POLL_MS);
  }
}

/** T: stopped by a signal. */
function isStopped(pid: number): boolean {
  const state = execFileSync("ps", ["-o", "state=", "-p", String(pid)], { encoding: "utf8" });
  return state.trimStart().startsWith("T");
}
