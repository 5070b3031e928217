import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { open, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { mongodArguments, type MongodArguments } from "./mongod-arguments.ts";
import { failureOf } from "./mongod-log.ts";
import { signal, terminate, waitFor } from "./processes.ts";
import { watch } from "./watchdog.ts";

/** What a mongod is started with. */
export interface LaunchOptions extends MongodArguments {
  /** Of the binary. */
  readonly path: string;
  /** Its folder is removed if this process ends without stopping it, and it needs no orderly end. */
  readonly throwAway: boolean;
  readonly log: (line: string) => void;
}

/** A mongod that accepts connections. */
export interface MongodProcess {
  readonly pid: number;
  /** Does nothing while it runs. @throws MongodFailure with its reason, when it has ended */
  readonly assertRunning: () => Promise<void>;
  /** Ends it: at once when its data is thrown away, else in order (about 1 s), after 10 s by force. */
  readonly end: () => Promise<void>;
}

const LOG_FILE = "mongod.log";
const LOG_LIMIT_BYTES = 5_000_000;
const READY_TIMEOUT_MS = 120_000;
const GRACE_MS = 10_000;

/**
 * Starts a mongod and waits until it accepts connections. It gets a process group of its own, so that Ctrl-C reaches only the
 * parent, and a watchdog, so that it never outlives it. Its log is `mongod.log` in the data folder, which must exist.
 *
 * @throws MongodFailure when it ends first; Error, when it accepts nothing for 2 minutes
 */
export async function launch(options: LaunchOptions): Promise<MongodProcess> {
  const logFile = join(options.dbPath, LOG_FILE);
  const { child, pid, logStart } = await spawnLogged(options, logFile);
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const announce = (code: number | null, name: string | null) => {
    options.log(`MongoDB (process ${pid}) ended: ${name ?? `exit code ${code}`}; see ${logFile}`);
  };

  const readLog = async () => (await readFile(logFile)).subarray(logStart).toString();

  async function assertRunning(): Promise<void> {
    if (!isRunning()) throw failureOf(await readLog());
  }
  // Not by a connection: on a port in use a stranger would answer.
  async function assertReady(): Promise<void> {
    const isReady = await waitFor(async () => {
      await assertRunning();
      return /waiting for connections/i.test(await readLog());
    }, READY_TIMEOUT_MS);
    if (!isReady) throw new Error(`MongoDB accepts no connections on port ${options.port}`);
  }
  async function end(): Promise<void> {
    child.off("exit", announce);
    if (!options.throwAway) {
      if (isRunning()) terminate(pid);
      if (await waitFor(() => !isRunning(), GRACE_MS)) return;
    }
    if (isRunning()) signal(pid, "SIGKILL");
    await waitFor(() => !isRunning(), GRACE_MS);
  }

  try {
    await assertReady();
  } catch (error) {
    await end();
    throw error;
  }
  child.once("exit", announce);
  // Only now is the log surely ours: while it starts, another server may hold the folder.
  if (logStart > LOG_LIMIT_BYTES) await truncate(logFile);
  return { pid, assertRunning, end };
}

interface Spawned {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Length of the log before, bytes. */
  readonly logStart: number;
}

async function spawnLogged(options: LaunchOptions, logFile: string): Promise<Spawned> {
  const file = await open(logFile, "a");
  try {
    const { size: logStart } = await file.stat();
    const child = spawn(options.path, mongodArguments(options), {
      detached: true,
      windowsHide: true,
      stdio: ["ignore", file.fd, file.fd],
    });
    const { pid } = child;
    if (pid === undefined) {
      await once(child, "spawn"); // Rejects with the reason.
      throw new Error(`${options.path} did not start`);
    }
    child.once("exit", watch(pid, options.throwAway ? options.dbPath : undefined));
    child.unref();
    return { child, pid, logStart };
  } finally {
    await file.close();
  }
}
