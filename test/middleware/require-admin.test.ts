import assert from "node:assert/strict";
import express, { type Express } from "express";
import mongoose from "mongoose";
import request from "supertest";
import type { Auth } from "../../lib/index.ts";
import { hashToken } from "../../lib/crypto/token.ts";
import { setCookies, startApp, type TestApp, type TestUser } from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";
import { startMonitoredApp, type MonitoredApp } from "../support/monitored.ts";
import { findRow, insertSession, signed } from "../support/sessions.ts";

const DAY = 86_400;
const FORBIDDEN = { code: "FORBIDDEN", message: "Forbidden" };
const UNAUTHORIZED = { code: "UNAUTHORIZED", message: "Unauthorized" };
const HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

function addRoutes(app: Express, auth: Auth): void {
  const { requireAdmin, requireSession } = auth;
  app.all("/admin/:id", requireAdmin, (req, res) => {
    res.json({ id: req.params.id, auth: req.auth });
  });
  app.get("/called", requireAdmin(), (req, res) => {
    res.json(req.auth.user.email);
  });
  app.get("/fresh", requireAdmin({ fresh: true }), (_req, res) => {
    res.json("fresh");
  });
  app.get("/page", requireAdmin({ redirectTo: "/sign-in" }), (_req, res) => {
    res.send("<p>in</p>");
  });
  app.get("/session-first", requireSession({ fresh: true }), requireAdmin, (req, res) => {
    res.json(req.auth.user.email);
  });
  app.get("/admin-first", requireAdmin, requireSession, (req, res) => {
    res.json(req.auth.user.email);
  });
  const router = express.Router();
  router.use(requireAdmin);
  router.get("/:id", (req, res) => {
    res.json(req.params);
  });
  app.use("/area", router);
}

describe("requireAdmin", () => {
  let t: MonitoredApp;
  let admin: TestUser;
  let user: TestUser;
  before(async () => {
    t = await startMonitoredApp({}, { routes: addRoutes });
    user = await t.givenUser();
    admin = await t.givenUser();
    await setRole(admin, "admin");
  });
  after(() => t.stop());

  /** As a hand on the database would: any value. */
  function setRole({ email }: TestUser, role: unknown) {
    return t.auth.models.User.collection.updateOne({ email }, { $set: { role } });
  }

  const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    request(t.server).get(path).set(headers);

  describe("given an administrator", () => {
    it("when the cookie is sent, then session and user are on the request", async () => {
      const response = await get("/admin/7", { cookie: admin.cookie }).expect(200);
      const { id, auth } = response.body as { id: string; auth: unknown };
      assert.equal(id, "7");
      const answered = await get("/auth/get-session", { cookie: admin.cookie });
      assert.deepEqual(auth, answered.body);
    });

    for (const scheme of ["Bearer", "bearer"]) {
      it(`when the token comes as ${scheme}, bare or signed, then the request passes`, async () => {
        await get("/admin/1", { authorization: `${scheme} ${admin.token}` }).expect(200);
        await get("/admin/1", { authorization: `${scheme} ${signed(admin.token)}` }).expect(200);
      });
    }

    for (const method of ["post", "put", "delete"] as const) {
      it(`when the method is ${method.toUpperCase()}, then the request passes`, async () => {
        await request(t.server)[method]("/admin/1").set("cookie", admin.cookie).expect(200);
      });
    }

    it("when the guard was called without options, then it is a guard too", async () => {
      await get("/called", { cookie: admin.cookie }).expect(200, JSON.stringify(admin.email));
    });

    it("when it guards a sub-router, then what is below passes", async () => {
      await get("/area/3", { cookie: admin.cookie }).expect(200, { id: "3" });
      await get("/area/3", { cookie: user.cookie }).expect(403, FORBIDDEN);
    });

    for (const path of ["/admin/1", "/session-first", "/admin-first"]) {
      it(`when ${path} is asked for, then one command was needed`, async () => {
        const commands = await t.commandsOf(() => get(path, { cookie: admin.cookie }).expect(200));
        assert.deepEqual(commands, ["aggregate"]);
      });
    }

    it("when the session is due, then the app's answer sets the cookie", async () => {
      const createdAt = new Date(t.clock.now().getTime() - 2 * DAY * 1000);
      const expiresAt = new Date(createdAt.getTime() + 7 * DAY * 1000);
      const own = await insertSession(t, admin.id, { createdAt, updatedAt: createdAt, expiresAt });
      const response = await get("/admin/1", { cookie: own.cookie }).expect(200);
      assert.match(setCookies(response).join(), /^better-auth\.session-token=.*Max-Age=604800/);
      assert.equal(response.get("set-auth-token"), signed(own.token));
    });

    it("when the role is taken away, then the next request is refused", async () => {
      const demoted = await t.givenUser();
      await setRole(demoted, "admin");
      await get("/admin/1", { cookie: demoted.cookie }).expect(200);
      await setRole(demoted, "user");
      await get("/admin/1", { cookie: demoted.cookie }).expect(403, FORBIDDEN);
    });
  });

  describe("given roles", () => {
    const passing = ["admin", "user,admin", "admin,user", "a,admin,b"];
    for (const role of passing) {
      it(`when the role is ${JSON.stringify(role)}, then the request passes`, async () => {
        await setRole(user, role);
        await get("/admin/1", { cookie: user.cookie }).expect(200);
      });
    }

    const refused: readonly unknown[] = [
      undefined,
      null,
      "",
      ",",
      "user",
      "Admin",
      "ADMIN",
      " admin",
      "user, admin",
      "administrator",
      "superadmin",
      "not-admin",
      "admin;user",
      5,
      true,
      ["admin"],
      { admin: true },
    ];
    for (const role of refused) {
      it(`when the row has ${JSON.stringify({ role })}, then it answers 403`, async () => {
        await setRole(user, role);
        const response = await get("/admin/1", { cookie: user.cookie }).expect(403);
        assert.deepEqual(response.body, FORBIDDEN);
        assert.match(response.get("content-type") ?? "", /^application\/json/);
        assert.equal(response.get("cache-control"), "no-store");
      });
    }

    it("when a session guard has passed before, then it is refused by one command", async () => {
      await setRole(user, "user");
      const commands = await t.commandsOf(() =>
        get("/session-first", { cookie: user.cookie }).expect(403, FORBIDDEN),
      );
      assert.deepEqual(commands, ["aggregate"]);
    });
  });

  describe("given no live session", () => {
    it("when nothing is presented, then it answers 401", async () => {
      await get("/admin/1").expect(401, UNAUTHORIZED);
    });

    it("when the stored hash or a handle is presented, then it answers 401", async () => {
      const own = await insertSession(t, admin.id);
      for (const value of [hashToken(own.token), `session_${own.id}`]) {
        await get("/admin/1", { authorization: `Bearer ${value}` }).expect(401, UNAUTHORIZED);
      }
    });

    it("when the session has expired, then it answers 401 and the row is deleted", async () => {
      const past = { expiresAt: new Date(t.clock.now().getTime() - 1) };
      const own = await insertSession(t, admin.id, past);
      await get("/admin/1", { cookie: own.cookie }).expect(401, UNAUTHORIZED);
      assert.equal(await findRow(t, own.token), null);
    });
  });

  describe("given a banned administrator", () => {
    let banned: TestUser;
    beforeEach(async () => {
      banned = await t.givenUser();
      await setRole(banned, "admin");
    });
    const ban = (banExpires: Date | null) => {
      const filter = { email: banned.email };
      return t.auth.models.User.updateOne(filter, { $set: { banned: true, banExpires } });
    };

    it("when the ban stands, then it answers 403 with the ban's code", async () => {
      await ban(null);
      const response = await get("/admin/1", { cookie: banned.cookie }).expect(403);
      assert.equal((response.body as { code: string }).code, "BANNED_USER");
    });

    it("when the ban has ended, then the request passes", async () => {
      await ban(new Date(t.clock.now().getTime() - 1));
      await get("/admin/1", { cookie: banned.cookie }).expect(200);
    });
  });

  describe("given fresh: true", () => {
    it("when the session is a day old, then it answers 403", async () => {
      const createdAt = new Date(t.clock.now().getTime() - DAY * 1000);
      const { cookie } = await insertSession(t, admin.id, { createdAt });
      await get("/admin/1", { cookie }).expect(200);
      const response = await get("/fresh", { cookie }).expect(403);
      assert.equal((response.body as { code: string }).code, "SESSION_NOT_FRESH");
    });

    it("when the session is young, then the request passes", async () => {
      await get("/fresh", { cookie: admin.cookie }).expect(200);
    });
  });

  describe("given redirectTo", () => {
    it("when a browser is not signed in, then it is sent to sign in and back", async () => {
      const response = await get("/page?x=1", { accept: HTML });
      assert.equal(response.status, 302);
      assert.equal(response.get("location"), "/sign-in?callbackURL=%2Fpage%3Fx%3D1");
    });

    it("when a browser is signed in without the role, then the code goes along", async () => {
      await setRole(user, "user");
      const response = await get("/page", { accept: HTML, cookie: user.cookie });
      assert.equal(response.status, 302);
      assert.equal(response.get("location"), "/sign-in?callbackURL=%2Fpage&error=FORBIDDEN");
    });

    it("when a fetch caller has no role, then it answers 403 as JSON", async () => {
      const headers = { accept: "application/json", cookie: user.cookie };
      await get("/page", headers).expect(403, FORBIDDEN);
    });

    it("when an administrator comes, then the page is shown", async () => {
      await get("/page", { accept: HTML, cookie: admin.cookie }).expect(200, "<p>in</p>");
    });
  });
});

describe("requireAdmin with adminRoles and adminUserIds", () => {
  let maker: TestApp;
  let t: TestApp;
  let chosen: TestUser;
  before(async () => {
    const database = await freshDatabase();
    maker = await startApp({ database });
    chosen = await maker.givenUser();
    t = await startApp(
      { database, adminRoles: ["owner", "staff"], adminUserIds: [chosen.id] },
      { routes: addRoutes },
    );
  });
  after(async () => {
    await t.stop();
    await maker.stop();
  });

  const get = (cookie: string) => request(t.server).get("/admin/1").set({ cookie });

  it("when the user's id is listed, then the request passes without a role", async () => {
    await get(chosen.cookie).expect(200);
  });

  it("when the user's id is not listed, then it answers 403", async () => {
    const { cookie } = await t.givenUser();
    await get(cookie).expect(403, FORBIDDEN);
  });

  for (const [role, status] of [
    ["owner", 200],
    ["staff", 200],
    ["user,staff", 200],
    ["admin", 403],
    ["owner2", 403],
  ] as const) {
    it(`when the role is ${role}, then it answers ${status}`, async () => {
      const { cookie, email } = await t.givenUser();
      await t.auth.models.User.updateOne({ email }, { $set: { role } });
      await get(cookie).expect(status);
    });
  }
});

describe("requireAdmin without a database", () => {
  it("when the connection is lost, then it answers 503, also to a browser", async () => {
    const connection = await mongoose.createConnection(await freshDatabase()).asPromise();
    const t = await startApp({ database: connection }, { routes: addRoutes });
    try {
      const { cookie } = await t.givenUser();
      await connection.dropDatabase();
      await connection.close();
      for (const path of ["/admin/1", "/page", "/session-first"]) {
        const response = await request(t.server).get(path).set({ cookie, accept: HTML });
        assert.equal(response.status, 503, path);
        assert.equal((response.body as { code: string }).code, "SERVICE_UNAVAILABLE");
        assert.match(response.get("retry-after") ?? "", /^[1-9]\d*$/);
      }
    } finally {
      await t.stop();
    }
  });
});
