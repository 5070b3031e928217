import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientSession } from "mongoose";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../lib/dev/index.ts";
import type { Models, Verification } from "../../lib/index.ts";
import { DeadlineExceeded, OPERATION_DEADLINE_MS } from "../../lib/models/deadline.ts";
import { createId } from "../../lib/models/id.ts";
import { compileModels } from "../../lib/models/index.ts";
import {
  connectionSource,
  createDatabase,
  type IndexedDatabase,
} from "../../lib/services/database.ts";
import { inTransaction, insert } from "../../lib/services/transaction.ts";
import { freshDatabase, withDatabase } from "../support/mongo.ts";

interface Opened {
  readonly models: Models;
  readonly database: IndexedDatabase;
}

const silence = (): void => undefined;

const open = async (uri: string): Promise<Opened> => {
  const source = connectionSource(uri, {});
  const names = { collections: {}, usePlural: false, userFields: {}, sessionFields: {} };
  const models = compileModels({ connection: source.connection, ...names });
  const database = createDatabase({
    source,
    models,
    modelNames: ["User", "Verification"],
    autoIndex: true,
    log: { info: silence, warn: silence, error: silence },
  });
  await database.ready();
  return { models, database };
};

const newRow = (identifier: string): Verification => {
  const createdAt = new Date();
  const expiresAt = new Date(createdAt.getTime() + 60_000);
  const dates = { expiresAt, createdAt, updatedAt: createdAt };
  return { _id: createId(), identifier, value: "value", ...dates };
};

const stored = async ({ models }: Opened, front: string): Promise<string[]> => {
  const rows = await models.Verification.collection.find().toArray();
  const texts = rows.map((row) => String(row["identifier"]));
  return texts.filter((text) => text.startsWith(front)).sort();
};

describe("inTransaction", function () {
  this.timeout(30_000);

  describe("given a replica set", () => {
    let opened: Opened;
    before(async () => {
      opened = await open(await freshDatabase());
    });
    after(async () => {
      await opened.database.connection.dropDatabase();
      await opened.database.close();
    });

    const write = (identifier: string, transaction: ClientSession | undefined) =>
      insert(opened.models.Verification, newRow(identifier), transaction);

    it("when all steps succeed, then all are stored and the result is handed on", async () => {
      const result = await inTransaction(opened, async (transaction) => {
        assert.ok(transaction !== undefined);
        await write("good-1", transaction);
        await write("good-2", transaction);
        return "result";
      });
      assert.equal(result, "result");
      assert.deepEqual(await stored(opened, "good"), ["good-1", "good-2"]);
    });

    it("when a step throws, then nothing is stored and the error is the step's own", async () => {
      const failure = new Error("step");
      const run = inTransaction(opened, async (transaction) => {
        await write("bad-1", transaction);
        throw failure;
      });
      await assert.rejects(run, (error) => error === failure);
      assert.deepEqual(await stored(opened, "bad"), []);
    });

    it("when two change the same row at the same time, then one is tried again and both count", async () => {
      const row = newRow("counter");
      await insert(opened.models.Verification, { ...row, value: "-" }, undefined);
      const { collection } = opened.models.Verification;
      let tries = 0;
      const append = () =>
        inTransaction(opened, async (session) => {
          tries += 1;
          const found = await collection.findOne({ identifier: "counter" }, session && { session });
          await sleep(50);
          const value = `${String(found?.["value"])}x`;
          const options = session && { session };
          await collection.updateOne({ identifier: "counter" }, { $set: { value } }, options);
        });
      await Promise.all([append(), append()]);
      const found = await collection.findOne({ identifier: "counter" });
      assert.equal(found?.["value"], "-xx");
      assert.ok(tries > 2);
    });

    it("when it takes longer than one operation may, then it is given up and nothing is stored later either", async () => {
      const finished = sleep(OPERATION_DEADLINE_MS + 200);
      const run = inTransaction(opened, async (transaction) => {
        await write("late-1", transaction);
        await finished;
        await write("late-2", transaction);
      });
      await assert.rejects(run, DeadlineExceeded);
      await finished;
      await sleep(300);
      assert.deepEqual(await stored(opened, "late"), []);
    });
  });

  describe("given a standalone server", () => {
    let mongo: EmbeddedMongo;
    let opened: Opened;
    before(async () => {
      mongo = await startEmbeddedMongo({ standalone: true });
      opened = await open(withDatabase(mongo.uri, "transaction"));
    });
    after(async () => {
      await opened.database.close();
      await mongo.stop();
    });

    it("when a step throws, then the steps before it stay, which is why their order matters", async () => {
      const run = inTransaction(opened, async (transaction) => {
        assert.equal(transaction, undefined);
        await insert(opened.models.Verification, newRow("step-1"), transaction);
        throw new Error("step");
      });
      await assert.rejects(run, { message: "step" });
      assert.deepEqual(await stored(opened, "step"), ["step-1"]);
    });
  });
});
