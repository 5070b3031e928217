import assert from "node:assert/strict";
import express from "express";
import request from "supertest";
import type { AnyEndpoint } from "../lib/endpoint.ts";
import { builtInFeatures } from "../lib/features.ts";
import { AuthError, betterAuth } from "../lib/index.ts";
import {
  startApp,
  TEST_COST,
  TEST_ORIGIN,
  TEST_PASSWORD,
  TEST_SECRET,
  type TestApp,
  type TestUser,
} from "./support/app.ts";

const EVIL = "https://evil.example";

/** For `assert.rejects`: an `AuthError` with this status and code. */
function refusal(status: number, code: string) {
  return (error: unknown) => {
    assert.ok(error instanceof AuthError, String(error));
    assert.deepEqual([error.status, error.code], [status, code]);
    assert.deepEqual(error.toJSON(), { code, message: error.message });
    return true;
  };
}

describe("auth.api", () => {
  let t: TestApp;
  let user: TestUser;
  const endpoints: readonly AnyEndpoint[] = builtInFeatures.flatMap((feature) => [
    ...feature.endpoints,
  ]);

  before(async () => {
    t = await startApp({
      rateLimit: { enabled: true, max: 1 },
      user: { additionalFields: { city: { type: "string", required: false } } },
    });
    await t.auth.ready();
  });
  beforeEach(async () => {
    const email = `user-${Math.random().toString(36).slice(2)}@example.com`;
    const body = { name: "Ada", email, password: TEST_PASSWORD };
    const { headers, response } = await t.auth.api.signUpEmail({ body, returnHeaders: true });
    const cookie = cookieOf(headers);
    user = { ...body, id: response.user.id, token: response.token ?? "", cookie };
  });
  after(() => t.stop());

  /** What a browser would send back. */
  function cookieOf(headers: Headers): string {
    return headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");
  }

  const own = () => ({ authorization: `Bearer ${user.token}` });

  it("when it is looked at, then it has every endpoint by name", () => {
    const names = endpoints.map(({ name }) => name).sort();
    assert.deepEqual(Object.keys(t.auth.api).sort(), names);
  });

  it("when its functions are taken off it, then they work", async () => {
    const { ok } = t.auth.api;
    assert.deepEqual(await ok(), { ok: true, status: true });
  });

  describe("given what clients call", () => {
    it("when a user signs up, then the answer has dates and the session", async () => {
      const email = "Grace@Example.com";
      const body = { name: "Grace", email, password: TEST_PASSWORD, image: "/grace.png" };
      const { token, user: created, session } = await t.auth.api.signUpEmail({ body });
      assert.equal(created.email, "grace@example.com");
      assert.equal(created.image, "/grace.png");
      assert.ok(created.createdAt instanceof Date);
      assert.ok(session?.expiresAt instanceof Date);
      assert.deepEqual([session.token, session.userId], [token, created.id]);
    });

    it("when a user signs in, then the answer is that of HTTP", async () => {
      const body = { email: user.email, password: TEST_PASSWORD, callbackURL: "/home" };
      const answer = await t.auth.api.signInEmail({ body });
      assert.deepEqual([answer.redirect, answer.url, answer.user.id], [true, "/home", user.id]);
    });

    it("when the session is asked for, then it is found by every form of headers", async () => {
      for (const headers of [
        { cookie: user.cookie },
        { Cookie: user.cookie },
        new Headers({ cookie: user.cookie }),
        { cookie: ["theme=dark", user.cookie] },
        own(),
        new Headers(own()),
        { Authorization: `bearer ${user.token}`, cookie: undefined },
      ]) {
        const found = await t.auth.api.getSession({ headers });
        assert.equal(found?.user.id, user.id);
      }
    });

    it("when the headers come from an Express request, then they are understood", async () => {
      const app = express().get("/me", async (req, res) => {
        res.json(await t.auth.api.getSession({ headers: req.headers }));
      });
      const { body } = (await request(app).get("/me").set("Cookie", user.cookie)) as {
        body: { user: { id: string } };
      };
      assert.equal(body.user.id, user.id);
    });

    it("when nobody is signed in, then getSession answers null", async () => {
      assert.equal(await t.auth.api.getSession(), null);
      assert.equal(await t.auth.api.getSession({ headers: {} }), null);
      assert.equal(await t.auth.api.getSession({ query: { disableRefresh: true } }), null);
    });

    it("when sessions are listed and ended, then they are listed and ended", async () => {
      const body = { email: user.email, password: TEST_PASSWORD };
      const other = await t.auth.api.signInEmail({ body });
      const headers = own();
      const listed = await t.auth.api.listSessions({ headers });
      assert.deepEqual(
        listed.map(({ token }) => token),
        [`session_${other.session.id}`, user.token],
      );
      const done = { status: true };
      assert.deepEqual(
        await t.auth.api.revokeSession({ headers, body: { token: other.token } }),
        done,
      );
      await t.auth.api.signInEmail({ body });
      assert.deepEqual(await t.auth.api.revokeOtherSessions({ headers }), done);
      assert.equal((await t.auth.api.listSessions({ headers })).length, 1);
      assert.deepEqual(await t.auth.api.revokeSessions({ headers }), done);
      assert.equal(await t.auth.api.getSession({ headers }), null);
    });

    it("when the user is changed, then the answer has the change and the app's fields", async () => {
      const body = { name: "Countess", city: "London" };
      const { user: changed } = await t.auth.api.updateUser({ headers: own(), body });
      assert.equal(changed.name, "Countess");
      assert.equal((changed as { city?: unknown }).city, "London");
    });

    it("when a user signs out, then the session is over", async () => {
      const headers = { cookie: user.cookie };
      assert.deepEqual(await t.auth.api.signOut({ headers }), { success: true, status: true });
      assert.equal(await t.auth.api.getSession({ headers }), null);
    });

    it("when the error page is asked for, then its HTML is returned", async () => {
      const page: unknown = await t.auth.api.error({ query: { error: "NO_LUCK" } });
      assert.match(String(page), /^<!doctype html>[\s\S]*NO_LUCK/);
    });
  });

  describe("given returnHeaders", () => {
    it("when a user signs in, then the cookies serve a browser from then on", async () => {
      const body = { email: user.email, password: TEST_PASSWORD, rememberMe: false };
      const { headers, response } = await t.auth.api.signInEmail({ body, returnHeaders: true });
      // The session, that it ends with the browser, and that the browser is known.
      assert.equal(headers.getSetCookie().length, 3);
      assert.match(headers.get("set-auth-token") ?? "", new RegExp(`^${response.token}\\.`));
      const asked = request(t.server).get("/auth/get-session").set("Cookie", cookieOf(headers));
      const found = (await asked.expect(200)).body as { user: { id: string } };
      assert.equal(found.user.id, user.id);
    });

    it("when a user signs out, then the cookies are expired", async () => {
      const { headers } = await t.auth.api.signOut({
        headers: { cookie: user.cookie },
        returnHeaders: true,
      });
      const lines = headers.getSetCookie();
      assert.ok(lines.length > 0 && lines.every((line) => line.includes("Max-Age=0")));
    });

    it("when it redirects a browser, then the address is among them", async () => {
      const body = { email: user.email, password: TEST_PASSWORD, callbackURL: "/home" };
      const { headers } = await t.auth.api.signInEmail({ body, returnHeaders: true });
      assert.equal(headers.get("location"), "/home");
    });
  });

  describe("given no or bad credentials", () => {
    type Call = (input?: object) => Promise<unknown>;
    const calls = () => t.auth.api as Readonly<Record<string, Call | undefined>>;

    for (const { name, access, trusted } of endpoints) {
      if (access === "public" || access === "optional" || trusted) continue;
      it(`when ${name} is called without headers, then it is unauthorized`, async () => {
        const call = calls()[name] ?? assert.fail();
        for (const input of [undefined, {}, { headers: {} }, { headers: new Headers() }]) {
          await assert.rejects(call(input), refusal(401, "UNAUTHORIZED"));
        }
        const headers = { authorization: `Bearer ${"x".repeat(32)}` };
        await assert.rejects(call({ headers, body: {} }), refusal(401, "UNAUTHORIZED"));
      });
    }

    it("when the user is banned, then it is refused", async () => {
      await t.auth.models.User.updateOne({ email: user.email }, { banned: true });
      await assert.rejects(
        t.auth.api.listSessions({ headers: own() }),
        refusal(403, "BANNED_USER"),
      );
    });

    it("when the password is wrong, then it is refused as over HTTP", async () => {
      await assert.rejects(
        t.auth.api.signInEmail({ body: { email: user.email, password: "wrong" } }),
        refusal(401, "INVALID_EMAIL_OR_PASSWORD"),
      );
    });
  });

  describe("given checks of HTTP", () => {
    it("when a foreign origin comes with cookies, then it is of no importance", async () => {
      const headers = { cookie: user.cookie, origin: EVIL, "sec-fetch-site": "cross-site" };
      assert.deepEqual(await t.auth.api.revokeOtherSessions({ headers }), { status: true });
    });

    it("when a return address is not trusted, then it is refused all the same", async () => {
      const credentials = { email: user.email, password: TEST_PASSWORD };
      await assert.rejects(
        t.auth.api.signInEmail({ body: { ...credentials, callbackURL: EVIL } }),
        refusal(403, "INVALID_CALLBACK_URL"),
      );
    });

    it("when it is called often, then nothing is limited", async () => {
      for (let round = 0; round < 10; round += 1) await t.auth.api.ok();
    });

    it("when headers name a client, then no address is believed", async () => {
      const body = { email: user.email, password: TEST_PASSWORD };
      const headers = { "x-forwarded-for": "203.0.113.66", "user-agent": "curl" };
      const { session } = await t.auth.api.signInEmail({ body, headers });
      assert.deepEqual([session.ipAddress, session.userAgent], ["", "curl"]);
    });
  });

  describe("given arguments that no type allows", () => {
    type Loose = (...input: unknown[]) => Promise<unknown>;
    const loose = (name: "signInEmail" | "getSession" | "updateUser") =>
      t.auth.api[name] as unknown as Loose;

    for (const input of [
      undefined,
      {},
      { body: null },
      { body: [] },
      { body: "email" },
      { body: 7 },
      { body: { email: { $ne: "" }, password: { $ne: "" } } },
      { body: new Map([["email", "a@example.com"]]) },
      { body: { email: new String("a@example.com"), password: "x" } },
      { query: null, params: null },
    ]) {
      it(`when signInEmail gets ${JSON.stringify(input)}, then it is a validation error`, async () => {
        await assert.rejects(loose("signInEmail")(input), refusal(400, "VALIDATION_ERROR"));
      });
    }

    for (const input of [{ headers: 7 }, { headers: "cookie" }, { headers: [] }, 7, "x", []]) {
      it(`when getSession gets ${JSON.stringify(input)}, then nobody is signed in`, async () => {
        assert.equal(await loose("getSession")(input), null);
      });
    }

    for (const input of [null, { headers: null }]) {
      it(`when getSession gets ${JSON.stringify(input)}, then it rejects`, async () => {
        await assert.rejects(loose("getSession")(input), TypeError);
      });
    }

    for (const body of [null, [], "x", 7]) {
      it(`when updateUser gets ${JSON.stringify(body)} as body, then it is refused`, async () => {
        const code = "BODY_MUST_BE_AN_OBJECT";
        await assert.rejects(loose("updateUser")({ headers: own(), body }), refusal(400, code));
      });
    }
  });

  describe("given no baseURL", () => {
    it("when a relative return address is given, then it is taken", async () => {
      const other = await startApp({ baseURL: "" });
      const { email, password } = await other.givenUser();
      const body = { email, password, callbackURL: "/home" };
      assert.equal((await other.auth.api.signInEmail({ body })).url, "/home");
      await other.stop();
    });
  });

  describe("given no database", () => {
    const auth = betterAuth({
      secret: TEST_SECRET,
      baseURL: TEST_ORIGIN,
      database: "mongodb://127.0.0.1:1/nowhere",
      emailAndPassword: { enabled: true, password: { cost: TEST_COST } },
      logger: { disabled: true },
    });
    after(() => auth.close());

    it("when the database is needed, then the call says that it is not there", async () => {
      const headers = { authorization: `Bearer ${"x".repeat(32)}` };
      await assert.rejects(auth.api.getSession({ headers }), refusal(503, "SERVICE_UNAVAILABLE"));
    });

    it("when it is not needed, then the call works", async () => {
      assert.deepEqual(await auth.api.ok(), { ok: true, status: true });
    });
  });
});
