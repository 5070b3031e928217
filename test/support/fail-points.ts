import mongoose from "mongoose";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../lib/dev/index.ts";
import { withDatabase } from "./mongo.ts";

/** MaxTimeMSExpired: an answer of the server that no driver tries again. */
const ERROR_CODE = 50;

/** One command that is to fail. */
export interface FailingStep {
  /** Name in the wire protocol: "delete", "update", "insert", "find", "findAndModify". */
  readonly command: string;
  readonly collection: string;
  /** Commands of this kind that succeed before it. Default: 0. */
  readonly skip?: number;
}

/** A MongoDB of the test's own, whose commands can be made to fail. */
export interface FailingMongo {
  /** A URI for a database of this name. */
  readonly uri: (database: string) => string;
  /** Makes one command in this database fail, once. */
  readonly failOnce: (database: string, step: FailingStep) => Promise<void>;
  /** Whether the armed failure has happened; disarms it. */
  readonly hasFailed: () => Promise<boolean>;
  readonly stop: () => Promise<void>;
}

/** Starts one: a replica set of one, or a standalone server, which has no transactions. */
export async function startFailingMongo({ standalone = false } = {}): Promise<FailingMongo> {
  const args = ["--setParameter", "enableTestCommands=1"];
  const mongo: EmbeddedMongo = await startEmbeddedMongo({ args, standalone });
  const connection = await mongoose.createConnection(mongo.uri).asPromise();
  const admin = connection.getClient().db("admin");
  const set = (mode: unknown, data: object = {}) =>
    admin.command({ configureFailPoint: "failCommand", mode, data });
  return {
    uri: (database) => withDatabase(mongo.uri, database),
    async failOnce(database, { command, collection, skip = 0 }) {
      const namespace = `${database}.${collection}`;
      const data = { failCommands: [command], namespace, errorCode: ERROR_CODE };
      await set(skip === 0 ? { times: 1 } : { skip }, data);
    },
    async hasFailed() {
      const { count } = await set("off");
      return Number(count) > 0;
    },
    async stop() {
      await connection.close();
      await mongo.stop();
    },
  };
}
