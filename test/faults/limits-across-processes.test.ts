import assert from "node:assert/strict";
import mongoose, { type Connection } from "mongoose";
import type { AuthOptions } from "../../lib/index.ts";
import { TEST_COST, TEST_PASSWORD } from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";
import { tally, type Tally } from "../support/parallel.ts";
import {
  call,
  endProcess,
  startProcess,
  type Answer,
  type AppSettings,
  type RunningProcess,
} from "./support/processes.ts";

const MAX_FAILURES = 5;

/** Only what JSON can say: the options go to other processes. */
const limited = (rateLimit: NonNullable<AuthOptions["rateLimit"]>): AuthOptions => ({
  emailAndPassword: { enabled: true, password: { cost: TEST_COST } },
  rateLimit: { enabled: true, storage: "database", ...rateLimit },
});

describe("limits of two processes on one database", function () {
  this.timeout(60_000);
  let apps: Readonly<Record<string, AppSettings>>;
  let processes: RunningProcess[];
  const connections: Connection[] = [];
  before(async () => {
    const fifty = { window: 600, max: 50 };
    const account = { maxFailures: MAX_FAILURES };
    apps = {
      shared: { uri: await freshDatabase(), options: limited(fifty) },
      alone: { uri: await freshDatabase(), options: limited({ ...fifty, storage: "memory" }) },
      guarded: {
        uri: await freshDatabase(),
        options: limited({ customRules: { "/**": false }, account }),
      },
    };
    processes = await Promise.all([1, 2].map(() => startProcess("server.ts", { apps })));
  });
  after(async () => {
    await Promise.all(processes.map(endProcess));
    for (const { uri } of Object.values(apps)) {
      const connection = await mongoose.createConnection(uri).asPromise();
      await connection.dropDatabase();
      await connection.close();
    }
    for (const connection of connections) await connection.close();
  });

  /** In turn to the one process and the other, all at once. */
  const ask = (times: number, path: string, body?: object): Promise<Answer[]> =>
    Promise.all(
      Array.from({ length: times }, (_, n) =>
        call(`${String(processes[n % 2]?.url)}${path}`, body),
      ),
    );
  const outcomes = async (...args: Parameters<typeof ask>): Promise<Tally> =>
    tally(await ask(...args));

  it("when 80 requests come at once against 50, the first of all, then exactly 50 pass", async () => {
    assert.deepEqual(await outcomes(80, "/shared/get-session"), {
      "200": 50,
      "429 TOO_MANY_REQUESTS": 30,
    });
  });

  it("when a process is replaced, then it goes on with what was counted", async () => {
    const [first] = processes;
    if (first === undefined) assert.fail();
    await endProcess(first);
    processes[0] = await startProcess("server.ts", { apps });
    assert.deepEqual(await outcomes(4, "/shared/get-session"), { "429 TOO_MANY_REQUESTS": 4 });
  });

  it("when each counts in its own memory, then each lets 50 pass", async () => {
    assert.deepEqual(await outcomes(120, "/alone/get-session"), {
      "200": 100,
      "429 TOO_MANY_REQUESTS": 20,
    });
  });

  describe("given an account that is guessed at through both", () => {
    const credentials = { email: "ada@example.com", password: TEST_PASSWORD };
    const wrong = { ...credentials, password: "Trumpet-4-harbour" };
    let device: string;
    before(async () => {
      const url = `${String(processes[0]?.url)}/guarded/sign-up/email`;
      const { status, headers } = await call(url, { name: "Ada", ...credentials });
      assert.equal(status, 200);
      const lines = headers.getSetCookie();
      device = lines.find((line) => line.includes("known_device"))?.split(";")[0] ?? "";
      assert.notEqual(device, "");
    });

    it("when 100 guesses come at once, then those that are allowed reach the check, in all", async () => {
      assert.deepEqual(await outcomes(100, "/guarded/sign-in/email", wrong), {
        "401 INVALID_EMAIL_OR_PASSWORD": MAX_FAILURES,
        "429 TOO_MANY_REQUESTS": 100 - MAX_FAILURES,
      });
    });

    it("when the owner comes from a known browser, then either process lets them in", async () => {
      for (const { url } of processes) {
        const response = await fetch(`${url}/guarded/sign-in/email`, {
          method: "POST",
          headers: {
            "Content-Type": "application/json",
            Cookie: device,
            Origin: "http://app.test",
          },
          body: JSON.stringify(credentials),
        });
        assert.equal(response.status, 200);
      }
    });

    it("when right passwords come from strangers, then they are refused by both", async () => {
      assert.deepEqual(await outcomes(4, "/guarded/sign-in/email", credentials), {
        "429 TOO_MANY_REQUESTS": 4,
      });
    });

    it("when an unknown account is guessed, then it is limited alike", async () => {
      const unknown = { ...wrong, email: "nobody@example.com" };
      assert.deepEqual(await outcomes(40, "/guarded/sign-in/email", unknown), {
        "401 INVALID_EMAIL_OR_PASSWORD": MAX_FAILURES,
        "429 TOO_MANY_REQUESTS": 40 - MAX_FAILURES,
      });
    });
  });
});
