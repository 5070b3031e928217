import assert from "node:assert/strict";
import mongoose, { type Connection } from "mongoose";
import type { Counters, Log, Taken } from "../../lib/context.ts";
import { compileModels, type Models } from "../../lib/models/index.ts";
import { createDatabaseCounters, createMemoryCounters } from "../../lib/services/counters.ts";
import {
  connectionSource,
  createDatabase,
  type IndexedDatabase,
} from "../../lib/services/database.ts";
import { isUnavailable } from "../../lib/services/database-errors.ts";
import { freshDatabase } from "../support/mongo.ts";

/** Counters on a database, with what is behind them. */
interface DatabaseCounters {
  readonly counters: Counters;
  readonly database: IndexedDatabase;
  readonly models: Models;
  readonly logged: readonly string[];
}

const RULE = { max: 3, window: 10 };
const WINDOW_MS = RULE.window * 1000;

const outcomesOf = (taken: readonly Taken[]) => taken.map(({ allowed, count }) => [allowed, count]);
const allowedOf = (taken: readonly Taken[]) => taken.filter(({ allowed }) => allowed).length;

describe("counters", () => {
  let uri: string;
  let connection: Connection;
  // Stands still, so that what is left of a window is exact.
  let nowMs: number;
  const clock = {
    now: () => new Date(nowMs),
    advance: (seconds: number) => {
      nowMs += seconds * 1000;
    },
  };
  const opened: IndexedDatabase[] = [];
  let keys = 0;
  before(async () => {
    // Not when the file is read: MongoDB removes rows whose window ended while other tests ran.
    nowMs = Date.now();
    uri = await freshDatabase();
    connection = await mongoose.createConnection(uri, { monitorCommands: true }).asPromise();
  });
  after(async () => {
    for (const database of opened) await database.close();
    await connection.dropDatabase();
    await connection.close();
  });

  const newKey = (): string => {
    keys += 1;
    return `192.0.2.1|/nowhere-${keys}`;
  };

  function open(on: Connection | string, onStoreFailure: "open" | "closed" = "closed") {
    const logged: string[] = [];
    const write = (message: string) => logged.push(message);
    const log: Log = { info: write, warn: write, error: write };
    const source = connectionSource(on, {});
    const models = compileModels({
      connection: source.connection,
      collections: {},
      usePlural: false,
      userFields: {},
      sessionFields: {},
    });
    const database = createDatabase({
      source,
      models,
      modelNames: ["RateLimit"],
      autoIndex: true,
      log,
    });
    opened.push(database);
    const { now } = clock;
    const counters = createDatabaseCounters({ database, models, onStoreFailure, log, now });
    return { counters, database, models, logged } satisfies DatabaseCounters;
  }

  const makers: Readonly<Record<string, () => Counters>> = {
    "in memory": () => createMemoryCounters(clock.now),
    "in the database": () => open(connection).counters,
  };

  for (const [where, make] of Object.entries(makers)) {
    describe(`given counters ${where}`, () => {
      let counters: Counters;
      before(() => {
        counters = make();
      });

      const take = async (key: string, times: number): Promise<Taken[]> => {
        const taken: Taken[] = [];
        for (let time = 0; time < times; time += 1) taken.push(await counters.take(key, RULE));
        return taken;
      };

      it("when more than allowed are taken, then the further ones are refused and do not count", async () => {
        const taken = await take(newKey(), 5);
        assert.deepEqual(outcomesOf(taken), [
          [true, 1],
          [true, 2],
          [true, 3],
          [false, 3],
          [false, 3],
        ]);
      });

      it("when 80 are taken at once, then exactly 50 are allowed", async () => {
        const key = newKey();
        const rule = { max: 50, window: 10 };
        const taken = await Promise.all(Array.from({ length: 80 }, () => counters.take(key, rule)));
        assert.equal(allowedOf(taken), 50);
        assert.deepEqual(
          taken.flatMap(({ allowed, count }) => (allowed ? [count] : [])).toSorted((a, b) => a - b),
          Array.from({ length: 50 }, (_, index) => index + 1),
        );
      });

      it("when the window after the last counted one is over, then it starts anew", async () => {
        const key = newKey();
        await take(key, 2);
        clock.advance(8);
        await take(key, 1);
        clock.advance(8);
        assert.deepEqual(outcomesOf(await take(key, 1)), [[false, 3]]);
        clock.advance(2.1);
        assert.deepEqual(outcomesOf(await take(key, 1)), [[true, 1]]);
      });

      it("when one is refused, then it says when the window ends and does not move it", async () => {
        const key = newKey();
        await take(key, 3);
        clock.advance(4);
        const [first] = await take(key, 1);
        clock.advance(4);
        const [second] = await take(key, 1);
        assert.deepEqual([first?.resetsInMs, second?.resetsInMs], [6000, 2000]);
      });

      it("when one is allowed, then the window ends a whole window later", async () => {
        const [taken] = await take(newKey(), 1);
        assert.equal(taken?.resetsInMs, WINDOW_MS);
      });

      it("when keys differ, then each has its own count", async () => {
        await take(newKey(), 3);
        assert.deepEqual(outcomesOf(await take(newKey(), 1)), [[true, 1]]);
      });

      it("when one is given back, then another is allowed", async () => {
        const key = newKey();
        const taken = await take(key, 3);
        await counters.giveBack(key, taken[2] ?? assert.fail());
        assert.deepEqual(outcomesOf(await take(key, 2)), [
          [true, 3],
          [false, 3],
        ]);
      });

      it("when one is given back, then the window is again that of the one before", async () => {
        const key = newKey();
        await take(key, 2);
        clock.advance(8);
        const [taken] = await take(key, 1);
        await counters.giveBack(key, taken ?? assert.fail());
        clock.advance(2.1);
        assert.deepEqual(outcomesOf(await take(key, 1)), [[true, 1]]);
      });

      it("when another was counted before one is given back, then the window stays that of the other", async () => {
        const key = newKey();
        const [first] = await take(key, 1);
        clock.advance(8);
        await take(key, 1);
        await counters.giveBack(key, first ?? assert.fail());
        clock.advance(8);
        assert.deepEqual(outcomesOf(await take(key, 1)), [[true, 2]]);
      });

      it("when more are given back than were taken, then the count does not go below nothing", async () => {
        const key = newKey();
        const [taken] = await take(key, 1);
        for (let time = 0; time < 3; time += 1)
          await counters.giveBack(key, taken ?? assert.fail());
        assert.deepEqual(outcomesOf(await take(key, 4)).at(-1), [false, 3]);
      });

      it("when a key is cleared, then it starts anew", async () => {
        const key = newKey();
        await take(key, 4);
        await counters.clear(key);
        assert.deepEqual(outcomesOf(await take(key, 1)), [[true, 1]]);
      });

      it("when an unknown key is given back or cleared, then nothing happens", async () => {
        const key = newKey();
        const [taken] = await take(newKey(), 1);
        await counters.giveBack(key, taken ?? assert.fail());
        await counters.clear(key);
        assert.deepEqual(outcomesOf(await take(key, 1)), [[true, 1]]);
      });
    });
  }

  describe("given a database", () => {
    let counters: Counters;
    before(async () => {
      const made = open(connection);
      await made.database.ready();
      ({ counters } = made);
    });

    const rows = () => connection.collection("rateLimit");

    const commandsOf = async (work: () => Promise<unknown>): Promise<string[]> => {
      const names: string[] = [];
      const note = ({ commandName }: { readonly commandName: string }) => names.push(commandName);
      const client = connection.getClient();
      client.on("commandStarted", note);
      await work().finally(() => client.off("commandStarted", note));
      return names;
    };

    it("when one is counted, as the first, a further or a refused one, then that is one command", async () => {
      const key = newKey();
      const commands = await commandsOf(async () => {
        for (let time = 0; time < 5; time += 1) await counters.take(key, RULE);
      });
      assert.deepEqual(
        commands,
        Array.from({ length: 5 }, () => "findAndModify"),
      );
    });

    it("when one is counted, then the row is Better Auth's with a time to remove it", async () => {
      const key = newKey();
      await counters.take(key, RULE);
      const row = await rows().findOne({ key });
      const { _id, ...fields } = row ?? assert.fail();
      const { lastRequest, expiresAt } = fields as { lastRequest?: unknown; expiresAt?: unknown };
      assert.deepEqual(Object.keys(fields).toSorted(), [
        "count",
        "expiresAt",
        "key",
        "lastRequest",
      ]);
      assert.ok(_id instanceof mongoose.Types.ObjectId);
      assert.ok(typeof lastRequest === "number" && expiresAt instanceof Date);
      assert.equal(expiresAt.getTime() - lastRequest, WINDOW_MS);
    });

    it("when it is ready, then keys are unique and MongoDB removes what is over", async () => {
      const indexes = await rows().indexes();
      const ofField = (field: string) => indexes.find(({ key }) => field in key);
      assert.equal(ofField("key")?.unique, true);
      assert.equal(ofField("expiresAt")?.expireAfterSeconds, 0);
    });

    for (const [type, number] of [
      ["double", (value: number) => new mongoose.mongo.Double(value)],
      ["64-bit integer", (value: number) => mongoose.mongo.Long.fromNumber(value)],
    ] as const) {
      describe(`given a row of Better Auth, its time a ${type}`, () => {
        const insert = async (count: number, ageMs: number): Promise<string> => {
          const key = newKey();
          const lastRequest = number(clock.now().getTime() - ageMs);
          await rows().insertOne({ key, count, lastRequest });
          return key;
        };

        it("when its window is open, then it is counted on", async () => {
          const key = await insert(2, 5000);
          assert.deepEqual(outcomesOf([await counters.take(key, RULE)]), [[true, 3]]);
        });

        it("when it is full, then one more is refused, and the row only gets its expiry", async () => {
          const key = await insert(3, 5000);
          const before = await rows().findOne({ key });
          assert.deepEqual(outcomesOf([await counters.take(key, RULE)]), [[false, 3]]);
          const expiresAt = new Date(clock.now().getTime() + WINDOW_MS);
          assert.deepEqual(await rows().findOne({ key }), { ...before, expiresAt });
          clock.advance(1);
          await counters.take(key, RULE);
          assert.deepEqual(await rows().findOne({ key }), { ...before, expiresAt });
        });

        it("when its window is over, then it starts anew and will be removed", async () => {
          const key = await insert(3, WINDOW_MS + 1);
          assert.deepEqual(outcomesOf([await counters.take(key, RULE)]), [[true, 1]]);
          assert.ok((await rows().findOne({ key }))?.["expiresAt"] instanceof Date);
          assert.equal(await rows().countDocuments({ key }), 1);
        });
      });
    }

    it("when many new keys are first taken by two instances at once, then none is counted twice or lost", async () => {
      const others = open(uri);
      await others.database.ready();
      const fresh = Array.from({ length: 30 }, newKey);
      const taken = await Promise.all(
        fresh.map((key) =>
          Promise.all(
            Array.from({ length: 8 }, (_, n) =>
              (n % 2 === 0 ? counters : others.counters).take(key, RULE),
            ),
          ),
        ),
      );
      assert.deepEqual(
        taken.map(allowedOf),
        fresh.map(() => RULE.max),
      );
      assert.equal(await rows().countDocuments({ key: { $in: fresh } }), fresh.length);
    });
  });

  describe("given a collection in which Better Auth counted a key twice", () => {
    let made: DatabaseCounters;
    const key = "192.0.2.9|/twice";
    before(async () => {
      const twice = await freshDatabase();
      made = open(twice);
      const { RateLimit } = made.models;
      await RateLimit.db.openUri(twice);
      const lastRequest = clock.now().getTime();
      await RateLimit.collection.insertMany([
        { key, count: 1, lastRequest },
        { key, count: 1, lastRequest },
      ]);
    });
    after(() => made.models.RateLimit.db.dropDatabase());

    it("when it is ready, then the index is there all the same, and nothing is to be reported", async () => {
      await made.database.ready();
      const indexes = await made.models.RateLimit.collection.indexes();
      assert.ok(indexes.some((index) => "key" in index.key && index.unique === true));
      assert.deepEqual(made.logged, []);
    });

    it("when many are taken at once, then the limit holds", async () => {
      const taken = await Promise.all(
        Array.from({ length: 20 }, () => made.counters.take(key, RULE)),
      );
      assert.equal(allowedOf(taken), RULE.max);
    });
  });

  describe("given counters that Better Auth left behind", () => {
    const DAY_MS = 86_400_000;
    const given = async (validator = {}) => {
      const uri = await freshDatabase();
      const own = await mongoose.createConnection(uri).asPromise();
      const collection = await own.createCollection("rateLimit");
      const lastRequest = clock.now().getTime();
      await collection.insertMany([
        { key: "192.0.2.3|/old", count: 1, lastRequest: lastRequest - 30 * DAY_MS },
        { key: "192.0.2.4|/new", count: 2, lastRequest },
      ]);
      await own.db?.command({ collMod: "rateLimit", validator });
      const made = open(own);
      await made.database.ready();
      const stop = async () => {
        await own.dropDatabase();
        await own.close();
      };
      return { ...made, collection, stop };
    };

    it("when it is ready, then all have a day to go, and count as before", async () => {
      const { counters, collection, stop, logged } = await given();
      const found = await collection.find().toArray();
      const left = found.map(({ expiresAt }) => (expiresAt as Date).getTime() - Date.now());
      assert.ok(left.length === 2 && left.every((ms) => Math.abs(ms - DAY_MS) < 60_000));
      const taken = await counters.take("192.0.2.4|/new", RULE);
      assert.deepEqual(outcomesOf([taken]), [[true, 3]]);
      const row = await collection.findOne({ key: "192.0.2.4|/new" });
      assert.equal((row?.["expiresAt"] as Date).getTime(), clock.now().getTime() + WINDOW_MS);
      assert.deepEqual(logged, []);
      await stop();
    });

    it("when it is ready, then the expiry of our own stays as it is", async () => {
      const { counters, database, collection, stop } = await given();
      await counters.take("192.0.2.5|/own", RULE);
      const before = await collection.find().toArray();
      await database.ensureIndexes();
      assert.deepEqual(await collection.find().toArray(), before);
      await stop();
    });

    it("when the database refuses that, then it is logged, and it is ready all the same", async () => {
      const { database, stop, logged } = await given({ expiresAt: { $exists: false } });
      assert.ok(database.isReady);
      assert.deepEqual(logged, ["rate limits: counters of Better Auth stay in the database"]);
      await stop();
    });
  });

  describe("given a database that is not connected yet", () => {
    it("when one is taken, then it waits for the connection", async () => {
      const late = mongoose.createConnection();
      const { counters } = open(late);
      const taking = counters.take(newKey(), RULE);
      const first = await Promise.race([
        taking.then(() => "taken"),
        new Promise((resolve) => setTimeout(resolve, 100, "waiting")),
      ]);
      assert.equal(first, "waiting");
      await late.openUri(uri);
      assert.deepEqual(outcomesOf([await taking]), [[true, 1]]);
      await late.close();
    });
  });

  describe("given a collection that takes no rows", () => {
    let failing: string;
    let broken: Connection;
    before(async () => {
      failing = await freshDatabase();
      broken = await mongoose.createConnection(failing).asPromise();
      await broken.createCollection("rateLimit", { validator: { never: { $exists: true } } });
    });
    after(async () => {
      await broken.dropDatabase();
      await broken.close();
    });

    it("when it is closed then, then taking rejects with an error that means 503", async () => {
      const { counters } = open(failing);
      await assert.rejects(
        counters.take(newKey(), RULE),
        (error) => isUnavailable(error) && error instanceof Error && error.cause !== undefined,
      );
    });

    it("when it is open then, then what is taken is allowed, and logged", async () => {
      const { counters, logged } = open(failing, "open");
      const taken: Taken[] = [];
      for (let time = 0; time < 5; time += 1) taken.push(await counters.take(newKey(), RULE));
      assert.equal(allowedOf(taken), 5);
      assert.equal(logged.length, 5);
      assert.match(logged[0] ?? "", /passes uncounted/);
    });

    it("when one is given back or cleared, then it is logged and nothing rejects", async () => {
      const { counters, database, logged } = open(failing);
      const key = newKey();
      await broken
        .collection("rateLimit")
        .insertOne(
          { key, count: 1, lastRequest: 0, expiresAt: new Date(Date.now() + WINDOW_MS) },
          { bypassDocumentValidation: true },
        );
      await database.ready();
      const taken = { allowed: true, count: 1, resetsInMs: 0, countedAt: 0, countedBefore: null };
      await counters.giveBack(key, taken);
      await database.close();
      await counters.clear(key);
      assert.deepEqual(logged, [
        "rate limits: a count could not be given back",
        "rate limits: a count could not be cleared",
      ]);
    });
  });
});
