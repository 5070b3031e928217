import assert from "node:assert/strict";
import type { Express } from "express";
import request from "supertest";
import { betterAuth, type AuthOptions } from "../../lib/index.ts";
import { startApp, TEST_SECRET, type TestApp, type TestUser } from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";
import { sendRaw } from "../support/raw.ts";
import { assertRefusal } from "../support/refusal.ts";

type Headers = Readonly<Record<string, string>>;
type IpAddress = NonNullable<NonNullable<AuthOptions["advanced"]>["ipAddress"]>;
type TrustProxy = boolean | number | string;

const CLIENT = "192.0.2.7";
const FORGED = "203.0.113.66";
/** From where the tests connect. */
const PEER = "127.0.0.1";

describe("requestInfo", () => {
  const running: TestApp[] = [];
  let database: string;
  let user: TestUser;

  before(async () => {
    database = await freshDatabase();
    user = await (await start({})).givenUser();
  });
  after(async () => {
    for (const t of running) await t.stop();
  });

  async function start(options: AuthOptions, trustProxy: TrustProxy = false): Promise<TestApp> {
    const before = (app: Express) => app.set("trust proxy", trustProxy);
    const t = await startApp({ database, ...options }, { before });
    running.push(t);
    return t;
  }

  /** The address that is stored with a session. */
  async function addressOf(t: TestApp, headers: Headers): Promise<string> {
    const { email, password } = user;
    const asked = request(t.server).post("/auth/sign-in/email").set(headers);
    const answer = await asked.send({ email, password }).expect(200);
    const { session } = answer.body as { session: { id: string; ipAddress: string } };
    return session.ipAddress;
  }

  describe("given Express's trust proxy", () => {
    const chain = `${FORGED}, ${CLIENT}, 10.0.0.2`;

    for (const [what, trustProxy, forwardedFor, expected] of [
      ["nothing is trusted", false, CLIENT, PEER],
      ["one proxy is trusted", 1, CLIENT, CLIENT],
      ["one proxy is trusted and the client forges a hop", 1, `${FORGED}, ${CLIENT}`, CLIENT],
      ["two proxies are trusted and the client forges a hop", 2, chain, CLIENT],
      ["proxies are trusted by address", "loopback, 10.0.0.0/8", chain, CLIENT],
      ["the header has an IPv4 address as IPv6", 1, `::ffff:${CLIENT}`, CLIENT],
    ] as const) {
      it(`when ${what}, then the client is ${expected}`, async () => {
        const t = await start({}, trustProxy);
        assert.equal(await addressOf(t, { "X-Forwarded-For": forwardedFor }), expected);
      });
    }

    it("when there is no proxy, then other headers of clients are not believed", async () => {
      const t = await start({});
      const headers = { "X-Real-IP": FORGED, Forwarded: `for=${FORGED}`, "X-Client-IP": FORGED };
      assert.equal(await addressOf(t, headers), PEER);
    });
  });

  describe("given advanced.ipAddress", () => {
    const named = { ipAddressHeaders: ["cf-connecting-ip", "X-Real-IP"] };
    const proxies = { trustedProxies: ["10.0.0.0/8", "2001:db8::/32", "198.51.100.4"] };

    const cases: readonly (readonly [string, IpAddress, Headers, string])[] = [
      ["a named header has an address", named, { "CF-Connecting-IP": CLIENT }, CLIENT],
      ["the first named header is absent", named, { "X-Real-IP": CLIENT }, CLIENT],
      [
        "the first named header is unusable",
        named,
        { "CF-Connecting-IP": "unknown", "X-Real-IP": CLIENT },
        CLIENT,
      ],
      ["a named header has a chain", named, { "X-Real-IP": `${CLIENT}, 10.0.0.1` }, PEER],
      ["a named header has a port", named, { "X-Real-IP": `${CLIENT}:80` }, PEER],
      ["a named header has IPv6", named, { "X-Real-IP": "2001:db8::7" }, "2001:db8::7"],
      ["only a header that is not named is sent", named, { "X-Forwarded-For": CLIENT }, PEER],
      ["no header is sent", named, {}, PEER],
      ["one trusted proxy wrote", proxies, { "X-Forwarded-For": `${CLIENT}, 10.1.2.3` }, CLIENT],
      [
        "the client forged hops",
        proxies,
        { "X-Forwarded-For": `10.9.9.9, ${FORGED}, ${CLIENT}, 2001:db8::1, 198.51.100.4` },
        CLIENT,
      ],
      [
        "a trusted proxy is written as IPv6",
        proxies,
        { "X-Forwarded-For": `${CLIENT}, ::ffff:10.1.2.3` },
        CLIENT,
      ],
      ["every hop is trusted", proxies, { "X-Forwarded-For": "10.0.0.1, 10.0.0.2" }, PEER],
      ["a hop is no address", proxies, { "X-Forwarded-For": `${CLIENT}, x, 10.0.0.2` }, PEER],
      ["the header is empty", proxies, { "X-Forwarded-For": "" }, PEER],
      [
        "proxies write a named header",
        { ...proxies, ipAddressHeaders: ["x-chain"] },
        { "X-Chain": `${FORGED}, ${CLIENT}, 10.0.0.1`, "X-Forwarded-For": FORGED },
        CLIENT,
      ],
      ["tracking is off", { ...named, disableIpTracking: true }, { "X-Real-IP": CLIENT }, ""],
    ];

    for (const [what, ipAddress, headers, expected] of cases) {
      it(`when ${what}, then the client is ${expected || "unknown"}`, async () => {
        const t = await start({ advanced: { ipAddress } });
        assert.equal(await addressOf(t, headers), expected);
      });
    }

    for (const range of ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "/8", "2001::/129", "proxy"]) {
      it(`when ${range} is to be trusted, then it fails at start`, () => {
        const advanced = { ipAddress: { trustedProxies: [range] } };
        const make = () => betterAuth({ secret: TEST_SECRET, database, advanced });
        assert.throws(make, { name: "TypeError", message: /trustedProxies: .* is no address/ });
      });
    }
  });

  describe("given no baseURL", () => {
    const INVALID_ORIGIN = [403, "INVALID_ORIGIN"] as const;
    const BAD_HOST = [400, "BAD_REQUEST", "Invalid Host header"] as const;

    /** Passes when the origin is the one that the request itself was sent to. */
    const signOut = (t: TestApp, lines: readonly string[]) =>
      sendRaw(t.server, [
        "POST /auth/sign-out HTTP/1.1",
        "Cookie: theme=dark",
        "Content-Length: 0",
        ...lines,
      ]);

    it("when it starts, then it warns", async () => {
      const t = await start({ baseURL: "" });
      assert.ok(t.logged.some((line) => /^warn: .*baseURL is missing/.test(line)));
    });

    for (const [host, origin] of [
      ["app.example", "http://app.example"],
      ["app.example:8080", "http://app.example:8080"],
      ["app.example:80", "http://app.example"],
      ["APP.example", "http://app.example"],
      ["[::1]:3000", "http://[::1]:3000"],
    ] as const) {
      it(`when the Host is ${host}, then ${origin} is trusted for this request`, async () => {
        const t = await start({ baseURL: "" });
        const { status } = await signOut(t, [`Host: ${host}`, `Origin: ${origin}`]);
        assert.equal(status, 200);
      });
    }

    it("when another Host was asked before, then its origin is not kept", async () => {
      const t = await start({ baseURL: "" });
      await signOut(t, ["Host: one.example", "Origin: http://one.example"]);
      const answer = await signOut(t, ["Host: two.example", "Origin: http://one.example"]);
      assertRefusal(answer, INVALID_ORIGIN);
    });

    it("when the address of the own origin is a callbackURL, then it is trusted, others are not", async () => {
      const t = await start({ baseURL: "" });
      const ask = (callbackURL: string) =>
        request(t.server).post("/auth/sign-out").set("Host", "app.example").send({ callbackURL });
      await ask("http://app.example/page").expect(200);
      assertRefusal(await ask("http://two.example/page"), [403, "INVALID_CALLBACK_URL"]);
    });

    describe("behind a proxy", () => {
      const forwarded = [
        "Host: internal:3000",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: app.example",
      ];

      it("when it is trusted, then the origin is the one that the client asked", async () => {
        const t = await start({ baseURL: "" }, 1);
        const outside = await signOut(t, [...forwarded, "Origin: https://app.example"]);
        assert.equal(outside.status, 200);
        const inside = await signOut(t, [...forwarded, "Origin: http://internal:3000"]);
        assertRefusal(inside, INVALID_ORIGIN);
      });

      it("when it is not trusted, then what it forwards is not believed", async () => {
        const t = await start({ baseURL: "" });
        const outside = await signOut(t, [...forwarded, "Origin: https://app.example"]);
        assertRefusal(outside, INVALID_ORIGIN);
      });

      it("when it forwards a scheme that is none of the web, then 400", async () => {
        const t = await start({ baseURL: "" }, 1);
        for (const scheme of ["javascript", "ftp", "a b", "http://x"]) {
          const lines = ["Host: app.example", `X-Forwarded-Proto: ${scheme}`, "Origin: http://x"];
          assertRefusal(await signOut(t, lines), BAD_HOST);
        }
      });
    });

    for (const host of ["app:99999", "a b", "[", "%", "", "<script>", "a\u00ffb c"]) {
      it(`when the Host is ${JSON.stringify(host)}, then 400`, async () => {
        const t = await start({ baseURL: "" });
        assertRefusal(await signOut(t, [`Host: ${host}`, "Origin: http://app"]), BAD_HOST);
      });
    }

    it("when HTTP/1.0 names no Host, then 400, and only where one is needed", async () => {
      const t = await start({ baseURL: "" });
      const head = ["POST /auth/sign-out HTTP/1.0", "Cookie: a=b", "Origin: http://app"];
      assertRefusal(await sendRaw(t.server, head), BAD_HOST);
      assert.equal((await sendRaw(t.server, ["GET /auth/ok HTTP/1.0"])).status, 200);
    });

    it("when baseURL is given after all, then a bad Host does no harm", async () => {
      const t = await start({});
      const answer = await signOut(t, ["Host: app:99999", "Origin: http://app.test"]);
      assert.equal(answer.status, 200);
    });
  });
});
