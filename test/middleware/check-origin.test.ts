import assert from "node:assert/strict";
import request from "supertest";
import type { AuthOptions } from "../../lib/index.ts";
import { startApp, TEST_ORIGIN, type TestApp } from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";
import { assertRefusal, type Answer } from "../support/refusal.ts";

const EVIL = "https://evil.example";
const COOKIE = { Cookie: "theme=dark" };

const INVALID = [403, "INVALID_ORIGIN", "Invalid origin"] as const;
const MISSING = [403, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin"] as const;
const CROSS_SITE = [
  403,
  "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
  "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
] as const;

type Headers = Readonly<Record<string, string>>;

describe("checkOrigin", () => {
  const running: TestApp[] = [];
  let database: string;
  before(async () => {
    database = await freshDatabase();
  });
  after(async () => {
    for (const t of running) await t.stop();
  });

  async function start(options: AuthOptions = {}): Promise<TestApp> {
    const t = await startApp({ database, ...options });
    running.push(t);
    return t;
  }

  /** An endpoint that answers 200 to anyone. */
  const signOut = (t: TestApp, headers: Headers) =>
    request(t.server).post("/auth/sign-out").set(headers);

  /** A form; an empty one passes the check with 400 `VALIDATION_ERROR`. */
  const signIn = (t: TestApp, headers: Headers) =>
    request(t.server).post("/auth/sign-in/email").set(headers);

  function assertPassed(answer: Answer): void {
    assert.ok([200, 400].includes(answer.status), JSON.stringify(answer.body));
  }

  describe("given a request with cookies", () => {
    let t: TestApp;
    before(async () => {
      t = await start();
    });

    for (const [what, headers] of [
      ["Origin is that of baseURL", { Origin: TEST_ORIGIN }],
      ["there is only a Referer of baseURL", { Referer: `${TEST_ORIGIN}/page?q#f` }],
      ["Origin is trusted and Referer is not", { Origin: TEST_ORIGIN, Referer: EVIL }],
    ] as const) {
      it(`when ${what}, then it passes`, async () => {
        assertPassed(await signOut(t, { ...COOKIE, ...headers }));
      });
    }

    for (const [what, headers, refusal] of [
      ["there is neither Origin nor Referer", {}, MISSING],
      ["Origin is null", { Origin: "null" }, MISSING],
      [
        "Origin is null beside a trusted Referer",
        { Origin: "null", Referer: TEST_ORIGIN },
        MISSING,
      ],
      ["Referer is no address", { Referer: "here" }, MISSING],
      ["Referer is about:blank", { Referer: "about:blank" }, MISSING],
      ["Origin is another site", { Origin: EVIL }, INVALID],
      [
        "Origin is not trusted beside a trusted Referer",
        { Origin: EVIL, Referer: TEST_ORIGIN },
        INVALID,
      ],
      ["Referer is another site", { Referer: `${EVIL}/${TEST_ORIGIN}` }, INVALID],
      ["Origin has another scheme", { Origin: "https://app.test" }, INVALID],
      ["Origin has another port", { Origin: `${TEST_ORIGIN}:8080` }, INVALID],
      ["Origin is a subdomain", { Origin: "http://a.app.test" }, INVALID],
      ["Origin only starts as the trusted one", { Origin: `${TEST_ORIGIN}.evil.example` }, INVALID],
      ["Origin has userinfo", { Origin: "http://app.test@evil.example" }, INVALID],
      ["Origin has a path", { Origin: `${TEST_ORIGIN}/` }, INVALID],
      ["Origin names two", { Origin: `${TEST_ORIGIN}, ${EVIL}` }, INVALID],
      ["Origin is not serialised", { Origin: "HTTP://APP.TEST" }, INVALID],
      ["Origin is empty", { Origin: "" }, INVALID],
    ] as const) {
      it(`when ${what}, then ${refusal[1]}`, async () => {
        assertRefusal(await signOut(t, { ...COOKIE, ...headers }), refusal);
      });
    }

    it("when the cookie header is empty, then the origin counts all the same", async () => {
      assertRefusal(await signOut(t, { Cookie: "", Origin: EVIL }), INVALID);
    });

    it("when a Bearer token comes as well, then the origin counts all the same", async () => {
      const { token } = await t.givenUser();
      const headers = { ...COOKIE, Authorization: `Bearer ${token}`, Origin: EVIL };
      assertRefusal(await signOut(t, headers), INVALID);
    });

    it("when it is refused, then nothing happened", async () => {
      const { cookie, token } = await t.givenUser();
      assertRefusal(await signOut(t, { Cookie: cookie, Origin: EVIL }), INVALID);
      const asked = request(t.server).get("/auth/get-session");
      const answer = await asked.set("Authorization", `Bearer ${token}`).expect(200);
      assert.notEqual(answer.body, null);
    });

    for (const path of ["/get-session", "/ok", "/error"]) {
      it(`when GET ${path} comes from another site, then it passes`, async () => {
        await request(t.server)
          .get(`/auth${path}`)
          .set({ ...COOKIE, Origin: EVIL })
          .expect(200);
        await request(t.server)
          .head(`/auth${path}`)
          .set({ ...COOKIE, Origin: EVIL })
          .expect(200);
      });
    }

    it("when POST /get-session comes from another site, then it is refused", async () => {
      const asked = request(t.server).post("/auth/get-session");
      assertRefusal(await asked.set({ ...COOKIE, Origin: EVIL }), INVALID);
    });
  });

  describe("given a request without cookies", () => {
    let t: TestApp;
    before(async () => {
      t = await start();
    });

    for (const headers of [{}, { Origin: EVIL }, { Origin: "null" }, { Referer: EVIL }] as const) {
      it(`when it has ${JSON.stringify(headers)} and is no form, then it passes`, async () => {
        assertPassed(await signOut(t, headers));
      });
    }

    it("when it carries a Bearer token from another site, then it passes", async () => {
      const { token } = await t.givenUser();
      assertPassed(await signOut(t, { Authorization: `Bearer ${token}`, Origin: EVIL }));
    });
  });

  describe("given a sign-in form without cookies", () => {
    let t: TestApp;
    before(async () => {
      t = await start();
    });
    const site = (value: string) => ({ "Sec-Fetch-Site": value });
    const navigate = { "Sec-Fetch-Mode": "navigate" };
    const toPage = { "Sec-Fetch-Dest": "document" };

    for (const [what, headers] of [
      ["nothing says where it comes from", {}],
      ["only Sec-Fetch-Mode is sent, as by Node's fetch", { "Sec-Fetch-Mode": "cors" }],
      ["only Sec-Fetch-Mode: navigate is sent", navigate],
      ["the origin is trusted", { Origin: TEST_ORIGIN }],
      ["the Referer is trusted", { Referer: `${TEST_ORIGIN}/sign-in` }],
      [
        "a browser sends it from this site",
        { ...site("same-origin"), ...navigate, Origin: TEST_ORIGIN },
      ],
      [
        "a trusted site fetches it",
        { ...site("cross-site"), "Sec-Fetch-Mode": "cors", Origin: TEST_ORIGIN },
      ],
    ] as const) {
      it(`when ${what}, then it passes`, async () => {
        assertPassed(await signIn(t, headers));
      });
    }

    for (const [what, headers, refusal] of [
      ["another site navigates", { ...site("cross-site"), ...navigate, Origin: EVIL }, CROSS_SITE],
      ["another site navigates without Origin", { ...site("cross-site"), ...navigate }, CROSS_SITE],
      [
        "a trusted site navigates",
        { ...site("cross-site"), ...navigate, Origin: TEST_ORIGIN },
        CROSS_SITE,
      ],
      [
        "another site fetches",
        { ...site("cross-site"), "Sec-Fetch-Mode": "no-cors", Origin: EVIL },
        INVALID,
      ],
      ["a browser hides the origin", { ...site("same-site"), Origin: "null" }, MISSING],
      ["a browser sends no origin", site("same-origin"), MISSING],
      ["only Sec-Fetch-Dest tells a browser", toPage, MISSING],
      ["only Sec-Fetch-Dest tells a browser of another site", { ...toPage, Origin: EVIL }, INVALID],
      ["an origin that is not trusted is sent", { Origin: EVIL }, INVALID],
      ["a Referer that is not trusted is sent", { Referer: `${EVIL}/` }, INVALID],
      ["the origin is null", { Origin: "null" }, MISSING],
    ] as const) {
      it(`when ${what}, then ${refusal[1]}`, async () => {
        assertRefusal(await signIn(t, headers), refusal);
      });
    }

    it("when it signs up instead, then the same holds", async () => {
      const asked = request(t.server).post("/auth/sign-up/email");
      assertRefusal(await asked.set({ ...site("cross-site"), ...navigate }), CROSS_SITE);
    });

    it("when it carries cookies, then the origin alone decides", async () => {
      const headers = { ...site("cross-site"), ...navigate, ...COOKIE };
      assertPassed(await signIn(t, { ...headers, Origin: TEST_ORIGIN }));
      assertRefusal(await signIn(t, { ...headers, Origin: EVIL }), INVALID);
    });
  });

  describe("given trustedOrigins", () => {
    async function assertTrust(t: TestApp, trusted: string[], untrusted: string[]): Promise<void> {
      for (const origin of trusted) assertPassed(await signOut(t, { ...COOKIE, Origin: origin }));
      for (const origin of untrusted) {
        assertRefusal(await signOut(t, { ...COOKIE, Origin: origin }), INVALID);
      }
    }

    it("when they are listed, then they are trusted besides baseURL, and falsy entries are dropped", async () => {
      const t = await start({
        trustedOrigins: ["https://one.example", undefined, null, false, "", "https://two.example"],
      });
      const trusted = [TEST_ORIGIN, "https://one.example", "https://two.example"];
      await assertTrust(t, trusted, [EVIL, "https://three.example"]);
    });

    it("when they have wildcards, then origins that fit are trusted", async () => {
      const t = await start({
        trustedOrigins: ["https://*.one.example", "http://localhost:*", "*.two.example", "app://x"],
      });
      const trusted = [
        "https://a.one.example",
        "http://localhost:5173",
        "http://a.two.example",
        "https://b.a.two.example",
        "app://x",
      ];
      const untrusted = ["https://one.example", "http://a.one.example", "https://two.example"];
      await assertTrust(t, trusted, [
        ...untrusted,
        "app://y",
        "https://a.one.example.evil.example",
      ]);
    });

    it("when they are a function, then it is asked with each request", async () => {
      const t = await start({
        trustedOrigins: async (asked) =>
          Promise.resolve([asked?.headers.get("x-tenant"), null, "", "https://fixed.example"]),
      });
      const tenant = { ...COOKIE, "X-Tenant": "https://tenant.example" };
      assertPassed(await signOut(t, { ...tenant, Origin: "https://tenant.example" }));
      assertPassed(await signOut(t, { ...tenant, Origin: "https://fixed.example" }));
      assertPassed(await signOut(t, { ...tenant, Origin: TEST_ORIGIN }));
      const stranger = { ...COOKIE, Origin: "https://tenant.example" };
      assertRefusal(await signOut(t, stranger), INVALID);
    });

    it("when they are a function, then it is given the address of the request", async () => {
      const addresses: (string | undefined)[] = [];
      const t = await start({
        trustedOrigins: (asked) => {
          addresses.push(`${asked?.method ?? ""} ${asked?.url ?? ""}`);
          return [];
        },
      });
      assertRefusal(await signOut(t, { ...COOKIE, Origin: EVIL }), INVALID);
      assert.deepEqual(addresses, [`POST ${TEST_ORIGIN}/auth/sign-out`]);
    });

    it("when the environment names some, then they are trusted too", async () => {
      process.env["BETTER_AUTH_TRUSTED_ORIGINS"] = "https://one.example, https://*.two.example,";
      const t = await start({ trustedOrigins: ["https://listed.example"] });
      delete process.env["BETTER_AUTH_TRUSTED_ORIGINS"];
      const trusted = ["https://one.example", "https://a.two.example", "https://listed.example"];
      await assertTrust(t, trusted, [EVIL, "https://two.example"]);
    });
  });

  describe("given the switches", () => {
    const evil = { ...COOKIE, Origin: EVIL };
    const crossSite = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate" };
    const away = { callbackURL: EVIL };

    it("when disableCSRFCheck is on, then origins and forms pass, return addresses do not", async () => {
      const t = await start({ advanced: { disableCSRFCheck: true } });
      assertPassed(await signOut(t, evil));
      assertPassed(await signIn(t, crossSite));
      assertRefusal(await signIn(t, {}).send(away), [403, "INVALID_CALLBACK_URL"]);
    });

    it("when disableOriginCheck is on, then everything passes", async () => {
      const t = await start({ advanced: { disableOriginCheck: true } });
      assertPassed(await signOut(t, evil));
      assertPassed(await signIn(t, crossSite));
      assertPassed(await signIn(t, {}).send(away));
    });

    it("when disableCSRFCheck is off besides, then only return addresses pass", async () => {
      const t = await start({ advanced: { disableOriginCheck: true, disableCSRFCheck: false } });
      assertRefusal(await signOut(t, evil), INVALID);
      assertRefusal(await signIn(t, crossSite), CROSS_SITE);
      assertPassed(await signIn(t, {}).send(away));
    });

    it("when disableOriginCheck lists paths, then they and what is below them pass", async () => {
      const t = await start({ advanced: { disableOriginCheck: ["/sign-in"] } });
      assertPassed(await signIn(t, evil).send(away));
      assertRefusal(await signOut(t, evil), INVALID);
      assertRefusal(await signOut(t, {}).send(away), [403, "INVALID_CALLBACK_URL"]);
    });

    it("when a listed path only begins like another, then that is checked", async () => {
      const t = await start({ advanced: { disableOriginCheck: ["/sign"] } });
      assertRefusal(await signOut(t, evil), INVALID);
    });
  });
});
