import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import mongoose, { type Connection } from "mongoose";
import { MAX_WAITING_WORK_PER_CORE } from "../../lib/crypto/password.ts";
import { TEST_PASSWORD } from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";
import {
  call,
  endProcess,
  startProcess,
  type Answer,
  type RunningProcess,
} from "./support/processes.ts";

/** As much work as may wait for one core, in 6 MB of memory: it runs for longer than the test. */
const ENDLESS = { logN: 11, r: 8, p: MAX_WAITING_WORK_PER_CORE / 2 ** 14 };

describe("the password queue is full", function () {
  this.timeout(30_000);
  let server: RunningProcess;
  let database: Connection;
  before(async () => {
    const uri = await freshDatabase();
    const options = { emailAndPassword: { enabled: true, password: { cost: ENDLESS } } };
    server = await startProcess("server.ts", { apps: { auth: { uri, options } } });
    database = await mongoose.createConnection(uri).asPromise();
    // One hash per core runs, as much again may wait.
    for (let n = 0; n < 2 * availableParallelism(); n += 1) signUp(n).catch(() => undefined);
  });
  after(async () => {
    await endProcess(server);
    await database.dropDatabase();
    await database.close();
  });

  const signUp = (n: number): Promise<Answer> =>
    call(`${server.url}/auth/sign-up/email`, {
      name: "Ada",
      email: `queue-${n}@example.com`,
      password: TEST_PASSWORD,
    });

  /** Asks until the hashes sent before have taken their places; what still waits is left to wait. */
  const refusal = async (ask: () => Promise<Answer>): Promise<Answer> => {
    const asked = Array.from({ length: 3 }, ask);
    for (const one of asked) one.catch(() => undefined);
    return Promise.any(asked);
  };

  const expectRefusal = ({ status, code, headers }: Answer): void => {
    assert.deepEqual([status, code], [503, "SERVICE_UNAVAILABLE"]);
    assert.match(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    assert.equal(headers.get("set-cookie"), null);
  };

  it("when someone signs up, then the answer is 503 with Retry-After and nothing is written", async () => {
    expectRefusal(await refusal(() => signUp(100)));
    const collections = ["user", "account", "session"].map((name) => database.collection(name));
    const counts = await Promise.all(collections.map((rows) => rows.countDocuments()));
    assert.deepEqual(counts, [0, 0, 0]);
  });

  it("when someone signs in with an unknown address, then the answer is the same", async () => {
    const body = { email: "nobody@example.com", password: TEST_PASSWORD };
    expectRefusal(await refusal(() => call(`${server.url}/auth/sign-in/email`, body)));
  });

  it("when something needs no hash, then it is answered as ever", async () => {
    const { status, body } = await call(`${server.url}/auth/get-session`);
    assert.deepEqual([status, body], [200, null]);
  });
});
