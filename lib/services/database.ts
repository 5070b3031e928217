import mongoose, { type Connection } from "mongoose";
import type { Database, Log } from "../context.ts";
import { withDeadline } from "../models/deadline.ts";
import type { ModelName, Models } from "../models/index.ts";
import { expireLeftBehind } from "./counters.ts";
import { DatabaseUnavailable } from "./database-errors.ts";
import { buildIndexes, describeFailure, type IndexFailure, type IndexReport } from "./indexes.ts";

/** Milliseconds in which the driver must find a server; then the caller gets 503, and later calls try again. */
const SERVER_SELECTION_MS = 3000;
/** Milliseconds that `ready()` waits for a connection that the app opens. */
const APP_CONNECTION_MS = 3000;

const NO_DATABASE =
  "betterAuth(): no database. Pass `database` (a MongoDB URI or a Mongoose connection), set MONGODB_URI, " +
  "or call mongoose.connect()";
const NOT_CONNECTED = "betterAuth(): the app's Mongoose connection is not connected";
const CLOSED = "betterAuth(): closed";

/** Where the instance's data is. */
export interface ConnectionSource {
  readonly connection: Connection;
  /** Opens the connection, or waits until the app has opened it; may be called again after a failure. */
  open(): Promise<void>;
  /** Ends what `open` opened. */
  close(): Promise<void>;
}

/**
 * @param database a URI, whose connection is ours to open and close; a connection of the app, which is not; or
 *   undefined for the `MONGODB_URI` of the environment, else Mongoose's default connection
 */
export function connectionSource(
  database: Connection | string | undefined,
  env: NodeJS.ProcessEnv,
): ConnectionSource {
  const given = database ?? (env["MONGODB_URI"] === "" ? undefined : env["MONGODB_URI"]);
  return typeof given === "string" ? ownConnection(given) : appConnection(given);
}

function ownConnection(uri: string): ConnectionSource {
  const connection = mongoose.createConnection();
  // Mongoose reports failures here as well as to the caller; without a listener that would end the process.
  connection.on("error", () => undefined);
  return {
    connection,
    async open() {
      if (hasOpened(connection)) return;
      await connection.openUri(uri, { serverSelectionTimeoutMS: SERVER_SELECTION_MS });
    },
    close: () => connection.destroy(),
  };
}

/** Once it was open, the driver finds a lost server by itself; opening it again would leave the old client behind. */
function hasOpened(connection: Connection): boolean {
  return connection.db !== undefined;
}

function appConnection(given: Connection | undefined): ConnectionSource {
  const connection = given ?? mongoose.connection;
  return {
    connection,
    async open() {
      if (hasOpened(connection)) return;
      let heed = (): void => undefined;
      const opened = new Promise<void>((resolve) => {
        heed = resolve;
        connection.once("open", heed);
      });
      await withDeadline(opened, APP_CONNECTION_MS).catch(() => {
        connection.off("open", heed);
        const idle = connection.readyState === mongoose.ConnectionStates.disconnected;
        const isMissing = idle && given === undefined;
        throw new DatabaseUnavailable(isMissing ? NO_DATABASE : NOT_CONNECTED);
      });
    },
    close: () => Promise.resolve(),
  };
}

/** The database of an instance, with its indexes. */
export interface IndexedDatabase extends Database {
  /** Builds the missing indexes, and says what was built and what was not. */
  ensureIndexes(): Promise<IndexReport>;
  close(): Promise<void>;
}

/** What `createDatabase` needs. */
export interface DatabaseOptions {
  readonly source: ConnectionSource;
  readonly models: Models;
  /** Models of the enabled features. */
  readonly modelNames: readonly ModelName[];
  /** False: `ready()` builds no indexes. */
  readonly autoIndex: boolean;
  readonly log: Log;
}

function isDoubleCounter(models: Models, { collection, duplicates }: IndexFailure): boolean {
  return duplicates !== null && collection === models.RateLimit.collection.collectionName;
}

/** Connects, finds out what the server can do, and builds the indexes of the enabled features, once. */
export function createDatabase(options: DatabaseOptions): IndexedDatabase {
  const { source, models, modelNames, autoIndex, log } = options;
  let preparing: Promise<void> | undefined;
  let isReady = false;
  let isClosed = false;
  let transactions = false;
  /** Undefined while the indexes have not been looked at. */
  let failures: readonly IndexFailure[] | undefined;

  async function build(): Promise<IndexReport> {
    const wanted = modelNames.map((name) => models[name]);
    let report = await buildIndexes(wanted);
    if (report.failed.some((failure) => isDoubleCounter(models, failure))) {
      // Better Auth counts without an index, and may count one client twice. Counters may be lost, double ones may not stay.
      await models.RateLimit.deleteMany({});
      report = await buildIndexes(wanted);
    }
    if (modelNames.includes("RateLimit")) await expireLeftBehind(models, log);
    failures = report.failed;
    for (const failure of failures) log.warn(describeFailure(failure));
    return report;
  }

  async function prepare(): Promise<void> {
    if (isClosed) throw new DatabaseUnavailable(CLOSED);
    await source.open();
    const { db } = source.connection;
    if (db === undefined) throw new DatabaseUnavailable(NOT_CONNECTED);
    const hello = await withDeadline(db.admin().command({ hello: 1 }));
    transactions = hello["setName"] !== undefined || hello["msg"] === "isdbgrid";
    if (autoIndex) await build();
    isReady = true;
  }

  function ready(): Promise<void> {
    preparing ??= prepare().catch((cause: unknown) => {
      preparing = undefined;
      if (cause instanceof DatabaseUnavailable) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `betterAuth(): the database cannot be used: ${reason}`;
      throw new DatabaseUnavailable(message, { cause });
    });
    return preparing;
  }

  return {
    connection: source.connection,
    get transactions() {
      return transactions;
    },
    get isReady() {
      return isReady;
    },
    lacksIndex: (collection, field) =>
      failures === undefined ||
      failures.some((failure) => failure.collection === collection && failure.fields[0] === field),
    ready,
    async ensureIndexes() {
      await ready();
      return build();
    },
    async close() {
      isClosed = true;
      // Indexes may take long, and a silent server is never done: then they are cut off.
      if (preparing !== undefined) await withDeadline(preparing).catch(() => undefined);
      await source.close();
    },
  };
}
