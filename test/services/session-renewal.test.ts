import assert from "node:assert/strict";
import type { Response } from "supertest";
import request from "supertest";
import { hashToken } from "../../lib/crypto/token.ts";
import type { AuthOptions } from "../../lib/index.ts";
import { setCookies, TEST_ORIGIN, type TestSession, type TestUser } from "../support/app.ts";
import { startMonitoredApp, type MonitoredApp } from "../support/monitored.ts";
import { findRow, insertSession, signed, signedCookie } from "../support/sessions.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const PATH = "/auth/get-session";

type Body = { session: { expiresAt: string; token: string }; needsRefresh?: boolean } | null;

function bodyOf(response: Response): Body {
  return response.body as Body;
}

describe("renewal of a session", () => {
  let t: MonitoredApp;
  let user: TestUser;
  async function start(session: AuthOptions["session"] = {}): Promise<void> {
    t = await startMonitoredApp(
      { session },
      {
        routes: (app, { requireSession }) => {
          app.all("/own", requireSession, (_req, res) => {
            res.json("in");
          });
        },
      },
    );
    user = await t.givenUser();
  }

  const get = ({ cookie }: TestSession, query = "") =>
    request(t.server)
      .get(PATH + query)
      .set({ cookie });
  const post = ({ cookie }: TestSession, query = "") =>
    request(t.server)
      .post(PATH + query)
      .set({ cookie, origin: TEST_ORIGIN });

  async function secondsLeft(token: string): Promise<number | null> {
    const row = await findRow(t, token);
    if (row === null) return null;
    return Math.round((row.expiresAt.getTime() - t.clock.now().getTime()) / 1000);
  }

  async function assertNotRenewed(response: Response, token: string, left: number): Promise<void> {
    assert.deepEqual(setCookies(response), []);
    assert.equal(response.get("set-auth-token"), undefined);
    assert.ok(Math.abs(((await secondsLeft(token)) ?? 0) - left) < 30);
  }

  async function assertRenewed(response: Response, token: string): Promise<void> {
    assert.match(setCookies(response).join(), /^better-auth\.session-token=/);
    assert.ok(Math.abs(((await secondsLeft(token)) ?? 0) - WEEK) < 30);
  }

  describe("given the default settings", () => {
    before(() => start());
    after(() => t.stop());

    it("when less than updateAge has passed, then one command reads and nothing is set", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY - 60);
      const commands = await t.commandsOf(async () => {
        await assertNotRenewed(await get(own).expect(200), own.token, WEEK - DAY + 60);
      });
      assert.deepEqual(commands, ["aggregate", "find"], "the find is the test's own");
    });

    it("when updateAge has passed, then row, answer and cookie get the full life", async () => {
      const own = await t.givenSession(user);
      const before = await findRow(t, own.token);
      t.clock.advance(DAY + 1);
      const response = await get(own).expect(200);
      await assertRenewed(response, own.token);
      const row = await findRow(t, own.token);
      assert.equal(bodyOf(response)?.session.expiresAt, row?.expiresAt.toISOString());
      assert.deepEqual(row?.createdAt, before?.createdAt, "createdAt stays");
      assert.ok((row?.updatedAt.getTime() ?? 0) > (before?.updatedAt.getTime() ?? 0));
    });

    it("when it is renewed, then the token stays and the cookie lasts seven days", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      const [cookie = ""] = setCookies(await get(own));
      assert.ok(cookie.startsWith(`${own.cookie};`), cookie);
      assert.match(cookie, /; Max-Age=604800;/);
    });

    it("when it is renewed, then Bearer clients get the signed token in a header", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      const response = await request(t.server).get(PATH).auth(own.token, { type: "bearer" });
      assert.equal(response.get("set-auth-token"), signed(own.token));
      assert.equal(response.get("access-control-expose-headers"), "set-auth-token");
    });

    it("when it was renewed, then it is not renewed again before updateAge", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      await get(own);
      await assertNotRenewed(await get(own), own.token, WEEK);
    });

    it("when it is used every day, then it outlives its first seven days", async () => {
      const own = await t.givenSession(user);
      for (let day = 0; day < 9; day += 1) {
        t.clock.advance(DAY + 1);
        assert.notEqual((await get(own)).body, null);
      }
    });

    it("when seven days pass unused, then it has ended and its row is deleted", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(WEEK + 1);
      assert.equal((await get(own)).body, null);
      assert.equal(await findRow(t, own.token), null);
    });

    for (const method of ["get", "post", "head"] as const) {
      it(`when it is due on ${method.toUpperCase()}, then it is renewed`, async () => {
        const own = await t.givenSession(user);
        t.clock.advance(DAY + 1);
        const headers = { cookie: own.cookie, origin: TEST_ORIGIN };
        await assertRenewed(await request(t.server)[method](PATH).set(headers), own.token);
      });
    }

    for (const query of ["?disableRefresh=true", "?disableRefresh=true&disableCookieCache=false"]) {
      it(`when it is due and ${query} is given, then it is left as it is`, async () => {
        const own = await t.givenSession(user);
        t.clock.advance(DAY + 1);
        await assertNotRenewed(await get(own, query).expect(200), own.token, WEEK - DAY);
        await assertNotRenewed(await post(own, query).expect(200), own.token, WEEK - DAY);
      });
    }

    it("when it is due and ?disableRefresh=false is given, then it is renewed", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      await assertRenewed(await get(own, "?disableRefresh=false"), own.token);
    });

    it("when an endpoint that needs a session is called, then it renews too", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      const { cookie } = own;
      await assertRenewed(
        await request(t.server).get("/auth/list-sessions").set({ cookie }),
        own.token,
      );
    });

    it("when a row of Better Auth is due, then it is renewed and set under our own name", async () => {
      const own = await insertSession(t, user.id);
      t.clock.advance(DAY + 1);
      const cookie = signedCookie("better-auth.session_token", own.token);
      const lines = setCookies(await get({ ...own, cookie }));
      assert.match(lines[0] ?? "", /^better-auth\.session-token=[^;]+; Max-Age=604800/);
      assert.match(lines[1] ?? "", /^better-auth\.session_token=; Max-Age=0/);
      assert.equal(lines.length, 2);
    });

    describe("given fifty requests while the session is due", () => {
      it("when they come at once, then all succeed and the token stays", async () => {
        const own = await t.givenSession(user);
        t.clock.advance(DAY + 1);
        const responses = await Promise.all(Array.from({ length: 50 }, () => get(own)));
        for (const response of responses) {
          assert.equal(response.status, 200);
          assert.equal(bodyOf(response)?.session.token, own.token);
        }
        assert.ok(responses.some((response) => setCookies(response).length === 1));
        assert.ok(Math.abs(((await secondsLeft(own.token)) ?? 0) - WEEK) < 30);
      });
    });

    describe("given a session that ends with the browser", () => {
      let own: TestSession;
      beforeEach(async () => {
        const { email, password } = user;
        const body = { email, password, rememberMe: false };
        const response = await request(t.server).post("/auth/sign-in/email").send(body).expect(200);
        const cookie = setCookies(response).map((line) => line.split(";")[0]);
        own = { token: (response.body as { token: string }).token, cookie: cookie.join("; ") };
      });

      it("when it is made, then its row lasts 24 hours and no cookie has a Max-Age", async () => {
        assert.equal(await secondsLeft(own.token), DAY);
        assert.match(own.cookie, /better-auth\.dont_remember=true\./);
      });

      it("when it is used in its last hour by cookie, then it is not renewed", async () => {
        t.clock.advance(23 * HOUR);
        await assertNotRenewed(await get(own).expect(200), own.token, HOUR);
        await assertNotRenewed(await post(own).expect(200), own.token, HOUR);
      });

      it("when it is used in its last hour by Bearer, then it is not renewed", async () => {
        t.clock.advance(23 * HOUR);
        const response = await request(t.server).get(PATH).auth(own.token, { type: "bearer" });
        assert.notEqual(response.body, null);
        await assertNotRenewed(response, own.token, HOUR);
      });

      it("when it is used without its dont_remember cookie, then it is not renewed", async () => {
        t.clock.advance(23 * HOUR);
        const [cookie = ""] = own.cookie.split("; ");
        await assertNotRenewed(await get({ ...own, cookie }), own.token, HOUR);
      });

      it("when 24 hours have passed, then it has ended", async () => {
        await get(own);
        t.clock.advance(DAY + 1);
        assert.equal((await get(own)).body, null);
      });
    });

    describe("given a remembered session beside a dont_remember cookie", () => {
      it("when that cookie is signed, then the session is not renewed", async () => {
        const own = await t.givenSession(user);
        t.clock.advance(DAY + 1);
        const cookie = `${own.cookie}; ${signedCookie("better-auth.dont_remember", "true")}`;
        await assertNotRenewed(await get({ ...own, cookie }), own.token, WEEK - DAY);
      });

      for (const value of ["true", "true.AAAA", encodeURIComponent(signed("false"))]) {
        it(`when that cookie is ${value.slice(0, 9)}…, then the session is renewed`, async () => {
          const own = await t.givenSession(user);
          t.clock.advance(DAY + 1);
          const cookie = `${own.cookie}; better-auth.dont_remember=${value}`;
          await assertRenewed(await get({ ...own, cookie }), own.token);
        });
      }
    });

    describe("given a row that is deleted between reading and renewing", () => {
      /** Sends a request whose renewal has to wait until a deletion, begun earlier, is committed. */
      async function duringDeletion({ token }: TestSession, send: () => request.Test) {
        const transaction = await t.database.startSession();
        try {
          transaction.startTransaction();
          await t.auth.models.Session.deleteOne(
            { token: hashToken(token) },
            { session: transaction },
          );
          const renewal = t.nextCommand("findAndModify");
          const response = send().then((answer) => answer);
          await renewal;
          await transaction.commitTransaction();
          return await response;
        } finally {
          await transaction.endSession();
        }
      }

      it("when /get-session renews it, then it answers 401 and clears the session", async () => {
        const own = await t.givenSession(user);
        t.clock.advance(DAY + 1);
        const response = await duringDeletion(own, () => get(own));
        assert.equal(response.status, 401);
        assert.deepEqual(response.body, {
          code: "FAILED_TO_GET_SESSION",
          message: "Failed to get session",
        });
        assert.match(setCookies(response)[0] ?? "", /^better-auth\.session-token=; Max-Age=0/);
        assert.equal(response.get("set-auth-token"), undefined);
      });

      it("when another endpoint renews it, then it answers 401 UNAUTHORIZED", async () => {
        const own = await t.givenSession(user);
        const { cookie } = own;
        t.clock.advance(DAY + 1);
        const response = await duringDeletion(own, () =>
          request(t.server).get("/auth/list-sessions").set({ cookie }),
        );
        assert.equal(response.status, 401);
        assert.deepEqual(response.body, { code: "UNAUTHORIZED", message: "Unauthorized" });
      });
    });

    describe("given a database that refuses to change sessions", () => {
      after(() => t.database.db?.command({ collMod: "session", validator: {} }));

      it("when /get-session renews one, then it answers 500 without internals", async () => {
        const own = await t.givenSession(user);
        const refuseAll = { collMod: "session", validator: { never: { $exists: true } } };
        await t.database.db?.command(refuseAll);
        t.clock.advance(DAY + 1);
        const response = await get(own).expect(500);
        assert.deepEqual(response.body, {
          code: "FAILED_TO_GET_SESSION",
          message: "Failed to get session",
        });
        assert.ok(t.logged.some((line) => line.startsWith("error: ")));
      });
    });
  });

  describe("given sessions of an hour and updateAge 0", () => {
    before(() => start({ expiresIn: HOUR, updateAge: 0 }));
    after(() => t.stop());

    it("when one ends with the browser, then use by Bearer does not renew it", async () => {
      const { email, password } = user;
      const body = { email, password, rememberMe: false };
      const made = await request(t.server).post("/auth/sign-in/email").send(body).expect(200);
      const { token } = made.body as { token: string };
      t.clock.advance(23 * HOUR + 120);
      const response = await request(t.server).get(PATH).auth(token, { type: "bearer" });
      assert.notEqual(response.body, null);
      await assertNotRenewed(response, token, HOUR - 120);
    });

    it("when one is remembered, then every use by Bearer renews it", async () => {
      const own = await t.givenSession(user);
      for (let use = 0; use < 2; use += 1) {
        t.clock.advance(120);
        const response = await request(t.server).get(PATH).auth(own.token, { type: "bearer" });
        assert.equal(setCookies(response).length, 1);
        assert.equal(await secondsLeft(own.token), HOUR);
      }
    });
  });

  describe("given disableSessionRefresh", () => {
    before(() => start({ disableSessionRefresh: true }));
    after(() => t.stop());

    it("when it is due, then neither GET, POST nor another endpoint renews it", async () => {
      const own = await t.givenSession(user);
      const { cookie } = own;
      t.clock.advance(2 * DAY);
      await assertNotRenewed(await get(own), own.token, WEEK - 2 * DAY);
      await assertNotRenewed(await post(own), own.token, WEEK - 2 * DAY);
      const list = await request(t.server).get("/auth/list-sessions").set({ cookie }).expect(200);
      await assertNotRenewed(list, own.token, WEEK - 2 * DAY);
    });
  });

  describe("given deferSessionRefresh", () => {
    before(() => start({ deferSessionRefresh: true }));
    after(() => t.stop());

    it("when it is not due, then GET says so", async () => {
      const own = await t.givenSession(user);
      assert.equal(bodyOf(await get(own))?.needsRefresh, false);
    });

    it("when it is due, then GET says so and writes nothing", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      const commands = await t.commandsOf(async () => {
        const response = await get(own);
        assert.equal(bodyOf(response)?.needsRefresh, true);
        assert.deepEqual(setCookies(response), []);
      });
      assert.deepEqual(commands, ["aggregate"]);
    });

    it("when it is due on HEAD, then nothing is written", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      const commands = await t.commandsOf(() =>
        request(t.server).head(PATH).set("cookie", own.cookie),
      );
      assert.deepEqual(commands, ["aggregate"]);
    });

    it("when it is due and refresh is disabled by the query, then GET asks for none", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      assert.equal(bodyOf(await get(own, "?disableRefresh=true"))?.needsRefresh, false);
    });

    it("when it is due on POST, then it is renewed and the answer has no needsRefresh", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      const response = await post(own);
      await assertRenewed(response, own.token);
      assert.equal("needsRefresh" in (bodyOf(response) ?? {}), false);
    });

    it("when it is due on GET of another endpoint, then nothing is written", async () => {
      const own = await t.givenSession(user);
      const { cookie } = own;
      t.clock.advance(DAY + 1);
      const response = await request(t.server)
        .get("/auth/list-sessions")
        .set({ cookie })
        .expect(200);
      await assertNotRenewed(response, own.token, WEEK - DAY);
    });

    it("when it is due on GET of a route of the app, then nothing is written", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      const response = await request(t.server).get("/own").set("cookie", own.cookie).expect(200);
      await assertNotRenewed(response, own.token, WEEK - DAY);
    });

    it("when it is due on PUT of a route of the app, then it is renewed", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(DAY + 1);
      await assertRenewed(await request(t.server).put("/own").set("cookie", own.cookie), own.token);
    });

    it("when it has expired, then GET keeps the row and POST deletes it", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(WEEK + 1);
      assert.equal((await get(own)).body, null);
      assert.notEqual(await findRow(t, own.token), null);
      assert.equal((await post(own)).body, null);
      assert.equal(await findRow(t, own.token), null);
    });
  });
});
