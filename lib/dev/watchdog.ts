import { spawn } from "node:child_process";
import { Socket } from "node:net";

/**
 * Waits for the end of its standard input, which the system closes however the parent ends; then ends the mongod
 * (kept data: SIGTERM, after 10 s SIGKILL) and removes a throw-away folder. Plain text, because a file of its own would
 * need a loader where this package runs from its TypeScript sources.
 */
const SCRIPT = `
const fs = require("node:fs");
const [pid, folder] = process.argv.slice(1);
const signal = (name) => { try { return process.kill(Number(pid), name); } catch { return false; } };
const zombie = () => { try { return fs.readFileSync("/proc/" + pid + "/stat", "latin1").includes(") Z"); } catch { return false; } };
const poll = (left) => {
  if (left === 0) signal("SIGKILL");
  if (left > -40 && signal(0) && !zombie()) return setTimeout(poll, 50, left - 1);
  if (folder) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
};
process.stdin.resume().on("close", () => { signal(folder ? "SIGKILL" : "SIGTERM"); signal("SIGCONT"); poll(200); });
`;

/**
 * Starts the process that ends a mongod when this one ends without doing so: killed, crashed, Ctrl-C twice, or its
 * terminal closed. It runs in a process group of its own, so that Ctrl-C does not reach it.
 *
 * @param pid of the mongod
 * @param throwAway folder to remove afterwards; undefined keeps the data
 * @returns ends the watch, to be called as soon as the mongod is gone (its pid may be given away)
 */
export function watch(pid: number, throwAway: string | undefined): () => void {
  const watchdog = spawn(process.execPath, ["-e", SCRIPT, String(pid), throwAway ?? ""], {
    detached: true,
    windowsHide: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { ...process.env, NODE_OPTIONS: "", NODE_V8_COVERAGE: "" },
  });
  watchdog.on("error", () => undefined);
  watchdog.unref();
  watchdog.stdin.on("error", () => undefined);
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return () => {
    watchdog.kill("SIGKILL");
  };
}
