import { resolveMongod, type MongodSource, type ResolveMongodOptions } from "./find-mongod.ts";
import { HOST } from "./ports.ts";
import { REPLICA_SET } from "./replica-set.ts";
import { startServer } from "./server.ts";

/** Options of {@link startMongo}; each may be left out. */
export interface StartMongoOptions extends ResolveMongodOptions {
  /** Folder that keeps the data; made when missing. Without it the data is thrown away at the end. */
  readonly dbPath?: string | undefined;
  /**
   * Port on 127.0.0.1. Default with `dbPath`: the port of the last run, at first 27217; another one while that is
   * busy. Default without: any free one.
   */
  readonly port?: number | undefined;
  /** Database named in `uri`; default "app". */
  readonly dbName?: string | undefined;
  /** Further arguments of mongod, e.g. `["--setParameter", "notablescan=1"]`; an option given here replaces ours. */
  readonly args?: readonly string[] | undefined;
  /** A server without replica set: no transactions, no change streams. Default false. */
  readonly standalone?: boolean | undefined;
}

/** A MongoDB to connect to. */
export interface MongoServer {
  /** "mongodb://127.0.0.1:27217/app?replicaSet=rs0" */
  readonly uri: string;
  readonly source: MongodSource | "MONGODB_URI";
  /** "6.0.5"; absent with MONGODB_URI, as are the next two. */
  readonly version?: string;
  /** Of the mongod, e.g. for fault tests (SIGSTOP, SIGKILL); the same `dbPath` and `port` start it again. */
  readonly pid?: number;
  readonly port?: number;
  /**
   * Ends the server and, without `dbPath`, removes its data. May be called more than once, and when the server is gone
   * already. Leaves a server from MONGODB_URI alone.
   */
  readonly stop: () => Promise<void>;
}

/** A mongod of ours. */
export interface EmbeddedMongo extends MongoServer {
  readonly source: MongodSource;
  readonly version: string;
  readonly pid: number;
  readonly port: number;
}

/**
 * A real MongoDB for development and tests, a replica set of one: transactions and change streams work.
 *
 * The server named by the environment variable MONGODB_URI, used as it is and without regard to the options; else a
 * mongod started here, see {@link startEmbeddedMongo}.
 */
export async function startMongo(options: StartMongoOptions = {}): Promise<MongoServer> {
  const uri = process.env["MONGODB_URI"];
  if (uri) return { uri, source: "MONGODB_URI", stop: () => Promise.resolve() };
  return startEmbeddedMongo(options);
}

/**
 * As {@link startMongo}, but never the server of MONGODB_URI: for tests that need arguments of their own, or a process
 * they may kill.
 *
 * The mongod ends with this process, however that ends: Ctrl-C (it does not receive the signal itself), a closed
 * terminal, SIGKILL. It does not keep this process alive. What an earlier run left in `dbPath` (a stale lock, a mongod
 * without its parent) is cleared away.
 *
 * @throws TypeError when an option is wrong
 * @throws Error when no mongod can be had (see {@link resolveMongod}), `dbPath` is in use by a living process, `port` is
 *   in use, or the server does not start; the message says which, and why
 */
export async function startEmbeddedMongo(options: StartMongoOptions = {}): Promise<EmbeddedMongo> {
  const { dbName = "app", port, standalone = false, args = [], log = console.error } = options;
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw new TypeError(`startMongo(): port must be an integer from 1 to 65535, got ${port}`);
  }
  if (!/^[\w-]{1,63}$/.test(dbName)) {
    throw new TypeError(
      `startMongo(): dbName must be letters, digits, "_" or "-", got "${dbName}"`,
    );
  }
  const { path, version, source } = await resolveMongod(options);
  const { dbPath } = options;
  const server = await startServer({ path, version, dbPath, port, standalone, args, log });
  const query = standalone ? "" : `?replicaSet=${REPLICA_SET}`;
  const uri = `mongodb://${HOST}:${server.port}/${dbName}${query}`;
  return { uri, source, version, ...server };
}
