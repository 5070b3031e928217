import assert from "node:assert/strict";
import type { Express } from "express";
import mongoose from "mongoose";
import request from "supertest";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../lib/dev/index.ts";
import type { AuthOptions } from "../../lib/index.ts";
import { startApp, type TestApp, type TestAppSettings } from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";
import { startMonitoredApp } from "../support/monitored.ts";
import { pauseProcess } from "../support/pause.ts";
import { sendRaw } from "../support/raw.ts";
import { assertRefusal, headersOf } from "../support/refusal.ts";

const REFUSED = [429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later."] as const;
const UNAVAILABLE = [503, "SERVICE_UNAVAILABLE", "Service temporarily unavailable"] as const;

/** Milliseconds in which an unreachable database is answered. */
const ANSWER_MS = 5000;

type Limits = NonNullable<AuthOptions["rateLimit"]>;

const STORAGES = ["memory", "database"] as const;
const one = { window: 10, max: 1 };
const two = { window: 10, max: 2 };

const behindProxy: TestAppSettings = { before: (app: Express) => app.set("trust proxy", true) };

describe("limitRate with rateLimit.storage", () => {
  const running: TestApp[] = [];
  let database: string;
  let clients = 0;
  before(async () => {
    database = await freshDatabase();
  });
  // The tests share a database: each is another client.
  beforeEach(() => {
    clients += 1;
  });
  after(async () => {
    for (const t of running) await t.stop();
  });

  async function start(
    rateLimit: Limits,
    { settings = behindProxy, ...options }: AuthOptions & { settings?: TestAppSettings } = {},
  ): Promise<TestApp> {
    const limits = { enabled: true, storage: "database", ...rateLimit } as const;
    const t = await startApp({ database, rateLimit: limits, ...options }, settings);
    running.push(t);
    return t;
  }

  const client = () => `203.0.113.${String(clients)}`;
  const getSession = (t: TestApp, ip = client()) =>
    request(t.server).get("/auth/get-session").set("X-Forwarded-For", ip);
  const signIn = (t: TestApp) =>
    request(t.server).post("/auth/sign-in/email").set("X-Forwarded-For", client()).send({});
  const rows = (t: TestApp) => t.database.collection("rateLimit");
  const keysOf = async (t: TestApp): Promise<unknown[]> =>
    (await rows(t).find().toArray()).map(({ key }) => key as unknown).toSorted();

  describe('given "database"', () => {
    it("when 80 requests come at once against 50, the first of all, then exactly 50 pass", async () => {
      const t = await start({ window: 10, max: 50 });
      const answers = await Promise.all(Array.from({ length: 80 }, () => getSession(t)));
      const statuses = answers.map(({ status }) => status);
      assert.equal(statuses.filter((status) => status === 200).length, 50);
      assert.equal(statuses.filter((status) => status === 429).length, 30);
    });

    it("when a request is counted or refused, then that is one command", async () => {
      const t = await startMonitoredApp({
        rateLimit: { enabled: true, storage: "database", ...two },
      });
      running.push(t);
      const commands = await t.commandsOf(async () => {
        for (let time = 0; time < 4; time += 1) await request(t.server).get("/auth/get-session");
      });
      assert.deepEqual(
        commands,
        Array.from({ length: 4 }, () => "findAndModify"),
      );
    });

    it("when requests are counted, then their keys are address and route pattern", async () => {
      const t = await start({}, { database: await freshDatabase() });
      await getSession(t, "192.0.2.1");
      await getSession(t, "192.0.2.1").query({ a: "1" });
      await getSession(t, "2001:db8:1:2:3::4");
      await request(t.server)
        .get(`/auth/reset-password/${"a".repeat(24)}`)
        .set("X-Forwarded-For", "192.0.2.1");
      assert.deepEqual(await keysOf(t), [
        "192.0.2.1|/get-session",
        "192.0.2.1|/reset-password/:token",
        "2001:db8:1:2::/64|/get-session",
      ]);
    });

    it("when another instance counts in the same database, then they share the bucket", async () => {
      const [first, second] = [await start(two), await start(two)];
      await getSession(first).expect(200);
      await getSession(second).expect(200);
      await getSession(first).expect(429);
      await getSession(second).expect(429);
    });

    it("when Better Auth has counted in the window, then it is counted on", async () => {
      const t = await start(two);
      const lastRequest = t.clock.now().getTime() - 1000;
      await rows(t).insertOne({ key: `${client()}|/get-session`, count: 1, lastRequest });
      await getSession(t).expect(200);
      await getSession(t).expect(429);
    });

    it("when it is ready, then what is over will be removed and keys are unique", async () => {
      const t = await start({});
      await t.auth.ready();
      const indexes = await rows(t).indexes();
      assert.ok(indexes.some(({ key, unique }) => "key" in key && unique === true));
      assert.ok(
        indexes.some(
          ({ key, expireAfterSeconds }) => "expiresAt" in key && expireAfterSeconds === 0,
        ),
      );
    });

    it("when the database is not connected yet, then the first request waits for it and counts", async () => {
      const late = mongoose.createConnection();
      const t = await start(one, { database: late });
      const asking = Promise.resolve(getSession(t));
      const first = await Promise.race([
        asking,
        new Promise<string>((resolve) => setTimeout(resolve, 100, "waiting")),
      ]);
      assert.equal(first, "waiting");
      await late.openUri(await freshDatabase());
      assert.equal((await asking).status, 200);
      await getSession(t).expect(429);
      await late.dropDatabase();
      await late.close();
    });
  });

  describe('given "memory"', () => {
    it("when requests are counted, then nothing is written and instances do not share", async () => {
      const memory = { ...one, storage: "memory" } as const;
      const fresh = { database: await freshDatabase() };
      const [first, second] = [await start(memory, fresh), await start(memory, fresh)];
      await getSession(first).expect(200);
      await getSession(first).expect(429);
      await getSession(second).expect(200);
      const names = (await first.database.listCollections()).map(({ name }) => name);
      assert.ok(!names.includes("rateLimit"));
    });

    it("when it is left out, then it is memory", async () => {
      const t = await startApp({ database, rateLimit: { enabled: true } });
      running.push(t);
      assert.equal(t.auth.config.rateLimit.storage, "memory");
    });
  });

  for (const storage of STORAGES) {
    describe(`given "${storage}" and a limit`, () => {
      it("when it is passed, then the answer says when to come back, in whole seconds", async () => {
        const t = await start({ ...two, storage });
        await getSession(t).expect(200);
        await getSession(t).expect(200);
        t.clock.advance(3.1);
        const refused = await getSession(t);
        assertRefusal(refused, REFUSED);
        const { "retry-after": retryAfter, "x-retry-after": official } = headersOf(refused);
        assert.deepEqual([retryAfter, official], ["7", "7"]);
        t.clock.advance(7);
        await getSession(t).expect(200);
      });

      it("when requests are counted and refused, then the headers of draft 8 tell the limit and what is left", async () => {
        const t = await start({ ...two, storage });
        const told: unknown[] = [];
        for (let time = 0; time < 3; time += 1) {
          const headers = headersOf(await getSession(t));
          told.push(headers["ratelimit"]);
          assert.match(
            headers["ratelimit-policy"] ?? "",
            /^"2-in-10sec"; q=2; w=10; pk=:[\w+/=]+:$/,
          );
          assert.equal(headers["x-ratelimit-limit"], undefined);
        }
        assert.deepEqual(told, [
          '"2-in-10sec"; r=1; t=10',
          '"2-in-10sec"; r=0; t=10',
          '"2-in-10sec"; r=0; t=10',
        ]);
      });

      it("when refused requests follow, then they do not count and the wait does not grow", async () => {
        const t = await start({ ...two, storage });
        await getSession(t).expect(200);
        t.clock.advance(8);
        await getSession(t).expect(200);
        t.clock.advance(9);
        await getSession(t).expect(429);
        t.clock.advance(1.1);
        await getSession(t).expect(200);
      });

      for (const [what, rule, passes] of [
        ["of its own", { window: 10, max: 5 }, 5],
        ["that is false", false, 7],
        ["that is a function", () => ({ window: 10, max: 2 }), 2],
      ] as const) {
        it(`when the path has a rule ${what}, then that counts`, async () => {
          const t = await start({ storage, customRules: { "/sign-in/*": rule } });
          const statuses: number[] = [];
          for (let time = 0; time < 7; time += 1) statuses.push((await signIn(t)).status);
          assert.equal(statuses.filter((status) => status !== 429).length, passes);
        });
      }
    });
  }

  describe("given client addresses", () => {
    let t: TestApp;
    before(async () => {
      t = await start({ ...one, window: 600 });
      await t.auth.ready();
    });
    beforeEach(() => rows(t).deleteMany({}));

    for (const [what, first, second, isShared] of [
      ["two IPv6 addresses of one /64", "2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true],
      ["IPv6 addresses of two /64", "2001:db8:1:2::1", "2001:db8:1:3::1", false],
      ["one IPv4 address, once as IPv6", "192.0.2.1", "::ffff:192.0.2.1", true],
      ["one IPv4 address, once as IPv6 in hex digits", "192.0.2.1", "::ffff:c000:201", true],
      ["one IPv4 address with two ports", "192.0.2.1:4001", "192.0.2.1:4002", true],
      ["one IPv6 address with and without a port", "2001:db8::1", "[2001:db8::1]:4002", true],
      ["two IPv4 addresses with one port", "192.0.2.1:4001", "192.0.2.2:4001", false],
      ["texts that are no addresses", "unknown", "_hidden", true],
    ] as const) {
      it(`when the proxy names ${what}, then the bucket is ${isShared ? "shared" : "not shared"}`, async () => {
        await getSession(t, first).expect(200);
        await getSession(t, second).expect(isShared ? 429 : 200);
      });
    }

    it("when addresses are not tracked, then all clients share one bucket", async () => {
      const advanced = { ipAddress: { disableIpTracking: true } };
      const untracked = await start(one, { advanced });
      await getSession(untracked, "192.0.2.1").expect(200);
      await getSession(untracked, "192.0.2.2").expect(429);
    });
  });

  describe("given a limit of one sign-in, which is used up", () => {
    let t: TestApp;
    let ip: string;
    before(async () => {
      t = await start({ customRules: { "/sign-in/email": { window: 600, max: 1 } } });
      ip = client();
      await signIn(t).expect(400);
    });

    for (const target of [
      "/auth/sign-in/email",
      "/auth/sign-in/email?",
      "/auth/sign-in/email?a=1&b[]=2",
      "/auth/sign-in/email/",
      "/auth/sign-in/email//",
      "/auth//sign-in/email",
      "/auth/sign-in//email",
      "//auth/sign-in/email",
      "/auth/./sign-in/email",
      "/auth/x/../sign-in/email",
      "/auth/sign-in/email/.",
      "/AUTH/sign-in/email",
      "/auth/SIGN-IN/email",
      "/auth/Sign-In/Email",
      "/auth/sign-in/%65mail",
      "/auth/sign-in%2Femail",
      "/auth/sign-in/email%20",
      "/auth/sign-in/email%00",
      "/auth/sign-in/email;a=1",
      "/auth/sign-in\\email",
      "http://other.test/auth/sign-in/email",
    ]) {
      it(`when ${target} is asked, then no password is looked at`, async () => {
        const body = JSON.stringify({ email: "ada@example.com", password: "whatever it is" });
        const answer = await sendRaw(
          t.server,
          [
            `POST ${target} HTTP/1.1`,
            "Host: app.test",
            "Content-Type: application/json",
            `Content-Length: ${String(body.length)}`,
            `X-Forwarded-For: ${ip}`,
          ],
          body,
        );
        assert.ok([404, 429].includes(answer.status), String(answer.status));
      });
    }
  });

  describe("given headers that a client forged", () => {
    /** How many of fourteen sign-ins pass, each with other values of these headers. */
    async function countPassed(t: TestApp, headersOfTry: (n: number) => object): Promise<number> {
      let passed = 0;
      for (let n = 1; n <= 14; n += 1) {
        const answer = await request(t.server)
          .post("/auth/sign-in/email")
          .set({ ...headersOfTry(n) })
          .send({});
        if (answer.status !== 429) passed += 1;
      }
      return passed;
    }

    /** The endpoint's own, for longer than the test may take. */
    const customRules = { "/sign-in/email": { window: 600, max: 3 } };

    const forged: Readonly<Record<string, (n: number) => object>> = {
      "X-Forwarded-For": (n) => ({ "X-Forwarded-For": `198.51.100.${String(n)}` }),
      "a chain in X-Forwarded-For": (n) => ({
        "X-Forwarded-For": `198.51.100.${String(n)}, 203.0.113.${String(n)}`,
      }),
      "other headers of proxies": (n) => ({
        Forwarded: `for=198.51.100.${String(n)}`,
        "X-Real-IP": `198.51.100.${String(n)}`,
        "CF-Connecting-IP": `198.51.100.${String(n)}`,
        "True-Client-IP": `198.51.100.${String(n)}`,
        "X-Client-IP": `198.51.100.${String(n)}`,
        "X-Cluster-Client-IP": `198.51.100.${String(n)}`,
      }),
    };

    for (const [what, headersOfTry] of Object.entries(forged)) {
      it(`when no proxy is trusted and ${what} changes with every try, then 3 of 14 pass`, async () => {
        // All come from the loopback interface, as the other tests do not.
        const t = await start({ customRules }, { settings: {} });
        assert.equal(await countPassed(t, headersOfTry), 3);
        await rows(t).deleteMany({});
      });
    }

    it("when one proxy is trusted and the client writes the front of the chain, then 3 of 14 pass", async () => {
      const oneProxy = { before: (app: Express) => app.set("trust proxy", 1) };
      const t = await start({ customRules }, { settings: oneProxy });
      const chain = (n: number) => ({ "X-Forwarded-For": `198.51.100.${String(n)}, 192.0.2.77` });
      assert.equal(await countPassed(t, chain), 3);
    });
  });

  describe("given a collection that takes no rows", () => {
    const validator = { never: { $exists: true } };
    const breakCollection = async (t: TestApp): Promise<void> => {
      await t.auth.ready();
      await t.database.db?.command({ collMod: "rateLimit", validator });
    };
    const mend = async (t: TestApp): Promise<void> => {
      await t.database.db?.command({ collMod: "rateLimit", validator: {} });
    };

    it("when onStoreFailure is left out, then requests are answered 503 until it works again", async () => {
      const t = await start(two, { database: await freshDatabase() });
      await breakCollection(t);
      const answer = await getSession(t);
      assertRefusal(answer, UNAVAILABLE);
      assert.match(headersOf(answer)["retry-after"] ?? "", /^[1-9]\d*$/);
      await mend(t);
      await getSession(t).expect(200);
    });

    it("when onStoreFailure is open, then requests pass uncounted and that is logged", async () => {
      const t = await start(
        { ...two, onStoreFailure: "open" },
        { database: await freshDatabase() },
      );
      await breakCollection(t);
      for (let time = 0; time < 5; time += 1) await getSession(t).expect(200);
      assert.equal(t.logged.filter((line) => line.includes("passes uncounted")).length, 5);
      await mend(t);
      await getSession(t).expect(200);
      await getSession(t).expect(200);
      await getSession(t).expect(429);
    });

    it("when /ok is asked, then it is answered, and limited all the same", async () => {
      const t = await start(two, { database: await freshDatabase() });
      await breakCollection(t);
      const ok = () => request(t.server).get("/auth/ok");
      await ok().expect(200);
      await ok().expect(200);
      await ok().expect(429);
    });
  });

  describe("given a database server that does not answer any more", () => {
    let mongo: EmbeddedMongo;
    before(async function () {
      this.timeout(60_000);
      mongo = await startEmbeddedMongo({ standalone: true });
    });
    after(async () => {
      for (const t of running.splice(-2)) await t.stop();
      await mongo.stop();
    });

    const timed = async <T>(work: PromiseLike<T>): Promise<readonly [T, number]> => {
      const started = performance.now();
      return [await work, performance.now() - started];
    };

    it("when requests come, then they are answered by the rule, in time", async () => {
      const uri = mongo.uri;
      const closed = await start(two, { database: uri });
      const opened = await start({ ...two, onStoreFailure: "open" }, { database: uri });
      const { email, password } = await opened.givenUser();
      await closed.auth.ready();
      await pauseProcess(mongo.pid);
      try {
        const [[refused, refusedMs], [passed], [failed, failedMs]] = await Promise.all([
          timed(getSession(closed)),
          timed(getSession(opened)),
          timed(request(opened.server).post("/auth/sign-in/email").send({ email, password })),
        ]);
        assertRefusal(refused, UNAVAILABLE);
        assert.equal(passed.status, 200);
        assertRefusal(failed, UNAVAILABLE);
        assert.ok(refusedMs < ANSWER_MS && failedMs < ANSWER_MS, `${refusedMs} ${failedMs}`);
        await request(closed.server).get("/auth/ok").expect(200);
      } finally {
        process.kill(mongo.pid, "SIGCONT");
      }
      await getSession(closed, "192.0.2.200").expect(200);
    });
  });
});
