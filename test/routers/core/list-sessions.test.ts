import assert from "node:assert/strict";
import request from "supertest";
import type { Session } from "../../../lib/index.ts";
import { startApp, type TestApp, type TestUser } from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import {
  findRow,
  insertOfficialSession,
  insertSession,
  signedCookie,
  OWN_COOKIE,
} from "../../support/sessions.ts";

const PATH = "/auth/list-sessions";
type Listed = Readonly<Record<"id" | "token" | "userId" | "createdAt", string>>;

describe("GET /list-sessions", () => {
  let t: TestApp;
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());

  async function list(cookie: string): Promise<Listed[]> {
    const response = await request(t.server).get(PATH).set({ cookie }).expect(200);
    return response.body as Listed[];
  }

  /** Past, so that no clock runs into it. */
  const secondsAgo = (seconds: number): Partial<Session> => {
    const createdAt = new Date(t.clock.now().getTime() - seconds * 1000);
    return { createdAt, updatedAt: createdAt };
  };

  itNeedsASession(() => t, { method: "GET", path: PATH });

  describe("given a user with several sessions", () => {
    let user: TestUser;
    beforeEach(async () => {
      user = await t.givenUser();
    });

    it("when listed, then each has the protocol's keys and no other", async () => {
      const row = await findRow(t, user.token);
      assert.deepEqual(await list(user.cookie), [
        {
          id: String(row?._id),
          token: user.token,
          userId: user.id,
          expiresAt: row?.expiresAt.toISOString(),
          createdAt: row?.createdAt.toISOString(),
          updatedAt: row?.updatedAt.toISOString(),
          ipAddress: "127.0.0.1",
          userAgent: "",
        },
      ]);
    });

    it("when listed, then the own token is real and the others are handles", async () => {
      const others = [await t.givenSession(user), await insertOfficialSession(t, user.id)];
      const listed = await list(user.cookie);
      assert.equal(listed.length, 3);
      for (const { id, token } of listed) {
        const isOwn = token === user.token;
        assert.ok(isOwn || token === `session_${id}`, token);
      }
      assert.equal(listed.filter(({ token }) => token === user.token).length, 1);
      for (const { token } of others) assert.ok(!JSON.stringify(listed).includes(token));
    });

    it("when listed, then no stored hash is shown", async () => {
      await insertSession(t, user.id);
      assert.doesNotMatch(JSON.stringify(await list(user.cookie)), /h1:/);
    });

    it("when a handle of the list is presented, then it is no session", async () => {
      await insertSession(t, user.id);
      const handles = (await list(user.cookie)).map(({ token }) => token);
      for (const handle of handles.filter((token) => token.startsWith("session_"))) {
        await request(t.server).get(PATH).auth(handle, { type: "bearer" }).expect(401);
        const cookie = signedCookie(OWN_COOKIE, handle);
        await request(t.server).get(PATH).set({ cookie }).expect(401);
      }
    });

    it("when listed, then the newest is first", async () => {
      for (const seconds of [300, 100, 200]) await insertSession(t, user.id, secondsAgo(seconds));
      const times = (await list(user.cookie)).map(({ createdAt }) => createdAt);
      assert.deepEqual(times, times.toSorted().toReversed());
      assert.equal(times.length, 4);
    });

    it("when some have expired, then they are left out", async () => {
      await insertSession(t, user.id, { expiresAt: new Date(t.clock.now().getTime() - 1) });
      assert.equal((await list(user.cookie)).length, 1);
    });

    it("when an older row refers to the user by text, then it is listed", async () => {
      const { id } = await insertSession(t, user.id, { userId: user.id });
      const listed = (await list(user.cookie)).find((session) => session.id === id);
      assert.equal(listed?.userId, user.id);
    });

    it("when an admin acts as the user, then that session is listed while admin is off", async () => {
      const { id } = await insertSession(t, user.id, { impersonatedBy: "someone" });
      const listed = (await list(user.cookie)).find((session) => session.id === id);
      assert.ok(listed);
      assert.equal("impersonatedBy" in listed, false);
    });

    it("when others have sessions, then they are not listed", async () => {
      const other = await t.givenUser();
      const owners = new Set((await list(user.cookie)).map(({ userId }) => userId));
      assert.deepEqual(owners, new Set([user.id]));
      assert.equal((await list(other.cookie)).length, 1);
    });
  });

  describe("given a user with more than a hundred sessions", () => {
    let user: TestUser;
    let oldest: { cookie: string; id: string };
    before(async () => {
      user = await t.givenUser();
      oldest = await insertSession(t, user.id, secondsAgo(10_000));
      for (let n = 0; n < 110; n += 1) await insertSession(t, user.id, secondsAgo(n + 1));
    });

    it("when the newest lists, then the newest hundred are shown", async () => {
      const listed = await list(user.cookie);
      assert.equal(listed.length, 100);
      assert.equal(listed[0]?.token, user.token);
      const times = listed.map(({ createdAt }) => createdAt);
      assert.deepEqual(times, times.toSorted().toReversed());
      const eldest = new Date(times.at(-1) ?? 0).getTime();
      assert.ok(eldest > t.clock.now().getTime() - 110_000, "none of the last eleven");
    });

    it("when the oldest lists, then it is among the hundred, as the last", async () => {
      const listed = await list(oldest.cookie);
      assert.equal(listed.length, 100);
      assert.equal(listed.at(-1)?.id, oldest.id);
      assert.equal(new Set(listed.map(({ id }) => id)).size, 100);
    });
  });

  describe("given requireFreshForList", () => {
    let strict: TestApp;
    let user: TestUser;
    before(async () => {
      strict = await startApp({ session: { requireFreshForList: true, freshAge: 600 } });
      user = await strict.givenUser();
    });
    after(() => strict.stop());

    it("when the session is fresh, then it lists", async () => {
      const { cookie } = await strict.givenSession(user);
      strict.clock.advance(590);
      await request(strict.server).get(PATH).set({ cookie }).expect(200);
    });

    it("when the session is not fresh, then it answers 403", async () => {
      const { cookie } = await strict.givenSession(user);
      strict.clock.advance(601);
      const response = await request(strict.server).get(PATH).set({ cookie }).expect(403);
      assert.deepEqual(response.body, {
        code: "SESSION_NOT_FRESH",
        message: "Session is not fresh",
      });
    });
  });

  describe("given a database that fails", () => {
    it("when listed, then it answers 500 without internals", async () => {
      const user = await t.givenUser();
      const { db } = t.database;
      const view = [{ $addFields: { createdAt: { $divide: [1, "$ipAddress"] } } }];
      await db?.renameCollection("session", "session_rows");
      await db?.createCollection("session", { viewOn: "session_rows", pipeline: view });
      try {
        const response = await request(t.server).get(PATH).set("cookie", user.cookie);
        assert.equal(response.status, 500);
        assert.deepEqual(response.body, {
          code: "INTERNAL_SERVER_ERROR",
          message: "Internal Server Error",
        });
      } finally {
        await db?.dropCollection("session");
        await db?.renameCollection("session_rows", "session");
      }
    });
  });
});
