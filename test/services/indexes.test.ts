import assert from "node:assert/strict";
import mongoose, { type Connection, type mongo } from "mongoose";
import request from "supertest";
import { startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { insertSession } from "../support/sessions.ts";
import { freshDatabase } from "../support/mongo.ts";

/** Key and options of every index but `_id`'s, as text, in order. */
const indexesOf = async (database: Connection, collection: string): Promise<string[]> => {
  const indexes = await database.collection(collection).indexes();
  return indexes
    .filter(({ name }) => name !== "_id_")
    .map(({ key, unique, partialFilterExpression, expireAfterSeconds }) =>
      [
        JSON.stringify(key),
        unique === true ? "unique" : "",
        partialFilterExpression === undefined ? "" : JSON.stringify(partialFilterExpression),
        expireAfterSeconds === undefined ? "" : `TTL ${String(expireAfterSeconds)}`,
      ]
        .filter((part) => part !== "")
        .join(" "),
    )
    .sort();
};

const EXPECTED = {
  user: ['{"email":1} unique', '{"username":1} unique {"username":{"$type":"string"}}'],
  session: [
    '{"activeOrganizationId":1} {"activeOrganizationId":{"$type":"string"}}',
    '{"expiresAt":1} TTL 0',
    '{"token":1} unique',
    '{"userId":1}',
  ],
  account: ['{"providerId":1,"accountId":1} unique', '{"userId":1}'],
  verification: ['{"expiresAt":1} TTL 0', '{"identifier":1}', '{"value":1}'],
} as const;

describe("indexes", () => {
  const started: TestApp[] = [];
  const start = async (...args: Parameters<typeof startApp>): Promise<TestApp> => {
    const t = await startApp(...args);
    started.push(t);
    return t;
  };
  after(async () => {
    for (const t of started) await t.stop();
  });

  describe("given an empty database", () => {
    let t: TestApp;
    before(async () => {
      t = await start();
      await t.auth.ready();
    });

    for (const [collection, expected] of Object.entries(EXPECTED)) {
      it(`when ready() has resolved, then ${collection} has exactly the protocol's`, async () => {
        assert.deepEqual(await indexesOf(t.database, collection), expected);
      });
    }

    it("when ready() has resolved, then no other collection was made", async () => {
      const collections = await t.database.listCollections();
      assert.deepEqual(collections.map(({ name }) => name).sort(), Object.keys(EXPECTED).sort());
    });

    it("when nothing is wrong, then nothing is logged", () => {
      assert.deepEqual(t.logged, []);
    });

    it("when ensureIndexes() is called, then it names each index and no failure", async () => {
      const { built, failed } = await t.auth.ensureIndexes();
      assert.deepEqual(failed, []);
      assert.deepEqual([...built].sort(), [
        "account: providerId, accountId",
        "account: userId",
        "session: activeOrganizationId",
        "session: expiresAt",
        "session: token",
        "session: userId",
        "user: email",
        "user: username",
        "verification: expiresAt",
        "verification: identifier",
        "verification: value",
      ]);
    });
  });

  describe("given the app's own fields and names", () => {
    it("when a field is unique or has an index, then it is built", async () => {
      const t = await start({
        user: {
          additionalFields: {
            handle: { type: "string", required: false, unique: true, fieldName: "user_handle" },
            city: { type: "string", required: false, index: true },
          },
        },
      });
      await t.auth.ready();
      assert.deepEqual(await indexesOf(t.database, "user"), [
        '{"city":1}',
        '{"email":1} unique',
        '{"user_handle":1} unique {"user_handle":{"$type":"string"}}',
        '{"username":1} unique {"username":{"$type":"string"}}',
      ]);
    });

    for (const [option, options, names] of [
      [
        "usePlural",
        { advanced: { database: { usePlural: true } } },
        { user: "users", session: "sessions", account: "accounts", verification: "verifications" },
      ],
      [
        "modelName",
        {
          user: { modelName: "people" },
          session: { modelName: "visits" },
          account: { modelName: "logins" },
          verification: { modelName: "proofs" },
        },
        { user: "people", session: "visits", account: "logins", verification: "proofs" },
      ],
      [
        "modelName over usePlural",
        { advanced: { database: { usePlural: true } }, user: { modelName: "people" } },
        { user: "people", session: "sessions", account: "accounts", verification: "verifications" },
      ],
    ] as const) {
      it(`when ${option} is set, then the collections have those names, and a user signs up, in and is found`, async () => {
        const t = await start(options);
        const { email, cookie } = await t.givenUser();
        await t.givenSession({ email, password: TEST_PASSWORD });
        const found = await request(t.server).get("/auth/get-session").set("Cookie", cookie);
        assert.equal((found.body as { user: { email: string } }).user.email, email);
        for (const [collection, expected] of Object.entries(EXPECTED)) {
          const name = names[collection as keyof typeof names];
          assert.deepEqual(await indexesOf(t.database, name), expected);
        }
        const collections = await t.database.listCollections();
        assert.deepEqual(collections.map(({ name }) => name).sort(), Object.values(names).sort());
      });
    }
  });

  describe("given autoIndex: false", () => {
    it("when ready() has resolved, then none is built until ensureIndexes() is called", async () => {
      const t = await start({ advanced: { database: { autoIndex: false } } });
      await t.auth.ready();
      assert.deepEqual(await t.database.listCollections(), []);
      const { built, failed } = await t.auth.ensureIndexes();
      assert.equal(built.length, 11);
      assert.deepEqual(failed, []);
      assert.deepEqual(await indexesOf(t.database, "user"), EXPECTED.user);
    });
  });

  describe("given indexes and rows of another server", () => {
    const withRows = async (fill: (database: Connection) => Promise<unknown>): Promise<TestApp> => {
      const uri = await freshDatabase();
      const connection = await mongoose.createConnection(uri).asPromise();
      await fill(connection);
      await connection.close();
      return start({ database: uri });
    };

    it("when several values occur twice, then the report counts them for each index, and the rest is built", async () => {
      const account = (accountId: string) => ({ providerId: "github", accountId });
      const t = await withRows(async (database) => {
        await database
          .collection("user")
          .insertMany(["a", "a", "b", "b", "b", "c"].map((email) => ({ email })));
        await database.collection("account").insertMany(["1", "1", "2"].map(account));
      });
      const { built, failed } = await t.auth.ensureIndexes();
      const shown = failed.map(({ reason, ...failure }) => {
        assert.match(reason, /E11000/);
        return failure;
      });
      assert.deepEqual(
        shown.sort((a, b) => a.collection.localeCompare(b.collection)),
        [
          {
            collection: "account",
            fields: ["providerId", "accountId"],
            unique: true,
            duplicates: 1,
          },
          { collection: "user", fields: ["email"], unique: true, duplicates: 2 },
        ],
      );
      assert.equal(built.length, 9);
      assert.ok(
        t.logged.some((line) => /^warn: .*account \(providerId, accountId\).* 1 value/.test(line)),
      );
      assert.ok(t.logged.some((line) => /^warn: .*user \(email\).* 2 value/.test(line)));
    });

    it("when a value occurs twice, then look-ups by it have an index all the same", async () => {
      const t = await withRows((database) =>
        database.collection("user").insertMany([{ email: "a" }, { email: "a" }]),
      );
      await t.auth.ready();
      const plan = await t.database.collection("user").find({ email: "a" }).explain();
      assert.match(JSON.stringify(plan), /"stage":"IXSCAN"/);
      assert.doesNotMatch(JSON.stringify(plan), /COLLSCAN/);
    });

    it("when an index of the same key has other options, then it is reported with the server's reason, and requests work", async () => {
      const t = await withRows((database) =>
        database.collection("user").createIndexes([{ key: { email: 1 } }]),
      );
      await t.givenUser();
      const { failed } = await t.auth.ensureIndexes();
      assert.deepEqual(
        failed.map(({ collection, fields, duplicates }) => ({ collection, fields, duplicates })),
        [{ collection: "user", fields: ["email"], duplicates: null }],
      );
      assert.match(failed[0]?.reason ?? "", /index/i);
    });

    it("when an operator built the same index under another name, then that is ours", async () => {
      const t = await withRows(async (database) => {
        const named = [{ key: { email: 1 } as const, unique: true, name: "address" }];
        await database.collection("user").createIndexes(named);
        const expiry = [{ key: { expiresAt: 1 } as const, expireAfterSeconds: 0, name: "life" }];
        await database.collection("session").createIndexes(expiry);
      });
      const { built, failed } = await t.auth.ensureIndexes();
      assert.deepEqual([built.length, failed, t.logged], [11, [], []]);
      assert.deepEqual(await indexesOf(t.database, "user"), EXPECTED.user);
      assert.deepEqual(await indexesOf(t.database, "session"), EXPECTED.session);
    });

    for (const [what, options] of [
      ["sparse", { unique: true, sparse: true }],
      ["of another language", { unique: true, collation: { locale: "de" } }],
      ["partial", { unique: true, partialFilterExpression: { name: "x" } }],
    ] as const) {
      it(`when it is ${what}, then it is another one and does not stand in for ours`, async () => {
        const t = await withRows((database) =>
          database
            .collection("user")
            .createIndexes([{ key: { email: 1 }, name: "address", ...options }]),
        );
        await t.auth.ready();
        const report = await t.auth.ensureIndexes();
        const own = (await t.database.collection("user").indexes()).filter(
          ({ key, name }) => JSON.stringify(key) === '{"email":1}' && name !== "address",
        );
        assert.equal(own.length + report.failed.length, 1, "built beside it, or reported");
      });
    }

    it("when rows lack a partial index's field, then they do not count as duplicates", async () => {
      const t = await withRows((database) =>
        database
          .collection("user")
          .insertMany([
            { email: "a", username: null },
            { email: "b", username: null },
            { email: "c" },
            { email: "d" },
          ]),
      );
      assert.deepEqual((await t.auth.ensureIndexes()).failed, []);
    });
  });
});

/** Commands with a query. */
const READS = new Set([
  "find",
  "aggregate",
  "update",
  "delete",
  "findAndModify",
  "count",
  "distinct",
]);
/** What the driver adds to a command, and `explain` does not take. */
const ADDED = [
  "$db",
  "lsid",
  "$clusterTime",
  "txnNumber",
  "autocommit",
  "startTransaction",
  "$readPreference",
  "readConcern",
  "writeConcern",
];

/** Stages of a plan and of its joins, by name; a join that scans counts as one. */
const stagesOf = (plan: unknown): string[] => {
  if (typeof plan !== "object" || plan === null) return [];
  return Object.entries(plan).flatMap(([key, value]: [string, unknown]) => {
    if (key === "rejectedPlans") return [];
    if (key === "stage" || key === "strategy") return [String(value)];
    if (key === "collectionScans" && Number(value) > 0) return ["COLLSCAN"];
    return stagesOf(value);
  });
};

describe("queries", () => {
  let t: TestApp;
  let connection: Connection;
  const commands: mongo.Document[] = [];
  before(async () => {
    connection = await mongoose
      .createConnection(await freshDatabase(), { monitorCommands: true })
      .asPromise();
    t = await startApp({ database: connection });
    await t.auth.ready();
    connection.getClient().on("commandStarted", ({ commandName, command }) => {
      if (READS.has(commandName)) commands.push(command);
    });
  });
  after(async () => {
    await connection.dropDatabase();
    await t.stop();
    await connection.close();
  });

  /** Everything that an endpoint can ask the database. */
  const exercise = async (): Promise<void> => {
    const user = await t.givenUser();
    const headers = { Cookie: user.cookie, Origin: TEST_ORIGIN };
    const post = (path: string, body: object) =>
      request(t.server).post(`/auth${path}`).set(headers).send(body);
    const get = (path: string) => request(t.server).get(`/auth${path}`).set(headers);
    await post("/sign-up/email", { ...user, name: "Again" }).expect(422);
    const other = await t.givenSession(user);
    await get("/get-session").expect(200);
    await get("/list-sessions").expect(200);
    await post("/update-user", { name: "Augusta" }).expect(200);
    await post("/revoke-session", { token: other.token }).expect(200);
    await post("/revoke-session", { id: user.id }).expect(200);
    await post("/revoke-other-sessions", {}).expect(200);
    t.clock.advance(90_000);
    await get("/get-session").expect(200);
    const past = new Date(t.clock.now().getTime() - 1000);
    const expired = await insertSession(t, user.id, { expiresAt: past });
    await request(t.server).get("/auth/get-session").set("Cookie", expired.cookie).expect(200);
    const legacy = await insertSession(t, user.id, { userId: user.id });
    await request(t.server).get("/auth/get-session").set("Cookie", legacy.cookie).expect(200);
    await t.auth.models.Account.collection.updateOne(
      { providerId: "credential", accountId: user.id },
      { $set: { userId: user.id } },
    );
    await request(t.server)
      .post("/auth/sign-in/email")
      .send({ email: user.email, password: "wrong" })
      .expect(401);
    await post("/sign-out", {}).expect(200);
    await post("/revoke-sessions", {}).expect(401);
    const last = await t.givenUser();
    await request(t.server)
      .post("/auth/revoke-sessions")
      .set({ Cookie: last.cookie, Origin: TEST_ORIGIN })
      .expect(200);
  };

  it("when every endpoint is used, then none of its queries reads a whole collection", async () => {
    await exercise();
    const used = new Set(commands.map((command) => Object.keys(command)[0]));
    for (const kind of ["find", "aggregate", "update", "delete", "findAndModify"]) {
      assert.ok(used.has(kind), `no ${kind} was seen`);
    }
    const db = connection.getClient().db(connection.name);
    for (const command of [...commands]) {
      const explained = Object.fromEntries(
        Object.entries(command).filter(([key]) => !ADDED.includes(key)),
      );
      const plan = await db.command({ explain: explained, verbosity: "executionStats" });
      const stages = stagesOf(plan);
      const shown = `${JSON.stringify(explained)}: ${stages.join(" ")}`;
      assert.ok(!stages.includes("COLLSCAN") && !stages.includes("NestedLoopJoin"), shown);
      assert.ok(
        stages.some((stage) => /IXSCAN|IDHACK|EXPRESS|EOF/.test(stage)),
        shown,
      );
    }
  });
});
