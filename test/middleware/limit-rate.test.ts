import assert from "node:assert/strict";
import type { Express } from "express";
import request from "supertest";
import type { AuthOptions } from "../../lib/index.ts";
import { startApp, TEST_PASSWORD, TEST_SECRET, type TestApp } from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";
import { assertRefusal, headersOf, type Answer } from "../support/refusal.ts";

const REFUSED = [429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later."] as const;

type Limits = NonNullable<AuthOptions["rateLimit"]>;

describe("limitRate", () => {
  const running: TestApp[] = [];
  let database: string;
  before(async () => {
    database = await freshDatabase();
  });
  after(async () => {
    for (const t of running) await t.stop();
  });

  async function start(rateLimit: Limits, options: AuthOptions = {}): Promise<TestApp> {
    const trustProxy = (app: Express) => app.set("trust proxy", true);
    const settings = { database, rateLimit: { enabled: true, ...rateLimit }, ...options };
    const t = await startApp(settings, { before: trustProxy });
    running.push(t);
    return t;
  }

  const ok = (t: TestApp, ip = "192.0.2.1") =>
    request(t.server).get("/auth/ok").set("X-Forwarded-For", ip);
  const signIn = (t: TestApp, ip = "192.0.2.1") =>
    request(t.server).post("/auth/sign-in/email").set("X-Forwarded-For", ip).send({});

  /** How many of these requests pass before the first is refused. */
  async function countPassed(ask: () => PromiseLike<Answer>, most: number): Promise<number> {
    for (let passed = 0; passed < most; passed += 1) {
      if ((await ask()).status === 429) return passed;
    }
    return most;
  }

  describe("given the defaults", () => {
    for (const [path, max] of [
      ["/ok", 100],
      ["/sign-in/email", 3],
      ["/sign-up/email", 3],
    ] as const) {
      it(`when ${path} is asked from one address, then ${max} requests pass in 10 s`, async () => {
        const t = await start({});
        const asked = () =>
          path === "/ok"
            ? request(t.server).get(`/auth${path}`)
            : request(t.server).post(`/auth${path}`);
        assert.equal(await countPassed(asked, max + 1), max);
        t.clock.advance(10.1);
        assert.notEqual((await asked()).status, 429);
      });
    }

    it("when it is not production, then nothing is limited", async () => {
      const t = await startApp({ database });
      running.push(t);
      assert.equal(t.auth.config.rateLimit.enabled, false);
      assert.equal(await countPassed(() => signIn(t), 6), 6);
    });

    it("when it is production, then it is limited", async () => {
      const { NODE_ENV } = process.env;
      process.env["NODE_ENV"] = "production";
      const t = await startApp({ database, secret: TEST_SECRET }).finally(() => {
        if (NODE_ENV === undefined) delete process.env["NODE_ENV"];
        else process.env["NODE_ENV"] = NODE_ENV;
      });
      running.push(t);
      assert.equal(await countPassed(() => signIn(t), 6), 3);
    });
  });

  describe("given a limit of 2 in 10 s", () => {
    const two = { window: 10, max: 2 };

    it("when it is passed, then the answer says when to come back, in whole seconds", async () => {
      const t = await start(two);
      await ok(t).expect(200);
      await ok(t).expect(200);
      t.clock.advance(3.4);
      const refused = await ok(t);
      assertRefusal(refused, REFUSED, { cacheable: true });
      const { "retry-after": retryAfter, "x-retry-after": official } = headersOf(refused);
      assert.deepEqual([retryAfter, official], ["7", "7"]);
    });

    it("when the named seconds are over, then requests pass again", async () => {
      const t = await start(two);
      await countPassed(() => ok(t), 3);
      const seconds = Number(headersOf(await ok(t))["retry-after"]);
      t.clock.advance(seconds - 1);
      await ok(t).expect(429);
      t.clock.advance(1.1);
      await ok(t).expect(200);
    });

    it("when refused requests follow, then they do not count and the wait does not grow", async () => {
      const t = await start(two);
      await countPassed(() => ok(t), 3);
      t.clock.advance(9);
      await ok(t).expect(429);
      t.clock.advance(1.1);
      await ok(t).expect(200);
      await ok(t).expect(200);
      await ok(t).expect(429);
    });

    it("when requests come slowly, then the window is measured from the last counted one", async () => {
      const t = await start(two);
      await ok(t).expect(200);
      t.clock.advance(8);
      await ok(t).expect(200);
      t.clock.advance(8);
      await ok(t).expect(429);
      t.clock.advance(2.1);
      await ok(t).expect(200);
    });

    it("when twenty requests come at once, then two pass", async () => {
      const t = await start(two);
      const answers = await Promise.all(Array.from({ length: 20 }, () => ok(t)));
      assert.equal(answers.filter(({ status }) => status === 200).length, 2);
    });

    it("when a request is refused for other reasons, then it counts", async () => {
      const t = await start({ customRules: { "/sign-out": two } });
      const asked = () => request(t.server).post("/auth/sign-out").type("text").send("x");
      await asked().expect(415);
      await asked().expect(415);
      await asked().expect(429);
    });

    it("when the body is too long, then it is not read before the limit", async () => {
      const t = await start({ customRules: { "/sign-out": { window: 10, max: 1 } } });
      const asked = () =>
        request(t.server)
          .post("/auth/sign-out")
          .send({ a: "x".repeat(200_000) });
      await asked().expect(413);
      await asked().expect(429);
    });

    for (const variant of ["?a=1", "?", "?a=%00&b[]=2", "#x"]) {
      it(`when ${variant} is put behind the path, then it is the same bucket`, async () => {
        const t = await start(two);
        await ok(t).expect(200);
        await ok(t).expect(200);
        await request(t.server)
          .get(`/auth/ok${variant}`)
          .set("X-Forwarded-For", "192.0.2.1")
          .expect(429);
      });
    }

    it("when GET and POST reach one endpoint, then they share a bucket, and HEAD too", async () => {
      const t = await start(two);
      await request(t.server).get("/auth/get-session").expect(200);
      await request(t.server).post("/auth/get-session").expect(200);
      await request(t.server).get("/auth/get-session").expect(429);
      await request(t.server).post("/auth/get-session").expect(429);
      await request(t.server).head("/auth/get-session").expect(429);
    });

    it("when the feature's own Router is used as well, then it shares the bucket", async () => {
      const t = await start(two);
      t.app.use("/alone", t.auth.routers.core);
      await ok(t).expect(200);
      await request(t.server).get("/alone/ok").set("X-Forwarded-For", "192.0.2.1").expect(200);
      await ok(t).expect(429);
    });

    it("when another endpoint is asked, then its bucket is its own", async () => {
      const t = await start(two);
      await countPassed(() => ok(t), 3);
      await request(t.server).get("/auth/error").set("X-Forwarded-For", "192.0.2.1").expect(200);
    });

    it("when an unknown path or method is asked, then it counts nowhere", async () => {
      const t = await start(two);
      for (let round = 0; round < 5; round += 1) {
        await request(t.server).get("/auth/nowhere").expect(404);
        await request(t.server).put("/auth/ok").expect(405);
      }
      await ok(t).expect(200);
    });
  });

  describe("given client addresses", () => {
    const one = { window: 10, max: 1 };

    for (const [what, first, second, isShared] of [
      ["two IPv4 addresses", "192.0.2.1", "192.0.2.2", false],
      ["one IPv4 address, once as IPv6", "192.0.2.1", "::ffff:192.0.2.1", true],
      ["two IPv6 addresses of one /64", "2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true],
      ["one IPv6 address in two spellings", "2001:DB8:1:2:0:0:0:1", "2001:db8:1:2::1", true],
      ["IPv6 addresses of two /64", "2001:db8:1:2::1", "2001:db8:1:3::1", false],
    ] as const) {
      it(`when there are ${what}, then the bucket is ${isShared ? "shared" : "not shared"}`, async () => {
        const t = await start(one);
        await ok(t, first).expect(200);
        await ok(t, second).expect(isShared ? 429 : 200);
      });
    }

    describe("and X-Forwarded-For", () => {
      const warnings = (t: TestApp) => t.logged.filter((line) => line.includes("X-Forwarded-For"));
      async function startUntrusting(options: AuthOptions): Promise<TestApp> {
        const t = await startApp({ database, rateLimit: { enabled: true }, ...options });
        running.push(t);
        return t;
      }

      it("when Express trusts no proxy, then that is warned of once", async () => {
        const t = await startUntrusting({});
        await request(t.server).get("/auth/ok").expect(200);
        assert.deepEqual(warnings(t), []);
        await ok(t).expect(200);
        await ok(t, "192.0.2.2").expect(200);
        assert.equal(warnings(t).length, 1);
        assert.match(warnings(t)[0] ?? "", /^warn: .*`trust proxy` is off/);
      });

      it("when Express trusts proxies, or nothing is limited, or advanced.ipAddress is set, then not", async () => {
        const trusting = await start({});
        const unlimited = await startUntrusting({ rateLimit: { enabled: false } });
        const ipAddress = { trustedProxies: ["127.0.0.1"] };
        const configured = await startUntrusting({ advanced: { ipAddress } });
        for (const t of [trusting, unlimited, configured]) {
          await ok(t).expect(200);
          assert.deepEqual(warnings(t), []);
        }
      });
    });

    it("when addresses are not tracked, then all clients share one bucket", async () => {
      const t = await start(one, { advanced: { ipAddress: { disableIpTracking: true } } });
      await ok(t, "192.0.2.1").expect(200);
      await ok(t, "192.0.2.2").expect(429);
    });
  });

  describe("given customRules", () => {
    const loose = { window: 10, max: 5 };

    it("when a path has a rule, then it goes before the endpoint's own", async () => {
      const t = await start({ customRules: { "/sign-in/email": loose } });
      assert.equal(await countPassed(() => signIn(t), 7), 5);
    });

    for (const pattern of ["/sign-in/*", "/*/email", "/**", "/sign-**"]) {
      it(`when ${pattern} has a rule, then /sign-in/email has it`, async () => {
        const t = await start({ customRules: { [pattern]: loose } });
        assert.equal(await countPassed(() => signIn(t), 7), 5);
      });
    }

    for (const pattern of [
      "/sign-in",
      "/*",
      "/SIGN-IN/email",
      "/sign-in/email/",
      "/sign.in/email",
    ]) {
      it(`when ${pattern} has a rule, then /sign-in/email has it not`, async () => {
        const t = await start({ customRules: { [pattern]: loose } });
        assert.equal(await countPassed(() => signIn(t), 7), 3);
      });
    }

    it("when a path and a pattern have rules, then that of the path counts", async () => {
      const t = await start({
        customRules: { "/**": { window: 10, max: 1 }, "/sign-in/email": loose },
      });
      assert.equal(await countPassed(() => signIn(t), 7), 5);
      assert.equal(await countPassed(() => ok(t), 7), 1);
    });

    it("when the rule is false, then there is no limit", async () => {
      const t = await start({ customRules: { "/sign-in/*": false } });
      assert.equal(await countPassed(() => signIn(t), 12), 12);
    });

    it("when the rule is a function, then it is given the request and the usual rule", async () => {
      const given: unknown[] = [];
      const t = await start({
        customRules: {
          "/sign-in/email": (asked, rule) => {
            given.push([asked.method, asked.url, rule]);
            return asked.headers.get("x-office") === null ? rule : false;
          },
        },
      });
      assert.equal(await countPassed(() => signIn(t), 7), 3);
      await signIn(t).set("X-Office", "1").expect(400);
      assert.deepEqual(given[0], [
        "POST",
        "http://app.test/auth/sign-in/email",
        { window: 10, max: 3 },
      ]);
    });

    it("when a function answers another rule, later or at once, then that counts", async () => {
      const t = await start({
        customRules: {
          "/ok": async () => Promise.resolve({ window: 60, max: 2 }),
        },
      });
      assert.equal(await countPassed(() => ok(t), 4), 2);
      assert.match(headersOf(await ok(t))["retry-after"] ?? "", /^(?:59|60)$/);
    });
  });

  describe("given auth.api", () => {
    it("when it is called often, then nothing is limited", async () => {
      const t = await start({ window: 10, max: 1 });
      const { email } = await t.givenUser();
      for (let round = 0; round < 5; round += 1) {
        await t.auth.api.signInEmail({ body: { email, password: TEST_PASSWORD } });
      }
    });
  });
});
