import assert from "node:assert/strict";
import request from "supertest";
import { hashToken } from "../../lib/crypto/token.ts";
import type { User } from "../../lib/index.ts";
import { setCookies, TEST_ORIGIN, type TestUser } from "../support/app.ts";
import { startMonitoredApp, type MonitoredApp } from "../support/monitored.ts";
import { countRows, findRow, insertSession } from "../support/sessions.ts";

const DAY = 86_400;

type Body = { session: { id: string; userId: string }; user: { id: string } } | null;

describe("look-up of sessions", () => {
  let t: MonitoredApp;
  let user: TestUser;
  before(async () => {
    t = await startMonitoredApp();
    user = await t.givenUser();
  });
  after(() => t.stop());

  async function sessionOf(cookie: string): Promise<Body> {
    const response = await request(t.server).get("/auth/get-session").set({ cookie }).expect(200);
    return response.body as Body;
  }

  describe("given live sessions", () => {
    it("when one request comes, then one aggregation brings session and user", async () => {
      assert.deepEqual(await t.commandsOf(() => sessionOf(user.cookie)), ["aggregate"]);
    });

    it("when nothing is presented, then the database is not asked", async () => {
      const commands = await t.commandsOf(() => request(t.server).get("/auth/get-session"));
      assert.deepEqual(commands, []);
    });

    it("when more are looked up in one turn than a batch of the driver holds, then one command answers each its own", async () => {
      const own = await Promise.all(Array.from({ length: 120 }, () => t.givenSession(user)));
      let found: (string | undefined)[] = [];
      const commands = await t.commandsOf(async () => {
        const calls = own.map(({ cookie }) => t.auth.api.getSession({ headers: { cookie } }));
        found = (await Promise.all(calls)).map((answer) => answer?.session.token);
      });
      assert.deepEqual(commands, ["aggregate"]);
      assert.deepEqual(
        found,
        own.map(({ token }) => token),
      );
    });

    it("when a session was deleted a moment ago, then it is found no more", async () => {
      const own = await insertSession(t, user.id);
      assert.notEqual(await sessionOf(own.cookie), null);
      await t.auth.models.Session.deleteOne({ token: hashToken(own.token) });
      assert.equal(await sessionOf(own.cookie), null);
    });
  });

  describe("given an older row that refers to its user by text", () => {
    it("when it is presented, then a second command brings the user", async () => {
      const own = await insertSession(t, user.id, { userId: user.id });
      const found: Body[] = [];
      const commands = await t.commandsOf(async () => found.push(await sessionOf(own.cookie)));
      assert.deepEqual(commands, ["aggregate", "find"]);
      assert.deepEqual(
        found.map((body) => [body?.session.id, body?.session.userId, body?.user.id]),
        [[own.id, user.id, user.id]],
      );
    });

    it("when its user is gone, then it is no session", async () => {
      const own = await insertSession(t, user.id, { userId: "0123456789abcdef01234567" });
      assert.equal(await sessionOf(own.cookie), null);
    });
  });

  describe("given a user whose id is no ObjectId", () => {
    const id = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";
    before(async () => {
      const now = t.clock.now();
      const row: User = {
        _id: id,
        name: "Grace",
        email: "grace@example.com",
        emailVerified: true,
        createdAt: now,
        updatedAt: now,
      };
      await new t.auth.models.User(row).save();
    });

    it("when their session is presented, then one command finds both", async () => {
      const own = await insertSession(t, id);
      const found: Body[] = [];
      const commands = await t.commandsOf(async () => found.push(await sessionOf(own.cookie)));
      assert.deepEqual(commands, ["aggregate"]);
      assert.deepEqual(
        found.map((body) => [body?.session.userId, body?.user.id]),
        [[id, id]],
      );
    });
  });

  describe("given rows that are no session", () => {
    const past = () => ({ expiresAt: new Date(t.clock.now().getTime() - 1) });

    it("when one has expired, then it is deleted on the way", async () => {
      const own = await t.givenSession(user);
      t.clock.advance(7 * DAY);
      const commands = await t.commandsOf(async () => {
        assert.equal(await sessionOf(own.cookie), null);
      });
      assert.deepEqual(commands, ["aggregate", "delete"]);
      assert.equal(await findRow(t, own.token), null);
    });

    it("when expired ones come beside a live one, then they are deleted and it stays", async () => {
      const [dead, live] = [
        await insertSession(t, user.id, past()),
        await insertSession(t, user.id),
      ];
      const response = await request(t.server)
        .get("/auth/get-session")
        .set({ cookie: live.cookie, authorization: `Bearer ${dead.token}` });
      assert.equal((response.body as Body)?.session.id, live.id);
      assert.equal(await findRow(t, dead.token), null);
      assert.notEqual(await findRow(t, live.token), null);
    });

    it("when an expired one cannot be deleted, then the answer is the same and it is logged", async () => {
      const own = await insertSession(t, user.id, past());
      const { db } = t.database;
      await db?.renameCollection("session", "session_rows");
      await db?.createCollection("session", { viewOn: "session_rows" });
      try {
        assert.equal(await sessionOf(own.cookie), null);
        assert.ok(t.logged.includes("warn: an expired session could not be deleted"));
      } finally {
        await db?.dropCollection("session");
        await db?.renameCollection("session_rows", "session");
      }
    });

    const odd: readonly (readonly [what: string, update: object])[] = [
      ["missing", { $unset: { expiresAt: "" } }],
      ["null", { $set: { expiresAt: null } }],
      ["a text", { $set: { expiresAt: "2999-01-01T00:00:00.000Z" } }],
      ["a number", { $set: { expiresAt: 32_472_144_000_000 } }],
    ];
    for (const [what, update] of odd) {
      it(`when expiresAt is ${what}, then it is treated as none`, async () => {
        const own = await insertSession(t, user.id);
        const row = await findRow(t, own.token);
        await t.auth.models.Session.collection.updateOne({ token: row?.token }, update);
        assert.equal(await sessionOf(own.cookie), null);
      });
    }

    it("when the user is gone, then it is treated as none", async () => {
      const gone = await t.givenUser();
      await t.auth.models.User.deleteOne({ email: gone.email });
      assert.equal(await sessionOf(gone.cookie), null);
    });
  });

  describe("given fifty requests at once", () => {
    const fifty = <T>(work: (index: number) => Promise<T>) =>
      Promise.all(Array.from({ length: 50 }, (_, index) => work(index)));
    const post = (path: string, { cookie }: { cookie: string }, body: object = {}) =>
      request(t.server).post(`/auth${path}`).set({ cookie, origin: TEST_ORIGIN }).send(body);

    it("when all sign out of one session, then each succeeds", async () => {
      const own = await t.givenSession(user);
      const statuses = await fifty(async () => (await post("/sign-out", own)).status);
      assert.deepEqual(new Set(statuses), new Set([200]));
      assert.equal(await findRow(t, own.token), null);
    });

    it("when all revoke one session, then each succeeds", async () => {
      const [own, other] = [await t.givenSession(user), await t.givenSession(user)];
      const body = { token: other.token };
      const statuses = await fifty(async () => (await post("/revoke-session", own, body)).status);
      assert.deepEqual(new Set(statuses), new Set([200]));
      assert.equal(await findRow(t, other.token), null);
    });

    it("when all revoke every session, then each succeeds or has lost its session", async () => {
      const many = await t.givenUser();
      const statuses = await fifty(async () => (await post("/revoke-sessions", many)).status);
      assert.ok(statuses.includes(200));
      assert.deepEqual(
        statuses.filter((status) => status !== 200 && status !== 401),
        [],
      );
      assert.equal(await countRows(t, many.id), 0);
    });

    it("when fifty sessions revoke all others, then none fails otherwise and at most one is left", async () => {
      const many = await t.givenUser();
      const sessions = await fifty(() => insertSession(t, many.id));
      const statuses = await fifty(async (index) => {
        const own = sessions[index] ?? many;
        return (await post("/revoke-other-sessions", own)).status;
      });
      assert.deepEqual(
        statuses.filter((status) => status !== 200 && status !== 401),
        [],
      );
      assert.ok((await countRows(t, many.id)) <= 1);
    });

    it("when all change the user, then each succeeds and one of the names is kept", async () => {
      const ada = await t.givenUser();
      const responses = await fifty((index) =>
        post("/update-user", ada, { name: `Ada ${index}` }).then((response) => response),
      );
      for (const response of responses) {
        assert.equal(response.status, 200);
        assert.equal(setCookies(response).length, 1);
      }
      const row = await t.auth.models.User.findOne({ email: ada.email }).lean();
      assert.match(row?.name ?? "", /^Ada \d+$/);
    });
  });
});
