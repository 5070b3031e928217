import assert from "node:assert/strict";
import mongoose, { type Connection } from "mongoose";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../lib/dev/index.ts";
import { TEST_COST, TEST_PASSWORD } from "../support/app.ts";
import { freshDatabase, withDatabase } from "../support/mongo.ts";
import {
  call,
  endProcess,
  startProcess,
  type Answer,
  type AppSettings,
  type RunningProcess,
} from "./support/processes.ts";

const PARALLEL = 50;
const cheap = { enabled: true, password: { cost: TEST_COST } };

/** The same address in another letter case for each number. */
const spelling = (n: number): string =>
  Array.from("one.person@example.com")
    .map((letter, at) => ((n >> (at % 6)) & 1 ? letter.toUpperCase() : letter))
    .join("");

const outcomes = (answers: readonly Answer[]): Record<string, number> => {
  const counted: Record<string, number> = {};
  for (const { status, code = "success" } of answers) {
    const outcome = `${String(status)} ${code}`;
    counted[outcome] = (counted[outcome] ?? 0) + 1;
  }
  return counted;
};

describe("POST /sign-up/email, 50 times in parallel over two processes", function () {
  this.timeout(90_000);
  let standalone: EmbeddedMongo;
  let apps: Readonly<Record<string, AppSettings>>;
  let processes: readonly RunningProcess[];
  const connections: Connection[] = [];
  before(async () => {
    standalone = await startEmbeddedMongo({ standalone: true });
    const handle = { type: "string", unique: true } as const;
    apps = {
      real: { uri: await freshDatabase(), options: { emailAndPassword: { enabled: true } } },
      quiet: {
        uri: await freshDatabase(),
        options: { emailAndPassword: { ...cheap, autoSignIn: false } },
      },
      unique: {
        uri: await freshDatabase(),
        options: { emailAndPassword: cheap, user: { additionalFields: { handle } } },
      },
      standalone: {
        uri: withDatabase(standalone.uri, "race"),
        options: { emailAndPassword: cheap },
      },
    };
    processes = await Promise.all([1, 2].map(() => startProcess("server.ts", { apps })));
  });
  after(async () => {
    await Promise.all(processes.map(endProcess));
    for (const connection of connections) {
      await connection.dropDatabase();
      await connection.close();
    }
    await standalone.stop();
  });

  const connect = async (app: string): Promise<Connection> => {
    const connection = await mongoose.createConnection(apps[app]?.uri ?? "").asPromise();
    connections.push(connection);
    return connection;
  };

  const race = (app: string, fieldsOf: (n: number) => object): Promise<Answer[]> =>
    Promise.all(
      Array.from({ length: PARALLEL }, (_, n) =>
        call(`${String(processes[n % 2]?.url)}/${app}/sign-up/email`, {
          name: "Ada",
          password: TEST_PASSWORD,
          ...fieldsOf(n),
        }),
      ),
    );

  const counts = (database: Connection): Promise<number[]> =>
    Promise.all(
      ["user", "account", "session"].map((name) => database.collection(name).countDocuments()),
    );

  it("when all take one address in different letter cases, at the real hash cost, then one user is made and 49 get 422", async () => {
    const answers = await race("real", (n) => ({ email: spelling(n) }));
    const database = await connect("real");
    assert.deepEqual(outcomes(answers), {
      "200 success": 1,
      "422 USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": 49,
    });
    assert.deepEqual(await counts(database), [1, 1, 1]);
    const user = await database.collection("user").findOne();
    const account = await database.collection("account").findOne();
    assert.equal(user?.["email"], "one.person@example.com");
    assert.deepEqual(account?.["userId"], user._id);
  });

  it("when sign-up hides known addresses, then all get the same answer and one user is made", async () => {
    const answers = await race("quiet", (n) => ({ email: spelling(n) }));
    assert.deepEqual(outcomes(answers), { "200 success": 50 });
    assert.deepEqual(await counts(await connect("quiet")), [1, 1, 0]);
  });

  it("when all want one value of a unique field, then one gets it and 49 get 422", async () => {
    const answers = await race("unique", (n) => ({
      email: `user-${String(n)}@example.com`,
      handle: "ada",
    }));
    assert.deepEqual(outcomes(answers), { "200 success": 1, "422 FAILED_TO_CREATE_USER": 49 });
    assert.deepEqual(await counts(await connect("unique")), [1, 1, 1]);
  });

  it("when the server has no transactions, then one user is made and no account is left without one", async () => {
    const answers = await race("standalone", (n) => ({ email: spelling(n) }));
    assert.deepEqual(outcomes(answers), {
      "200 success": 1,
      "422 USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": 49,
    });
    assert.deepEqual(await counts(await connect("standalone")), [1, 1, 1]);
  });
});
