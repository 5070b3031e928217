import assert from "node:assert/strict";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import express, { type ErrorRequestHandler, type Express } from "express";
import mongoose from "mongoose";
import request from "supertest";
import { hashToken, randomToken } from "../../lib/crypto/token.ts";
import { betterAuth, type Auth, type GuardOptions } from "../../lib/index.ts";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_SECRET,
  type TestApp,
  type TestUser,
} from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";
import { startMonitoredApp, type MonitoredApp } from "../support/monitored.ts";
import {
  findRow,
  insertSession,
  OFFICIAL_COOKIE,
  OWN_COOKIE,
  signed,
  signedCookie,
  tampered,
} from "../support/sessions.ts";

const DAY = 86_400;
const UNAUTHORIZED = { code: "UNAUTHORIZED", message: "Unauthorized" };
const NOT_FRESH = { code: "SESSION_NOT_FRESH", message: "Session is not fresh" };
/** What a browser sends when it wants a page. */
const HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

function addRoutes(app: Express, auth: Auth): void {
  // Unbound, as an app would take them.
  const { requireSession } = auth;
  app.get("/me/:id", requireSession, (req, res) => {
    res.json({ id: req.params.id, auth: req.auth });
  });
  app.all("/any", requireSession, (req, res) => {
    res.json({ method: req.method, email: req.auth.user.email });
  });
  app.get("/called", requireSession(), (req, res) => {
    res.json(req.auth.user.email);
  });
  app.get("/fresh", requireSession({ fresh: true }), (_req, res) => {
    res.json("fresh");
  });
  app.get(
    "/chain",
    requireSession,
    requireSession(),
    requireSession({ fresh: true }),
    (req, res) => {
      res.json(req.auth.user.email);
    },
  );
  app.get(
    "/own-headers",
    (_req, res, next) => {
      res.cookie("theme", "dark");
      res.set("access-control-expose-headers", "x-total");
      next();
    },
    requireSession,
    (_req, res) => {
      res.json("kept");
    },
  );
  app.get("/throws", requireSession, () => {
    throw new RangeError("of the app");
  });
  app.get("/page", requireSession({ redirectTo: "/sign-in" }), (_req, res) => {
    res.send("<p>in</p>");
  });
  app.post("/page", requireSession({ redirectTo: "/sign-in" }), (_req, res) => {
    res.send("<p>in</p>");
  });
  app.get("/fresh-page", requireSession({ fresh: true, redirectTo: "/sign-in" }), (_req, res) => {
    res.send("<p>in</p>");
  });
  const planted = "https://login.test/in?app=1&callbackURL=//evil.test#top";
  app.get("/elsewhere", requireSession({ redirectTo: planted }));
  app.use("/area", requireSession);
  app.get("/area/inner", (req, res) => {
    res.json(req.auth);
  });
  const router = express.Router({ mergeParams: true });
  router.use(requireSession);
  router.get("/:task", (req, res) => {
    res.json({ params: req.params, auth: req.auth });
  });
  app.use("/projects/:project", router);
  app.use("/pages", requireSession({ redirectTo: "/sign-in" }), (_req, res) => {
    res.send("<p>in</p>");
  });
  app.use(((error: Error, _req, res, _next) => {
    res.status(418).json({ name: error.name });
  }) satisfies ErrorRequestHandler);
}

describe("requireSession", () => {
  let t: MonitoredApp;
  let user: TestUser;
  before(async () => {
    t = await startMonitoredApp({}, { routes: addRoutes });
    user = await t.givenUser({ name: "Ada" });
  });
  after(() => t.stop());

  const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    request(t.server).get(path).set(headers);

  describe("given a live session", () => {
    it("when its cookie is sent, then session and user are on the request", async () => {
      const own = await t.givenSession(user);
      const row = await findRow(t, own.token);
      const response = await get("/me/7", { cookie: own.cookie }).expect(200);
      const { id, auth } = response.body as { id: string; auth: Record<string, object> };
      assert.equal(id, "7");
      assert.deepEqual(Object.keys(auth), ["session", "user"]);
      const answered = await get("/auth/get-session", { cookie: own.cookie });
      assert.deepEqual(auth, answered.body);
      assert.equal((auth["session"] as { id: string }).id, String(row?._id));
    });

    const credentials: Readonly<Record<string, (token: string) => Record<string, string>>> = {
      "our own cookie": (token) => ({ cookie: signedCookie(OWN_COOKIE, token) }),
      "the official cookie": (token) => ({ cookie: signedCookie(OFFICIAL_COOKIE, token) }),
      "a bare token under our own name": (token) => ({ cookie: `${OWN_COOKIE}=${token}` }),
      "a bare Bearer token": (token) => ({ authorization: `Bearer ${token}` }),
      "a signed Bearer token": (token) => ({ authorization: `bearer ${signed(token)}` }),
      "an unusable Bearer beside a cookie": (token) => ({
        authorization: `Bearer ${tampered(token)}`,
        cookie: signedCookie(OWN_COOKIE, token),
      }),
    };
    for (const [what, headers] of Object.entries(credentials)) {
      it(`when it comes as ${what}, then the request passes`, async () => {
        const response = await get("/any", headers(user.token)).expect(200);
        assert.deepEqual(response.body, { method: "GET", email: user.email });
      });
    }

    for (const method of ["post", "put", "patch", "delete"] as const) {
      it(`when the method is ${method.toUpperCase()}, then the request passes`, async () => {
        await request(t.server)[method]("/any").set("cookie", user.cookie).expect(200);
      });
    }

    it("when the guard was called without options, then it is a guard too", async () => {
      const response = await get("/called", { cookie: user.cookie }).expect(200);
      assert.equal(response.body, user.email);
    });

    it("when the handler throws, then the error is the app's", async () => {
      const response = await get("/throws", { cookie: user.cookie });
      assert.deepEqual([response.status, response.body], [418, { name: "RangeError" }]);
    });

    it("when it passes, then one command was needed and no header is added", async () => {
      const commands = await t.commandsOf(async () => {
        const response = await get("/any", { cookie: user.cookie });
        assert.equal(response.get("cache-control"), undefined);
        assert.deepEqual(setCookies(response), []);
      });
      assert.deepEqual(commands, ["aggregate"]);
    });

    it("when several guards are chained, then they share one command", async () => {
      const commands = await t.commandsOf(() =>
        get("/chain", { cookie: user.cookie }).expect(200, JSON.stringify(user.email)),
      );
      assert.deepEqual(commands, ["aggregate"]);
    });
  });

  describe("given no live session", () => {
    it("when nothing is presented, then it answers 401 as JSON that nobody keeps", async () => {
      const response = await get("/any").expect(401);
      assert.deepEqual(response.body, UNAUTHORIZED);
      assert.match(response.get("content-type") ?? "", /^application\/json/);
      assert.equal(response.get("cache-control"), "no-store");
      assert.deepEqual(setCookies(response), []);
    });

    const useless: Readonly<Record<string, (token: string, id: string) => Record<string, string>>> =
      {
        "a tampered cookie": (token) => ({
          cookie: `${OWN_COOKIE}=${encodeURIComponent(tampered(token))}`,
        }),
        "a bare token under the official name": (token) => ({
          cookie: `${OFFICIAL_COOKIE}=${token}`,
        }),
        "the stored hash as Bearer": (token) => ({ authorization: `Bearer ${hashToken(token)}` }),
        "the stored hash as a signed cookie": (token) => ({
          cookie: signedCookie(OWN_COOKIE, hashToken(token)),
        }),
        "a handle as Bearer": (_, id) => ({ authorization: `Bearer session_${id}` }),
        "Basic credentials": (token) => ({ authorization: `Basic ${token}` }),
      };
    for (const [what, headers] of Object.entries(useless)) {
      it(`when the request has ${what}, then it answers 401 and reads nothing`, async () => {
        const own = await insertSession(t, user.id);
        const commands = await t.commandsOf(async () => {
          const response = await get("/any", headers(own.token, own.id)).expect(401);
          assert.deepEqual(response.body, UNAUTHORIZED);
        });
        assert.deepEqual(commands, []);
      });
    }

    it("when the token is unknown, then it answers 401", async () => {
      await get("/any", { authorization: `Bearer ${randomToken(32)}` }).expect(401, UNAUTHORIZED);
    });

    it("when the session has expired, then it answers 401 and the row is deleted", async () => {
      const past = { expiresAt: new Date(t.clock.now().getTime() - 1) };
      const own = await insertSession(t, user.id, past);
      await get("/any", { cookie: own.cookie }).expect(401, UNAUTHORIZED);
      assert.equal(await findRow(t, own.token), null);
    });

    it("when the user is gone, then it answers 401", async () => {
      const gone = await t.givenUser();
      await t.auth.models.User.deleteOne({ email: gone.email });
      await get("/any", { cookie: gone.cookie }).expect(401, UNAUTHORIZED);
    });

    it("when the session was revoked a moment ago, then it answers 401", async () => {
      const own = await t.givenSession(user);
      await get("/any", { cookie: own.cookie }).expect(200);
      const headers = { cookie: own.cookie, origin: TEST_ORIGIN };
      await request(t.server).post("/auth/sign-out").set(headers).expect(200);
      await get("/any", { cookie: own.cookie }).expect(401);
    });

    it("when HEAD is asked, then it answers 401 without a body", async () => {
      const response = await request(t.server).head("/any").expect(401);
      assert.equal(response.text, undefined);
    });
  });

  describe("given a banned user", () => {
    let banned: TestUser;
    beforeEach(async () => {
      banned = await t.givenUser();
    });
    const ban = (banExpires: Date | null) => {
      const filter = { email: banned.email };
      return t.auth.models.User.updateOne(filter, { $set: { banned: true, banExpires } });
    };

    it("when the ban stands, then it answers 403", async () => {
      await ban(null);
      const response = await get("/any", { cookie: banned.cookie }).expect(403);
      assert.equal((response.body as { code: string }).code, "BANNED_USER");
    });

    it("when the ban has ended, then the request passes", async () => {
      await ban(new Date(t.clock.now().getTime() - 1));
      await get("/any", { cookie: banned.cookie }).expect(200);
    });
  });

  describe("given fresh: true", () => {
    const aged = (seconds: number) => {
      const createdAt = new Date(t.clock.now().getTime() - seconds * 1000);
      return insertSession(t, user.id, { createdAt });
    };

    it("when the session is younger than a day, then the request passes", async () => {
      const { cookie } = await aged(DAY - 5);
      await get("/fresh", { cookie }).expect(200);
    });

    it("when the session is a day old, then it answers 403", async () => {
      const { cookie } = await aged(DAY);
      await get("/fresh", { cookie }).expect(403, NOT_FRESH);
    });

    it("when the session was renewed since, then its making still counts", async () => {
      const { cookie } = await aged(2 * DAY);
      await get("/any", { cookie }).expect(200);
      await get("/fresh", { cookie }).expect(403, NOT_FRESH);
    });

    it("when a guard before it has found the session, then it is refused by one command", async () => {
      const { cookie } = await aged(DAY);
      const commands = await t.commandsOf(() => get("/chain", { cookie }).expect(403, NOT_FRESH));
      assert.deepEqual(commands, ["aggregate"]);
    });

    it("when nothing is presented, then it answers 401", async () => {
      await get("/fresh").expect(401, UNAUTHORIZED);
    });
  });

  describe("given a session that is due", () => {
    const due = () => {
      const createdAt = new Date(t.clock.now().getTime() - 2 * DAY * 1000);
      const expiresAt = new Date(createdAt.getTime() + 7 * DAY * 1000);
      return insertSession(t, user.id, { createdAt, updatedAt: createdAt, expiresAt });
    };

    it("when it is used, then the app's answer sets the cookie and the header", async () => {
      const own = await due();
      const response = await get("/any", { cookie: own.cookie }).expect(200);
      assert.deepEqual(setCookies(response), [
        `${own.cookie}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax`,
      ]);
      assert.equal(response.get("set-auth-token"), signed(own.token));
    });

    it("when it is used, then the row and req.auth have the new end", async () => {
      const own = await due();
      const response = await get("/me/1", { cookie: own.cookie });
      const { auth } = response.body as { auth: { session: { expiresAt: string } } };
      const row = await findRow(t, own.token);
      assert.equal(auth.session.expiresAt, row?.expiresAt.toISOString());
      assert.ok(
        new Date(auth.session.expiresAt).getTime() > t.clock.now().getTime() + 6 * DAY * 1000,
      );
    });

    it("when the app sets cookies and headers of its own, then both are kept", async () => {
      const own = await due();
      const response = await get("/own-headers", { cookie: own.cookie }).expect(200);
      assert.deepEqual(
        setCookies(response).map((line) => line.split("=")[0]),
        ["theme", OWN_COOKIE],
      );
      assert.equal(response.get("access-control-expose-headers"), "x-total, set-auth-token");
    });

    it("when guards are chained, then it is renewed once", async () => {
      const own = await due();
      const commands = await t.commandsOf(() => get("/chain", { cookie: own.cookie }));
      assert.deepEqual(commands, ["aggregate", "findAndModify"]);
    });

    it("when fifty requests use it at once, then all pass", async () => {
      const own = await due();
      const calls = Array.from({ length: 50 }, () => get("/any", { cookie: own.cookie }));
      const statuses = (await Promise.all(calls)).map(({ status }) => status);
      assert.deepEqual(new Set(statuses), new Set([200]));
    });
  });

  describe("given redirectTo", () => {
    it("when a browser wants the page, then it is sent to sign in and back", async () => {
      const response = await get("/page?tab=2&q=a+b", { accept: HTML });
      assert.equal(response.status, 302);
      const expected = new URLSearchParams({ callbackURL: "/page?tab=2&q=a+b" });
      assert.equal(response.get("location"), `/sign-in?${expected.toString()}`);
      assert.equal(response.text, "");
      assert.equal(response.get("cache-control"), "no-store");
      assert.equal(response.get("referrer-policy"), "no-referrer");
    });

    it("when a browser asks with HEAD, then it is redirected too", async () => {
      const response = await request(t.server).head("/page").set({ accept: HTML });
      assert.equal(response.status, 302);
    });

    it("when a browser has a live session, then it sees the page", async () => {
      const response = await get("/page", { accept: HTML, cookie: user.cookie });
      assert.deepEqual([response.status, response.text], [200, "<p>in</p>"]);
    });

    const accepts = {
      "application/json": "application/json",
      "anything (fetch)": "*/*",
      nothing: "",
      "JSON before HTML": "application/json, text/html;q=0.5",
    };
    for (const [what, accept] of Object.entries(accepts)) {
      it(`when the caller accepts ${what}, then it answers 401 as JSON`, async () => {
        const response = await get("/page", { accept }).expect(401);
        assert.deepEqual(response.body, UNAUTHORIZED);
        assert.equal(response.get("location"), undefined);
      });
    }

    it("when a browser posts, then it answers 401 as JSON: nothing could come back", async () => {
      await request(t.server).post("/page").set({ accept: HTML }).expect(401, UNAUTHORIZED);
    });

    it("when the session is not fresh, then the code goes along", async () => {
      const createdAt = new Date(t.clock.now().getTime() - DAY * 1000);
      const { cookie } = await insertSession(t, user.id, { createdAt });
      const response = await get("/fresh-page", { accept: HTML, cookie });
      assert.equal(
        response.get("location"),
        "/sign-in?callbackURL=%2Ffresh-page&error=SESSION_NOT_FRESH",
      );
      await get("/fresh-page", { accept: "application/json", cookie }).expect(403, NOT_FRESH);
    });

    it("when the user is banned, then the code goes along", async () => {
      const banned = await t.givenUser();
      await t.auth.models.User.updateOne({ email: banned.email }, { $set: { banned: true } });
      const response = await get("/page", { accept: HTML, cookie: banned.cookie });
      assert.equal(response.get("location"), "/sign-in?callbackURL=%2Fpage&error=BANNED_USER");
    });

    it("when the address has a query of its own, then it is kept and cannot be planted", async () => {
      const response = await get("/elsewhere", { accept: HTML });
      assert.equal(
        response.get("location"),
        "https://login.test/in?app=1&callbackURL=%2Felsewhere#top",
      );
    });

    it("when it stands on a sub-path, then the whole path comes back", async () => {
      const response = await get("/pages/a/b", { accept: HTML });
      assert.equal(response.get("location"), "/sign-in?callbackURL=%2Fpages%2Fa%2Fb");
    });
  });

  describe("given redirectTo for every path", () => {
    let everywhere: TestApp;
    before(async () => {
      everywhere = await startApp(
        {},
        {
          routes: (app, { requireSession }) => {
            app.use(requireSession({ redirectTo: "/sign-in" }));
          },
        },
      );
    });
    after(() => everywhere.stop());

    /** Sends the path as it is, which no URL parser has seen. */
    async function locationOf(path: string): Promise<string | undefined> {
      const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
        const { hostname, port } = new URL(everywhere.url);
        const options = { hostname, port, path, headers: { accept: HTML }, agent: false };
        httpRequest(options, (response) => {
          response.resume();
          resolve(response.headers);
        })
          .on("error", reject)
          .end();
      });
      return headers.location;
    }

    const hostile = [
      "//evil.test",
      "//evil.test/page",
      "///evil.test",
      "/\\evil.test",
      "/%2fevil.test",
      "/%5cevil.test",
      "/%2e%2e//evil.test",
      "/..//evil.test",
      "/a/..//evil.test",
      "/./evil",
      "http://evil.test/",
      "https://evil.test/page",
      "http://app.test@evil.test/",
      "http://app.test.evil.test/",
      "/page?next=<script>",
      "*",
    ];
    for (const path of hostile) {
      it(`when ${path} is asked for, then no return address goes along`, async () => {
        assert.equal(await locationOf(path), "/sign-in");
      });
    }

    it("when the query names another host, then it stays a part of our own path", async () => {
      const location = await locationOf("/page?callbackURL=//evil.test");
      const callbackURL = "/page?callbackURL=//evil.test";
      assert.equal(location, `/sign-in?${new URLSearchParams({ callbackURL }).toString()}`);
    });
  });

  describe("given other places to stand", () => {
    it("when it guards a path with app.use, then what is below has req.auth", async () => {
      await get("/area/inner").expect(401, UNAUTHORIZED);
      const response = await get("/area/inner", { cookie: user.cookie }).expect(200);
      assert.equal((response.body as { user: { id: string } }).user.id, user.id);
    });

    it("when it guards a sub-router, then parameters and req.auth are there", async () => {
      await get("/projects/p/t").expect(401, UNAUTHORIZED);
      const response = await get("/projects/p/t", { cookie: user.cookie }).expect(200);
      const { params, auth } = response.body as { params: object; auth: { user: { id: string } } };
      assert.deepEqual([params, auth.user.id], [{ project: "p", task: "t" }, user.id]);
    });
  });
});

describe("requireSession's options", () => {
  const connection = mongoose.createConnection();
  const auth = betterAuth({ secret: TEST_SECRET, baseURL: TEST_ORIGIN, database: connection });
  after(() => auth.close());

  /** Lets anything through the compiler, as JavaScript callers can. */
  function isUnchecked(options: unknown): options is GuardOptions {
    return options !== connection;
  }

  const wrong: readonly (readonly [options: unknown, name: RegExp])[] = [
    [{ redirectTO: "/sign-in" }, /redirectTO/],
    [{ fresh: "true" }, /fresh/],
    [{ fresh: 1 }, /fresh/],
    [{ fresh: null }, /fresh/],
    [{ redirectTo: "" }, /redirectTo/],
    [{ redirectTo: "sign-in" }, /redirectTo/],
    [{ redirectTo: "//evil.test" }, /redirectTo/],
    [{ redirectTo: "/\\evil.test" }, /redirectTo/],
    [{ redirectTo: "javascript:alert(1)" }, /redirectTo/],
    [{ redirectTo: 5 }, /redirectTo/],
  ];
  for (const guard of ["requireSession", "requireAdmin"] as const) {
    for (const [options, name] of wrong) {
      it(`when ${guard} gets ${JSON.stringify(options)}, then it throws at start`, () => {
        assert(isUnchecked(options));
        assert.throws(
          () => auth[guard](options),
          (error) => error instanceof TypeError && name.test(error.message),
        );
      });
    }

    const right: readonly GuardOptions[] = [
      {},
      { fresh: false },
      { fresh: undefined, redirectTo: undefined },
      { redirectTo: "/sign-in?x=1#y" },
      { redirectTo: "https://login.test/in" },
    ];
    for (const options of right) {
      it(`when ${guard} gets ${JSON.stringify(options)}, then it is middleware`, () => {
        assert.equal(auth[guard](options).length, 3);
      });
    }
  }
});

describe("requireSession with freshAge 0", () => {
  it("when the session is old, then it is fresh all the same", async () => {
    const t = await startApp({ session: { freshAge: 0 } }, { routes: addRoutes });
    try {
      const { cookie } = await t.givenUser();
      t.clock.advance(3 * DAY);
      await request(t.server).get("/fresh").set({ cookie }).expect(200);
    } finally {
      await t.stop();
    }
  });
});

describe("requireSession without a database", () => {
  it("when the connection is lost, then it answers 503, and again as usual when it is back", async () => {
    const uri = await freshDatabase();
    const connection = await mongoose.createConnection(uri).asPromise();
    const t = await startApp({ database: connection }, { routes: addRoutes });
    try {
      const { cookie } = await t.givenUser();
      const get = (path: string, accept = "*/*") =>
        request(t.server).get(path).set({ cookie, accept });
      await connection.close();
      for (const path of ["/any", "/page", "/chain"]) {
        for (const accept of ["*/*", HTML]) {
          const response = await get(path, accept);
          assert.equal(response.status, 503, `${path} ${accept}`);
          assert.deepEqual(response.body, {
            code: "SERVICE_UNAVAILABLE",
            message: "Service temporarily unavailable",
          });
          assert.match(response.get("retry-after") ?? "", /^[1-9]\d*$/);
          assert.equal(response.get("cache-control"), "no-store");
          assert.deepEqual(setCookies(response), []);
        }
      }
      await request(t.server).get("/any").expect(401);
      await connection.openUri(uri);
      await get("/any").expect(200);
      await connection.dropDatabase();
    } finally {
      await t.stop();
      await connection.close();
    }
  });

  it("when the database could not be used from the start, then it answers 503, not 401", async () => {
    const url = new URL(await freshDatabase());
    [url.username, url.password] = ["nobody", "wrong"];
    const auth = betterAuth({
      secret: TEST_SECRET,
      baseURL: TEST_ORIGIN,
      database: url.href,
      logger: { disabled: true },
    });
    const app = express().get("/any", auth.requireSession, (_req, res) => {
      res.json("in");
    });
    try {
      const cookie = signedCookie(OWN_COOKIE, randomToken(32));
      const response = await request(app).get("/any").set({ cookie });
      assert.equal(response.status, 503);
      assert.equal((response.body as { code: string }).code, "SERVICE_UNAVAILABLE");
    } finally {
      await auth.close();
    }
  });

  it("when it is the first request at all, then it waits for the database itself", async () => {
    const t = await startApp({}, { routes: addRoutes });
    try {
      await request(t.server).get("/any").auth(randomToken(32), { type: "bearer" }).expect(401);
    } finally {
      await t.stop();
    }
  });
});

describe("requireSession of two instances in one process", () => {
  let one: TestApp;
  let two: TestApp;
  let first: TestUser;
  let second: TestUser;
  before(async () => {
    one = await startApp();
    first = await one.givenUser();
    two = await startApp(
      { advanced: { cookiePrefix: "two" } },
      {
        routes: (app, { requireSession }) => {
          app.get("/one", one.auth.requireSession, (req, res) => {
            res.json(req.auth.user.id);
          });
          app.get("/two", requireSession, (req, res) => {
            res.json(req.auth.user.id);
          });
          app.get("/both", one.auth.requireSession, requireSession, (req, res) => {
            res.json(req.auth.user.id);
          });
        },
      },
    );
    second = await two.givenUser();
  });
  after(async () => {
    await one.stop();
    await two.stop();
  });

  const get = (path: string, cookie: string) => request(two.server).get(path).set({ cookie });

  it("when each gets its own cookie, then each finds its own user", async () => {
    const cookie = `${first.cookie}; ${second.cookie}`;
    await get("/one", cookie).expect(200, JSON.stringify(first.id));
    await get("/two", cookie).expect(200, JSON.stringify(second.id));
  });

  it("when one gets the other's cookie, then it answers 401", async () => {
    await get("/one", second.cookie).expect(401);
    await get("/two", first.cookie).expect(401);
  });

  it("when one gets the other's token as Bearer, then it answers 401", async () => {
    const bearer = (path: string, token: string) =>
      request(two.server).get(path).auth(token, { type: "bearer" });
    await bearer("/one", second.token).expect(401);
    await bearer("/two", first.token).expect(401);
  });

  it("when both guard a route, then a session found by one does not pass the other", async () => {
    await get("/both", first.cookie).expect(401);
    await get("/both", second.cookie).expect(401);
    await get("/both", `${first.cookie}; ${second.cookie}`).expect(200, JSON.stringify(second.id));
  });
});
