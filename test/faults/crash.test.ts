import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import mongoose, { type Connection } from "mongoose";
import request from "supertest";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../lib/dev/index.ts";
import { startApp, TEST_COST, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { withDatabase } from "../support/mongo.ts";
import { call, startProcess } from "./support/processes.ts";

const EMAIL = "survivor@example.com";
const body = { name: "Ada", email: EMAIL, password: TEST_PASSWORD };
const options = { emailAndPassword: { enabled: true, password: { cost: TEST_COST } } };

/** A server abandons the transaction of a dead client after this many seconds instead of 60. */
const SHORT_TRANSACTIONS = ["--setParameter", "transactionLifetimeLimitSeconds=1"];

const countAll = (database: Connection): Promise<number[]> =>
  Promise.all(
    ["user", "account", "session"].map((name) => database.collection(name).countDocuments()),
  );

/** Signs up in a process that kills itself when this insert has succeeded. */
const crashAfter = async (uri: string, collection: string): Promise<void> => {
  const apps = { auth: { uri, options, dieAfter: collection } };
  const { url, ended } = await startProcess("server.ts", { apps });
  await assert.rejects(call(`${url}/auth/sign-up/email`, body));
  assert.equal(await ended, "SIGKILL");
};

describe("a crash in the middle of a sign-up", function () {
  this.timeout(60_000);
  let mongo: EmbeddedMongo;
  let database: Connection;
  const start = async (settings: Parameters<typeof startEmbeddedMongo>[0]): Promise<void> => {
    mongo = await startEmbeddedMongo(settings);
  };
  const connect = async (name: string): Promise<string> => {
    const uri = withDatabase(mongo.uri, name);
    database = await mongoose.createConnection(uri).asPromise();
    return uri;
  };
  const restarted = async (uri: string, use: (t: TestApp) => Promise<void>): Promise<void> => {
    const t = await startApp({ database: uri });
    await use(t).finally(() => t.stop());
  };
  afterEach(() => database.close());
  after(() => mongo.stop());

  describe("given a replica set", () => {
    before(() => start({ args: SHORT_TRANSACTIONS }));
    after(() => mongo.stop());

    for (const collection of ["account", "user", "session"]) {
      it(`when the process dies after the insert into ${collection}, then nothing is left, and the address can sign up`, async () => {
        const uri = await connect(`set-${collection}`);
        await crashAfter(uri, collection);
        assert.deepEqual(await countAll(database), [0, 0, 0]);
        await restarted(uri, async (t) => {
          let status = 0;
          // Until the server has dropped the dead client's transaction, the address is held by it.
          for (let left = 20; left > 0 && status !== 200; left -= 1) {
            ({ status } = await request(t.server).post("/auth/sign-up/email").send(body));
            if (status !== 200) await sleep(250);
          }
          assert.equal(status, 200);
          assert.deepEqual(await countAll(database), [1, 1, 1]);
        });
      });
    }
  });

  describe("given a standalone server", () => {
    before(() => start({ standalone: true }));

    it("when the process dies after the insert into account, then there is no user, and the address can sign up", async () => {
      const uri = await connect("alone-account");
      await crashAfter(uri, "account");
      assert.deepEqual(await countAll(database), [0, 1, 0]);
      await restarted(uri, async (t) => {
        await request(t.server).post("/auth/sign-up/email").send(body).expect(200);
        await request(t.server).post("/auth/sign-in/email").send(body).expect(200);
      });
    });

    it("when the process dies after the insert into user, then the user has an account and can sign in", async () => {
      const uri = await connect("alone-user");
      await crashAfter(uri, "user");
      const user = await database.collection("user").findOne({ email: EMAIL });
      const account = await database.collection("account").findOne();
      assert.deepEqual(await countAll(database), [1, 1, 0]);
      assert.deepEqual(account?.["userId"], user?._id);
      await restarted(uri, async (t) => {
        await request(t.server).post("/auth/sign-in/email").send(body).expect(200);
      });
    });
  });
});
