import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mongo } from "mongoose";
import { z } from "zod";
import {
  startEmbeddedMongo,
  type EmbeddedMongo,
  type StartMongoOptions,
} from "../../lib/dev/index.ts";
import { pauseProcess } from "../support/pause.ts";
import {
  findWatchdog,
  hasEnded,
  isRunning,
  kill,
  startParent,
  type Parent,
} from "./support/processes.ts";

const commandLine = z.object({
  parsed: z.object({ storage: z.object({ dbPath: z.string() }) }),
});

describe("startEmbeddedMongo", function () {
  this.timeout(30_000);
  let lines: string[];
  let started: EmbeddedMongo[];
  let folder: string;
  beforeEach(async () => {
    lines = [];
    started = [];
    folder = await mkdtemp(join(tmpdir(), "start-"));
  });
  afterEach(async () => {
    // An orderly end of kept data takes a second, which only some tests are about.
    for (const { pid } of started) if (isRunning(pid)) process.kill(pid, "SIGKILL");
    await Promise.all(started.map((server) => server.stop()));
    await rm(folder, { recursive: true });
  });

  const start = async (options: StartMongoOptions = {}) => {
    const server = await startEmbeddedMongo({ log: (line) => lines.push(line), ...options });
    started.push(server);
    return server;
  };
  const connected = async <T>(uri: string, use: (db: mongo.Db, client: mongo.MongoClient) => T) => {
    const client = await mongo.MongoClient.connect(uri);
    try {
      return await use(client.db(), client);
    } finally {
      await client.close();
    }
  };
  const write = (server: EmbeddedMongo) =>
    connected(server.uri, (db) => db.collection("note").insertOne({ text: "kept" }));
  const count = (server: EmbeddedMongo) =>
    connected(server.uri, (db) => db.collection("note").countDocuments({ text: "kept" }));
  const occupy = async (port: number): Promise<Server> => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return server;
  };

  describe("given no dbPath", () => {
    it("when started, then transactions and change streams work", async () => {
      const server = await start({ dbName: "shop" });
      await connected(server.uri, async (db, client) => {
        assert.equal(db.databaseName, "shop");
        const stream = db.collection("order").watch();
        const change = stream.next();
        await client.withSession((session) =>
          session.withTransaction(async () => {
            await db.collection("order").insertOne({ item: 1 }, { session });
            await db.collection("order").insertOne({ item: 2 }, { session });
          }),
        );
        assert.equal((await change).operationType, "insert");
        await stream.close();
      });
      assert.deepEqual(lines, []);
    });

    it("when stopped twice, then the process and its folder are gone", async () => {
      const server = await start();
      const dbPath = await connected(server.uri, async (db) => {
        const answer = await db.admin().command({ getCmdLineOpts: 1 });
        return commandLine.parse(answer).parsed.storage.dbPath;
      });
      assert.ok(existsSync(dbPath));
      await Promise.all([server.stop(), server.stop()]);
      await server.stop();
      assert.equal(existsSync(dbPath), false);
      assert.equal(isRunning(server.pid), false);
    });

    it("when standalone with arguments, then they hold and there is no replica set", async () => {
      const server = await start({ standalone: true, args: ["--setParameter", "notablescan=1"] });
      assert.doesNotMatch(server.uri, /replicaSet/);
      await write(server);
      await assert.rejects(count(server), /No indexed plans available/);
    });

    it("when an argument is wrong, then the error has mongod's own reason", async () => {
      await assert.rejects(start({ args: ["--nonsense"] }), /unrecognised option '--nonsense'/);
    });

    it("when an option is wrong, then it is a TypeError", async () => {
      await assert.rejects(start({ port: 70_000 }), TypeError);
      await assert.rejects(start({ dbName: "a/b" }), TypeError);
    });
  });

  describe("given a dbPath", () => {
    const keep = (options: StartMongoOptions = {}) => start({ dbPath: folder, ...options });

    it("when it is started again, then data and port are the same", async () => {
      const first = await keep();
      await write(first);
      await first.stop();
      const second = await keep();
      assert.equal(second.port, first.port);
      assert.equal(await count(second), 1);
    });

    it("when its port is busy, then it moves to another one with its data", async () => {
      const first = await keep();
      await write(first);
      await first.stop();
      const stranger = await occupy(first.port);
      const second = await keep();
      stranger.close();
      assert.notEqual(second.port, first.port);
      assert.equal(await count(second), 1);
      assert.match(lines.join("\n"), new RegExp(`port ${first.port} is in use`));
    });

    it("when the wanted port is busy, then the error names it", async () => {
      const stranger = await occupy(0);
      const address = stranger.address();
      const port = typeof address === "object" ? address?.port : undefined;
      await assert.rejects(keep({ port }), new RegExp(`^Error: port ${port} is in use`));
      stranger.close();
    });

    it("when its mongod was killed, then it comes back on the same port with its data", async () => {
      const first = await keep();
      await write(first);
      process.kill(first.pid, "SIGKILL");
      const second = await keep({ port: first.port });
      assert.equal(await count(second), 1);
      assert.match(lines.join("\n"), /ended: SIGKILL/);
    });

    it("when it was killed and must move, then no write is lost", async () => {
      const first = await keep();
      await write(first);
      process.kill(first.pid, "SIGKILL");
      const stranger = await occupy(0);
      const address = stranger.address();
      const port = typeof address === "object" ? address?.port : undefined;
      stranger.close();
      assert.equal(await count(await keep({ port })), 1);
    });

    it("when its mongod is paused, then stop ends it nevertheless, in order", async () => {
      const first = await keep();
      await pauseProcess(first.pid);
      await first.stop();
      assert.ok(!isRunning(first.pid));
      assert.deepEqual(lines, []);
    });

    it("when a living process uses it, then the error names the process", async () => {
      const first = await keep();
      await assert.rejects(keep(), (error: Error) => {
        assert.ok(error.message.includes(folder));
        assert.ok(error.message.includes(`process ${process.pid}`));
        assert.ok(error.message.includes(`process ${first.pid}`));
        return true;
      });
    });
  });

  describe("given a parent process", () => {
    let parents: Parent[] = [];
    const given = async (dbPath: string, manner: "serve" | "leave") => {
      const parent = await startParent(dbPath, manner);
      parents.push(parent);
      return parent;
    };
    afterEach(async () => {
      for (const { child } of parents) child.kill("SIGKILL");
      await Promise.all(parents.map(({ mongod }) => hasEnded(mongod)));
      parents = [];
    });

    it("when it is killed, then its mongod ends and the next start has the data", async () => {
      const parent = await given(folder, "serve");
      await kill(parent, "SIGKILL");
      assert.equal(await count(await start({ dbPath: folder })), 1);
      assert.ok(await hasEnded(parent.mongod));
    });

    it("when its watchdog is killed too, then the next start ends the mongod left behind", async () => {
      const parent = await given(folder, "serve");
      process.kill(findWatchdog(parent.mongod), "SIGKILL");
      await kill(parent, "SIGKILL");
      assert.ok(isRunning(parent.mongod));
      const server = await start({ dbPath: folder });
      assert.equal(await count(server), 1);
      assert.ok(!isRunning(parent.mongod));
      assert.deepEqual(lines, [
        `waiting for the MongoDB of an earlier run to end (process ${parent.mongod})`,
      ]);
    });

    it("when Ctrl-C reaches the whole group, then it stops cleanly and without a word", async () => {
      const parent = await given(folder, "serve");
      await kill(parent, "SIGINT", true);
      assert.equal(await parent.ended, 0);
      assert.equal(parent.errors(), "");
      assert.ok(!isRunning(parent.mongod));
    });

    it("when Ctrl-C comes twice, then the mongod ends nevertheless", async () => {
      const parent = await given(folder, "serve");
      const first = kill(parent, "SIGINT", true);
      await sleep(100);
      await kill(parent, "SIGINT", true);
      await first;
      assert.ok(await hasEnded(parent.mongod));
      assert.equal(parent.errors(), "");
    });

    it("when it ends by itself without stop, then it does end, and its mongod with it", async () => {
      const parent = await given("", "leave");
      assert.ok(await hasEnded(parent.mongod));
      assert.equal(await parent.ended, 0);
    });
  });
});
