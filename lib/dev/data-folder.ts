import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { isAlive, signal, terminate, waitFor } from "./processes.ts";

const recordSchema = z.object({
  port: z.number().int(),
  /** Whether a replica set was initiated in it. */
  replicaSet: z.boolean(),
  running: z
    .object({ pid: z.number().int(), owner: z.number().int(), host: z.string() })
    .optional(),
});

/** What a data folder remembers of the server that used it last; `running` until it was stopped. */
export type FolderRecord = z.infer<typeof recordSchema>;

/** The folder of a server's files. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly isTemporary: boolean;
  /** Undefined when there is none, or it is damaged. */
  readRecord(): Promise<FolderRecord | undefined>;
  writeRecord(record: FolderRecord): Promise<void>;
  /** Removes a temporary folder; leaves a kept one alone. */
  discard(): Promise<void>;
}

/** Beside MongoDB's own files. */
const RECORD_FILE = "better-auth-express.json";

/**
 * Makes the folder when it is missing.
 *
 * @param dbPath undefined: a new temporary one
 */
export async function openFolder(dbPath: string | undefined): Promise<DataFolder> {
  const isTemporary = dbPath === undefined;
  const path = isTemporary
    ? await mkdtemp(join(tmpdir(), "better-auth-express-"))
    : resolve(dbPath);
  await mkdir(path, { recursive: true });
  const file = join(path, RECORD_FILE);
  return {
    path,
    isTemporary,
    readRecord: () => readRecord(file),
    writeRecord: (record) => writeFile(file, `${JSON.stringify(record)}\n`),
    async discard() {
      if (isTemporary) await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function readRecord(file: string): Promise<FolderRecord | undefined> {
  try {
    const content: unknown = JSON.parse(await readFile(file, "utf8"));
    return recordSchema.safeParse(content).data;
  } catch {
    return undefined;
  }
}

/** The mongod with this pid, as started by this process. */
export function runningHere(pid: number): NonNullable<FolderRecord["running"]> {
  return { pid, owner: process.pid, host: hostname() };
}

const PATIENCE_MS = 3_000;
const GRACE_MS = 10_000;

/**
 * Makes a folder free, after a mongod has refused it because another one holds its lock. A server left behind by a
 * process that is gone is ended (SIGTERM, after 10 s SIGKILL); any other gets 3 s to end by itself.
 *
 * @throws Error when it stays in use; the message names the process
 */
export async function freeFolder(folder: DataFolder, log: (line: string) => void): Promise<void> {
  const holder = await lockHolder(folder.path);
  if (holder === undefined) throw new Error(inUse(folder, "another mongod"));
  const hasEnded = () => !isAlive(holder);
  const running = (await folder.readRecord())?.running;
  // Only a process that our record names too: in another container the same number is another process.
  const isOurs = running?.pid === holder && running.host === hostname();
  if (isOurs && !isAlive(running.owner)) {
    log(`waiting for the MongoDB of an earlier run to end (process ${holder})`);
    terminate(holder);
    if (await waitFor(hasEnded, GRACE_MS)) return;
    signal(holder, "SIGKILL");
  }
  if (await waitFor(hasEnded, PATIENCE_MS)) return;
  const owner = isOurs ? `process ${running.owner}, by its mongod` : "another mongod";
  throw new Error(inUse(folder, `${owner} (process ${holder})`));
}

function inUse({ path }: DataFolder, by: string): string {
  return `the data folder ${path} is in use by ${by}; end it, or pass another dbPath`;
}

/** The pid which a mongod writes into its lock file. */
async function lockHolder(path: string): Promise<number | undefined> {
  const text = await readFile(join(path, "mongod.lock"), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : undefined;
}
