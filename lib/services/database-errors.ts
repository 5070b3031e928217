import mongoose from "mongoose";
import { DeadlineExceeded } from "../models/deadline.ts";

const { MongoError, MongoServerError, MongoServerSelectionError, MongoNetworkError } =
  mongoose.mongo;

/** Server codes that say "not now" or "not you": state changes, shutdown, time-outs, disk full, refused log-in. */
const UNAVAILABLE_CODES: ReadonlySet<number> = new Set([
  6, 7, 13, 18, 24, 50, 64, 89, 91, 112, 133, 134, 189, 216, 234, 251, 262, 317, 358, 9001, 10107,
  11600, 11602, 13388, 13435, 13436, 14031, 17280,
]);

/** Client-side failures of the driver that mean "not connected", by name (they have no common class). */
const UNAVAILABLE_NAMES: ReadonlySet<string> = new Set([
  "MongoNotConnectedError",
  "MongoTopologyClosedError",
  "MongoClientClosedError",
  "MongoServerClosedError",
  "MongoPoolClosedError",
  "MongoPoolClearedError",
  "MongoWaitQueueTimeoutError",
  "MongoOperationTimeoutError",
  "MongoExpiredSessionError",
  "MongooseServerSelectionError",
  "DisconnectedError",
]);

/**
 * Failures of a socket that the driver passes on as they are, when a write meets a closing connection. Not all come
 * from the system: Node itself makes an `EPIPE` for a socket that the other side has ended.
 */
const SOCKET_CODES: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EPIPE",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END",
  "ETIMEDOUT",
]);

/** The database could not be used; thrown by our own code where the driver has no error for it. */
export class DatabaseUnavailable extends Error {
  override readonly name = "DatabaseUnavailable";
}

/** Whether an error means that the database is unreachable or too slow: answered as 503, never as 401. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof DeadlineExceeded || error instanceof DatabaseUnavailable) return true;
  if (!(error instanceof Error)) return false;
  if (UNAVAILABLE_NAMES.has(error.name)) return true;
  if ("code" in error && SOCKET_CODES.has(error.code)) return true;
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError) return true;
  if (error instanceof MongoServerError) return hasUnavailableCode(error);
  if (error instanceof MongoError) return error.hasErrorLabel("TransientTransactionError");
  return /initial connection is complete|before initial connection/.test(error.message);
}

function hasUnavailableCode(error: InstanceType<typeof MongoServerError>): boolean {
  return (
    (typeof error.code === "number" && UNAVAILABLE_CODES.has(error.code)) ||
    error.hasErrorLabel("RetryableWriteError") ||
    error.hasErrorLabel("TransientTransactionError")
  );
}

/** A `before` of `databaseHooks` returned false: the change does not happen, nor what belongs to it. */
export class ChangeRefused extends Error {
  override readonly name = "ChangeRefused";
}

/** Code of the server for a row that the validator of a collection does not accept. */
const INVALID_ROW = 121;

/** Whether a row was refused for what it holds: by a unique index, a validator of the collection, or the app's hook. */
export function isRefusal(error: unknown): boolean {
  if (isDuplicateKey(error) || error instanceof ChangeRefused) return true;
  return error instanceof MongoServerError && error.code === INVALID_ROW;
}

/**
 * Whether a unique index refused a write.
 *
 * @param field only when the index begins with this field
 */
export function isDuplicateKey(error: unknown, field?: string): boolean {
  if (!(error instanceof MongoServerError) || error.code !== 11000) return false;
  if (field === undefined) return true;
  const pattern: unknown = error["keyPattern"];
  return typeof pattern === "object" && pattern !== null && Object.keys(pattern)[0] === field;
}
