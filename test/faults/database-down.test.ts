import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import mongoose from "mongoose";
import { findFreePort } from "../../lib/dev/ports.ts";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../lib/dev/index.ts";
import { betterAuth, type Auth } from "../../lib/index.ts";
import { TEST_ORIGIN, TEST_PASSWORD, TEST_SECRET } from "../support/app.ts";
import { pauseProcess } from "../support/pause.ts";
import {
  call,
  endProcess,
  startProcess,
  type Answer,
  type RunningProcess,
} from "./support/processes.ts";

/** Ways of giving the database; "late" is a connection too, on an instance that is first used when the server is lost. */
const KINDS = ["uri", "connection", "default", "late"] as const;
type Kind = (typeof KINDS)[number];
const USED_AT_START = ["uri", "connection", "default"] as const;

/** Milliseconds in which an unreachable database is answered as 503. */
const ANSWER_MS = 5000;
/** Milliseconds in which a database that is back is used again. */
const RECOVERY_MS = 2000;

describe("the database fails", function () {
  this.timeout(60_000);
  let folder: string;
  let port: number;
  let mongo: EmbeddedMongo | undefined;
  let server: RunningProcess;
  let neverOpened: Readonly<Record<"passed" | "missing", Promise<string>>>;
  const known = new Map<Kind, { email: string; token: string }>();
  let addresses = 0;

  const startMongod = async (): Promise<void> => {
    mongo = await startEmbeddedMongo({ dbPath: folder, port, log: () => undefined });
  };
  const signal = (name: NodeJS.Signals): void => {
    if (mongo !== undefined) process.kill(mongo.pid, name);
  };
  const pause = async (): Promise<void> => {
    assert.ok(mongo);
    await pauseProcess(mongo.pid);
  };
  /** Addresses whose sign-up was answered 503. */
  const refused: string[] = [];
  const newUser = () => {
    addresses += 1;
    return { name: "Ada", email: `fault-${addresses}@example.com`, password: TEST_PASSWORD };
  };
  const at = (kind: Kind, path: string): string => `${server.url}/${kind}${path}`;

  /** Reads and writes of one instance, by name. */
  const requestsOf = (kind: Kind): Record<string, () => Promise<Answer>> => {
    const { email, token } = known.get(kind) ?? {
      email: "nobody@example.com",
      token: "x".repeat(32),
    };
    const signIn = { email, password: TEST_PASSWORD };
    return {
      "sign-up": () => {
        const user = newUser();
        refused.push(user.email);
        return call(at(kind, "/sign-up/email"), user);
      },
      "sign-in": () => call(at(kind, "/sign-in/email"), signIn),
      "get-session": () => call(at(kind, "/get-session"), undefined, token),
      "list-sessions": () => call(at(kind, "/list-sessions"), undefined, token),
      "update-user": () => call(at(kind, "/update-user"), { name: "Augusta" }, token),
      // A token of nobody: the deletion of a real one might still arrive.
      "sign-out": () => call(at(kind, "/sign-out"), {}, "x".repeat(32)),
      requireSession: () => call(at(kind, "-guarded"), undefined, token),
      requireAdmin: () => call(at(kind, "-admin"), undefined, token),
    };
  };

  /** Every request of every instance at the same time: 503 with `Retry-After`, soon. */
  const expectUnavailable = async (kinds: readonly Kind[] = KINDS): Promise<void> => {
    const wrong: string[] = [];
    const one = async (what: string, ask: () => Promise<Answer>): Promise<void> => {
      const { status, code, headers, ms } = await ask();
      const isRight = status === 503 && code === "SERVICE_UNAVAILABLE" && ms < ANSWER_MS;
      const hasAdvice = /^[1-9]\d*$/.test(headers.get("retry-after") ?? "");
      const touchesCookies = headers.has("set-cookie");
      if (!isRight || !hasAdvice || touchesCookies) {
        wrong.push(`${what}: ${String(status)} ${String(code)} after ${Math.round(ms)} ms`);
      }
    };
    await Promise.all(
      kinds.flatMap((kind) =>
        Object.entries(requestsOf(kind)).map(([name, ask]) => one(`${kind} ${name}`, ask)),
      ),
    );
    assert.deepEqual(wrong, []);
  };

  /** Only writes, which is the harder case, of one instance: usable again soon. */
  const expectRecovery = async (kind: Kind): Promise<void> => {
    const started = performance.now();
    const user = newUser();
    let answer = await call(at(kind, "/sign-up/email"), user);
    while (answer.status !== 200 && performance.now() - started < RECOVERY_MS) {
      await sleep(50);
      answer = await call(at(kind, "/sign-up/email"), user);
    }
    const { status, body } = answer;
    assert.equal(status, 200);
    assert.ok(performance.now() - started < RECOVERY_MS);
    known.set(kind, { email: user.email, token: (body as { token: string }).token });
  };

  const expectAlive = (): void => {
    assert.equal(server.child.exitCode, null);
    assert.equal(server.child.signalCode, null);
    assert.equal(server.errors(), "");
  };

  const expectOk = async (): Promise<void> => {
    for (const kind of KINDS) {
      const { status, body, ms } = await call(at(kind, "/ok"));
      assert.equal(status, 200);
      assert.deepEqual(body, { ok: true, status: true });
      assert.ok(ms < 1000);
    }
  };

  /** No user without an account, and none who was told that it did not work, whatever was cut off. */
  const expectWhole = async (): Promise<void> => {
    const connection = await mongoose.createConnection(mongo?.uri ?? "").asPromise();
    const accounts = await connection.collection("account").find().toArray();
    const owners = new Set(accounts.map(({ accountId }) => String(accountId)));
    const users = await connection.collection("user").find().toArray();
    await connection.close();
    assert.ok(users.length > 0);
    assert.deepEqual(
      users.filter(({ email }) => refused.includes(String(email))),
      [],
    );
    assert.deepEqual(
      users.filter(({ _id }) => !owners.has(String(_id))),
      [],
    );
  };

  before(() => {
    // Takes 10 s, and is looked at in the end.
    const options = { secret: TEST_SECRET, baseURL: TEST_ORIGIN };
    const saved = process.env["MONGODB_URI"];
    delete process.env["MONGODB_URI"];
    const missing = betterAuth(options);
    if (saved !== undefined) process.env["MONGODB_URI"] = saved;
    const passed = betterAuth({ ...options, database: mongoose.createConnection() });
    const reason = (auth: Auth): Promise<string> =>
      auth.ready().then(
        () => "ready",
        (error: unknown) => (error instanceof Error ? error.message : ""),
      );
    neverOpened = { passed: reason(passed), missing: reason(missing) };
  });
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "fault-"));
    port = await findFreePort();
    server = await startProcess("instances.ts", {
      uri: `mongodb://127.0.0.1:${port}/app?replicaSet=rs0`,
    });
  });
  after(async () => {
    await endProcess(server);
    if (mongo !== undefined) signal("SIGKILL");
    await mongo?.stop();
    await rm(folder, { recursive: true });
  });

  describe("given a server that is not there at start", () => {
    it("when anything is asked, then the answer is 503 within 5 s", () =>
      expectUnavailable(USED_AT_START));
    it("when it is asked again, then the answer is the same", () =>
      expectUnavailable(USED_AT_START));
    it("when /ok is asked, then it answers 200", expectOk);
    it("when it has answered, then the process lives on and has reported no error", expectAlive);
  });

  describe("given that it comes", () => {
    before(startMongod);
    for (const kind of USED_AT_START) {
      it(`when a user signs up with database = ${kind}, then it works within 2 s`, () =>
        expectRecovery(kind));
    }
  });

  describe("given that it is killed", () => {
    before(() => {
      signal("SIGKILL");
    });
    it("when anything is asked, then the answer is 503 within 5 s", () => expectUnavailable());
    it("when /ok is asked, then it answers 200", expectOk);
    it("when it has answered, then the process lives on and has reported no error", expectAlive);
  });

  describe("given that it is back", () => {
    let earlier: ReadonlyMap<Kind, { token: string }>;
    before(async () => {
      earlier = new Map(known);
      await startMongod();
    });
    for (const kind of KINDS) {
      it(`when a user signs up with database = ${kind}, then it works within 2 s`, () =>
        expectRecovery(kind));
    }
    for (const kind of USED_AT_START) {
      it(`when a session from before is shown with database = ${kind}, then it is live`, async () => {
        const { status } = await call(at(kind, "-guarded"), undefined, earlier.get(kind)?.token);
        assert.equal(status, 200);
      });
    }
    it(
      "when the rows are looked at, then no refused sign-up took effect, and no user is without an account",
      expectWhole,
    );
  });

  describe("given that it is silent", () => {
    before(pause);
    after(() => {
      signal("SIGCONT");
    });
    it("when anything is asked, then the answer is 503 within 5 s", () => expectUnavailable());
    it("when /ok is asked, then it answers 200", expectOk);
    it("when it has answered, then the process lives on and has reported no error", expectAlive);
  });

  describe("given that it speaks again", () => {
    for (const kind of KINDS) {
      it(`when a user signs up with database = ${kind}, then it works within 2 s`, () =>
        expectRecovery(kind));
    }
    it(
      "when the rows are looked at, then no refused sign-up took effect, and no user is without an account",
      expectWhole,
    );
  });

  describe("given that it is silent for good", () => {
    before(pause);

    it("when the instances are closed, then they are within 5 s, and the process ends by itself", async () => {
      const started = performance.now();
      server.child.send("close");
      await once(server.child, "message");
      assert.ok(performance.now() - started < ANSWER_MS);
      assert.equal(await server.ended, 0, server.errors());
    });
  });

  describe("given a connection that the app never opens", () => {
    it("when it was passed, then ready() says that it is not connected", async () => {
      const message = "betterAuth(): the app's Mongoose connection is not connected";
      assert.equal(await neverOpened.passed, message);
    });

    it("when nothing was passed, then ready() says what can be", async () => {
      assert.match(
        await neverOpened.missing,
        /^betterAuth\(\): no database\. Pass `database`.*MONGODB_URI.*mongoose\.connect\(\)$/,
      );
    });
  });
});
