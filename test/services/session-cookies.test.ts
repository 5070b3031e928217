import assert from "node:assert/strict";
import { parseSetCookie, type SetCookie } from "cookie";
import request, { type Response } from "supertest";
import type { AuthOptions } from "../../lib/index.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../support/app.ts";
import {
  insertSession,
  OFFICIAL_COOKIE,
  OWN_COOKIE,
  signed,
  signedCookie,
  tampered,
} from "../support/sessions.ts";

const WEEK = 604_800;
const BASE = { httpOnly: true, path: "/", sameSite: "lax" } as const;

/** The cookies that an answer sets, by name; none of them twice. */
function cookiesOf(response: Response): ReadonlyMap<string, SetCookie> {
  const parsed = setCookies(response).map((line) => parseSetCookie(line));
  const byName = new Map(parsed.map((cookie) => [cookie.name, cookie]));
  assert.equal(byName.size, parsed.length, "a cookie is set twice");
  return byName;
}

describe("session cookies", () => {
  let t: TestApp;
  let user: TestUser;
  let origin: string;
  async function start(options: AuthOptions = {}): Promise<void> {
    origin = typeof options.baseURL === "string" ? options.baseURL : TEST_ORIGIN;
    t = await startApp(options);
    user = await t.givenUser();
  }

  function signIn(cookie = "", rememberMe = true) {
    const { email, password } = user;
    const call = request(t.server).post("/auth/sign-in/email").set({ origin });
    if (cookie !== "") void call.set({ cookie });
    return call.send({ email, password, rememberMe }).expect(200);
  }

  function post(path: string, cookie: string, body: object = {}) {
    return request(t.server).post(`/auth${path}`).set({ cookie, origin }).send(body);
  }

  async function isSession(cookie: string): Promise<boolean> {
    const response = await request(t.server).get("/auth/get-session").set({ cookie });
    return response.body !== null;
  }

  describe("given the default settings", () => {
    before(() => start());
    after(() => t.stop());

    it("when a user signs in, then one cookie carries the signed token for seven days", async () => {
      const response = await signIn();
      const { token } = response.body as { token: string };
      const value = signed(token);
      assert.deepEqual(
        [...cookiesOf(response).values()],
        [{ name: OWN_COOKIE, value, maxAge: WEEK, ...BASE }],
      );
    });

    it("when a user signs in, then Bearer clients find the signed token in a header", async () => {
      const response = await signIn();
      const { token } = response.body as { token: string };
      assert.equal(response.get("set-auth-token"), signed(token));
      assert.equal(response.get("access-control-expose-headers"), "set-auth-token");
    });

    it("when rememberMe is false, then both cookies end with the browser", async () => {
      const response = await signIn("", false);
      const { token } = response.body as { token: string };
      assert.deepEqual(
        [...cookiesOf(response).values()],
        [
          { name: OWN_COOKIE, value: signed(token), ...BASE },
          { name: "better-auth.dont_remember", value: signed("true"), ...BASE },
        ],
      );
    });

    it("when a remembered sign-in follows an unremembered one, then dont_remember is expired", async () => {
      const first = await signIn("", false);
      const cookies = cookiesOf(await signIn(cookieHeader(first)));
      assert.equal(cookies.get(OWN_COOKIE)?.maxAge, WEEK);
      assert.equal(cookies.get("better-auth.dont_remember")?.maxAge, 0);
    });

    const changes: readonly (readonly [
      what: string,
      send: (cookie: string) => PromiseLike<Response>,
    ])[] = [
      ["sign-in", (cookie) => signIn(cookie)],
      ["/update-user", (cookie) => post("/update-user", cookie, { name: "Ada" }).expect(200)],
      ["/sign-out", (cookie) => post("/sign-out", cookie).expect(200)],
    ];
    for (const [what, send] of changes) {
      it(`when ${what} comes with the official name, then that name is expired`, async () => {
        const { token } = await insertSession(t, user.id);
        const cookies = cookiesOf(await send(signedCookie(OFFICIAL_COOKIE, token)));
        assert.deepEqual(cookies.get(OFFICIAL_COOKIE), {
          name: OFFICIAL_COOKIE,
          value: "",
          maxAge: 0,
          ...BASE,
        });
        assert.ok(cookies.has(OWN_COOKIE));
      });

      it(`when ${what} comes with our own name alone, then no other name is named`, async () => {
        const { cookie } = await insertSession(t, user.id);
        assert.equal(cookiesOf(await send(cookie)).has(OFFICIAL_COOKIE), false);
      });
    }

    it("when the official cookie is tampered, then the next sign-in expires it too", async () => {
      const { token } = await insertSession(t, user.id);
      const cookie = `${OFFICIAL_COOKIE}=${encodeURIComponent(tampered(token))}`;
      assert.equal(cookiesOf(await signIn(cookie)).get(OFFICIAL_COOKIE)?.maxAge, 0);
    });

    it("when a __Secure- name is expired, then Secure is set, or browsers would not take it", async () => {
      const { token } = await insertSession(t, user.id);
      const name = `__Secure-${OWN_COOKIE}`;
      const cookies = cookiesOf(await post("/sign-out", signedCookie(name, token)));
      assert.deepEqual(cookies.get(name), { name, value: "", maxAge: 0, secure: true, ...BASE });
    });

    it("when nothing is set or cleared, then the other name is left alone", async () => {
      const { token } = await insertSession(t, user.id);
      const cookie = signedCookie(OFFICIAL_COOKIE, token);
      const response = await request(t.server).get("/auth/get-session").set({ cookie });
      assert.deepEqual(setCookies(response), []);
    });

    it("when the session is cleared, then cached copies and their chunks are expired", async () => {
      const cached = ["session_data", "session_data.0", "session_data.1"];
      const own = await insertSession(t, user.id);
      const sent = [own.cookie, ...cached.map((name) => `better-auth.${name}=x`)].join("; ");
      const cookies = cookiesOf(await post("/sign-out", sent));
      const expected = [
        ...["session-token", "session_data", "dont_remember"],
        ...["session_data.0", "session_data.1"],
      ].map((name) => `better-auth.${name}`);
      assert.deepEqual([...cookies.keys()], expected);
      for (const cookie of cookies.values()) {
        assert.deepEqual(cookie, { name: cookie.name, value: "", maxAge: 0, ...BASE });
      }
    });

    it("when the session is cleared, then no token is announced to Bearer clients", async () => {
      const { cookie } = await insertSession(t, user.id);
      assert.equal((await post("/sign-out", cookie)).get("set-auth-token"), undefined);
    });
  });

  describe("given an https baseURL", () => {
    before(() => start({ baseURL: "https://app.test" }));
    after(() => t.stop());

    it("when a user signs in, then the cookie is Secure and has the prefix", async () => {
      const [cookie] = cookiesOf(await signIn()).values();
      const value = cookie?.value ?? "";
      const name = `__Secure-${OWN_COOKIE}`;
      assert.deepEqual(cookie, { name, value, maxAge: WEEK, secure: true, ...BASE });
    });

    it("when the session is not remembered, then dont_remember has the prefix too", async () => {
      const names = [...cookiesOf(await signIn("", false)).keys()];
      assert.deepEqual(names, [`__Secure-${OWN_COOKIE}`, "__Secure-better-auth.dont_remember"]);
    });

    for (const name of [OWN_COOKIE, OFFICIAL_COOKIE]) {
      it(`when ${name} comes with the prefix, then it counts`, async () => {
        const { token } = await insertSession(t, user.id);
        assert.equal(await isSession(signedCookie(`__Secure-${name}`, token)), true);
      });

      it(`when ${name} comes without the prefix, then it is ignored`, async () => {
        const { token } = await insertSession(t, user.id);
        assert.equal(await isSession(signedCookie(name, token)), false);
      });
    }

    it("when the official name is sent, then setting the session expires it", async () => {
      const { token } = await insertSession(t, user.id);
      const name = `__Secure-${OFFICIAL_COOKIE}`;
      const cookies = cookiesOf(await signIn(signedCookie(name, token)));
      assert.deepEqual(cookies.get(name), { name, value: "", maxAge: 0, secure: true, ...BASE });
    });
  });

  const secureSettings = [
    { baseURL: "http://app.test", secure: true },
    { baseURL: "https://app.test", secure: false },
  ];
  for (const { baseURL, secure } of secureSettings) {
    describe(`given useSecureCookies ${String(secure)} on ${baseURL}`, () => {
      before(() => start({ baseURL, advanced: { useSecureCookies: secure } }));
      after(() => t.stop());

      it("when a user signs in, then the option decides", async () => {
        const [cookie] = cookiesOf(await signIn()).values();
        assert.equal(cookie?.name.startsWith("__Secure-"), secure);
        assert.equal(cookie.secure === true, secure);
      });
    });
  }

  describe("given a cookiePrefix", () => {
    before(() => start({ advanced: { cookiePrefix: "shop" } }));
    after(() => t.stop());

    it("when a user signs in, then all cookies have it", async () => {
      const names = [...cookiesOf(await signIn("", false)).keys()];
      assert.deepEqual(names, ["shop.session-token", "shop.dont_remember"]);
    });

    for (const name of ["shop.session-token", "shop.session_token"]) {
      it(`when ${name} is sent, then it counts`, async () => {
        const { token } = await insertSession(t, user.id);
        assert.equal(await isSession(signedCookie(name, token)), true);
      });
    }

    it("when the bare token comes under our own name, then it counts", async () => {
      const { token } = await insertSession(t, user.id);
      assert.equal(await isSession(`shop.session-token=${token}`), true);
    });

    it("when a cookie of another prefix is sent, then it is none of ours", async () => {
      const { cookie } = await insertSession(t, user.id);
      assert.equal(await isSession(cookie), false);
    });
  });

  describe("given crossSubDomainCookies with a domain", () => {
    before(() =>
      start({ advanced: { crossSubDomainCookies: { enabled: true, domain: "example.test" } } }),
    );
    after(() => t.stop());

    it("when cookies are set, then they have it", async () => {
      const cookies = [...cookiesOf(await signIn("", false)).values()];
      assert.deepEqual(
        cookies.map(({ domain }) => domain),
        ["example.test", "example.test"],
      );
    });

    it("when cookies are cleared, then they have it too", async () => {
      const { token } = await insertSession(t, user.id);
      const sent = signedCookie(OFFICIAL_COOKIE, token);
      for (const { name, domain } of cookiesOf(await post("/sign-out", sent)).values()) {
        assert.equal(domain, "example.test", name);
      }
    });
  });

  describe("given crossSubDomainCookies without a domain, and other attributes", () => {
    before(() =>
      start({
        baseURL: "https://auth.example.test:8443",
        advanced: {
          crossSubDomainCookies: { enabled: true },
          defaultCookieAttributes: { sameSite: "strict", partitioned: true },
          cookies: { session_token: { attributes: { path: "/shop" } } },
        },
      }),
    );
    after(() => t.stop());

    it("when cookies are set, then the domain is the host of baseURL, without port", async () => {
      for (const { domain } of cookiesOf(await signIn("", false)).values()) {
        assert.equal(domain, "auth.example.test");
      }
    });

    it("when cookies are set, then the defaults hold for all and the own ones for one", async () => {
      const shown = [...cookiesOf(await signIn("", false)).values()].map(
        ({ path, sameSite, partitioned }) => ({ path, sameSite, partitioned }),
      );
      const defaults = { sameSite: "strict", partitioned: true };
      assert.deepEqual(shown, [
        { path: "/shop", ...defaults },
        { path: "/", ...defaults },
      ]);
    });
  });

  describe("given a cookie name of the app's own", () => {
    before(() => start({ advanced: { cookies: { session_token: { name: "sid" } } } }));
    after(() => t.stop());

    it("when a user signs in, then the cookie has it", async () => {
      assert.deepEqual([...cookiesOf(await signIn()).keys()], ["sid"]);
    });

    it("when it carries the signed token, then it counts", async () => {
      const { token } = await insertSession(t, user.id);
      assert.equal(await isSession(signedCookie("sid", token)), true);
    });

    it("when it carries the bare token, then it does not count", async () => {
      const { token } = await insertSession(t, user.id);
      assert.equal(await isSession(`sid=${token}`), false);
    });

    it("when several names are sent, then its own goes first", async () => {
      const [own, usual] = [await insertSession(t, user.id), await insertSession(t, user.id)];
      const cookie = `${usual.cookie}; ${signedCookie("sid", own.token)}`;
      const response = await request(t.server).get("/auth/get-session").set({ cookie });
      assert.equal((response.body as { session: { id: string } }).session.id, own.id);
    });

    it("when our own and the official name are sent, then setting the session expires both", async () => {
      const { cookie, token } = await insertSession(t, user.id);
      const sent = `${cookie}; ${signedCookie(OFFICIAL_COOKIE, token)}`;
      const cookies = cookiesOf(await signIn(sent));
      assert.equal(cookies.get("sid")?.maxAge, WEEK);
      assert.equal(cookies.get(OWN_COOKIE)?.maxAge, 0);
      assert.equal(cookies.get(OFFICIAL_COOKIE)?.maxAge, 0);
    });
  });

  describe("given the official name as the cookie name", () => {
    before(() => start({ advanced: { cookies: { session_token: { name: OFFICIAL_COOKIE } } } }));
    after(() => t.stop());

    it("when a user with our own cookie signs in, then the names change places", async () => {
      const { cookie } = await insertSession(t, user.id);
      const cookies = cookiesOf(await signIn(cookie));
      assert.equal(cookies.get(OFFICIAL_COOKIE)?.maxAge, WEEK);
      assert.equal(cookies.get(OWN_COOKIE)?.maxAge, 0);
    });

    it("when the official name carries the bare token, then it does not count", async () => {
      const { token } = await insertSession(t, user.id);
      assert.equal(await isSession(`${OFFICIAL_COOKIE}=${token}`), false);
    });
  });

  describe("given a cookie name of the app's own, over https", () => {
    before(() =>
      start({
        baseURL: "https://app.test",
        advanced: { cookies: { session_token: { name: "sid" } } },
      }),
    );
    after(() => t.stop());

    it("when a user signs in, then it has the prefix", async () => {
      assert.deepEqual([...cookiesOf(await signIn()).keys()], ["__Secure-sid"]);
    });
  });
});
