import { mongo } from "mongoose";
import { freeFolder, openFolder, runningHere, type DataFolder } from "./data-folder.ts";
import { MongodFailure } from "./mongod-log.ts";
import { launch, type MongodProcess } from "./mongod-process.ts";
import { findFreePort, HOST, isFree, isSoonFree } from "./ports.ts";
import { becomePrimary } from "./replica-set.ts";

/** What a server is started with. */
export interface ServerOptions {
  /** Of the mongod. */
  readonly path: string;
  /** Of the mongod, "6.0.5". */
  readonly version: string;
  /** Undefined: a temporary folder. */
  readonly dbPath: string | undefined;
  /** Undefined: chosen here. */
  readonly port: number | undefined;
  readonly standalone: boolean;
  readonly args: readonly string[];
  readonly log: (line: string) => void;
}

/** A mongod that can be written to. */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  /** Ends it, and removes a temporary folder; idempotent. */
  readonly stop: () => Promise<void>;
}

interface Launched {
  readonly mongod: MongodProcess;
  readonly port: number;
}

const DEFAULT_PORT = 27217;
/** Each meets at most one obstacle: the folder or the port in use. */
const ATTEMPTS = 4;

/**
 * Starts a mongod on a kept or a temporary folder, on a free port, as primary unless it is standalone.
 *
 * @throws Error when the folder or the wanted port is in use, or the server does not start
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const folder = await openFolder(options.dbPath);
  const launched = await launchIn(folder, options).catch(async (error: unknown) => {
    await folder.discard();
    throw error;
  });
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= close(folder, launched));
  try {
    await settle(folder, launched, options);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: launched.mongod.pid, port: launched.port, stop };
}

async function launchIn(folder: DataFolder, options: ServerOptions): Promise<Launched> {
  const { log } = options;
  const remembered = (await folder.readRecord())?.port;
  const preferred = folder.isTemporary ? undefined : (remembered ?? DEFAULT_PORT);
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await choosePort(preferred, attempt));
    try {
      const place = { port, dbPath: folder.path, throwAway: folder.isTemporary };
      const mongod = await launch({ ...options, ...place });
      const hasMoved = options.port === undefined && preferred !== undefined && port !== preferred;
      if (hasMoved) log(`port ${preferred} is in use: MongoDB listens on ${port}`);
      return { mongod, port };
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof MongodFailure)) throw error;
      await overcome(error, folder, options);
    }
  }
}

/** After a first attempt, the preferred port may have been that of a server left behind, which has ended now. */
async function choosePort(preferred: number | undefined, attempt: number): Promise<number> {
  if (preferred === undefined) return findFreePort();
  const isUsable = await (attempt === 1 ? isFree(preferred) : isSoonFree(preferred));
  return isUsable ? preferred : findFreePort();
}

/** Returns when another attempt makes sense. */
async function overcome(
  failure: MongodFailure,
  folder: DataFolder,
  { port, log }: ServerOptions,
): Promise<void> {
  if (failure.kind === "folder-in-use") return freeFolder(folder, log);
  if (failure.kind === "other") throw failure;
  if (port === undefined) return; // The next attempt takes another one.
  throw new Error(`port ${port} is in use; pass another port, or none`, { cause: failure });
}

/** Notes who runs the server and makes it a primary. */
async function settle(
  folder: DataFolder,
  { mongod, port }: Launched,
  { standalone, log }: ServerOptions,
): Promise<void> {
  const replicaSet = (await folder.readRecord())?.replicaSet ?? false;
  const running = runningHere(mongod.pid);
  await folder.writeRecord({ port, replicaSet, running });
  if (standalone) return;
  const address = `${HOST}:${port}`;
  const client = new mongo.MongoClient(`mongodb://${address}/?directConnection=true`);
  try {
    const { assertRunning } = mongod;
    await becomePrimary(client, { address, initiated: replicaSet, assertRunning, log });
  } finally {
    await client.close();
  }
  await folder.writeRecord({ port, replicaSet: true, running });
}

async function close(folder: DataFolder, { mongod, port }: Launched): Promise<void> {
  await mongod.end();
  const replicaSet = (await folder.readRecord())?.replicaSet ?? false;
  await folder.writeRecord({ port, replicaSet });
  await folder.discard();
}
