import assert from "node:assert/strict";
import type { ClientSession } from "mongoose";
import request from "supertest";
import { AuthError, type AuthOptions, type HookContext } from "../../lib/index.ts";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../lib/dev/index.ts";
import {
  cookieHeader,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
} from "../support/app.ts";
import { createOutbox } from "../support/outbox.ts";
import { inParallel } from "../support/parallel.ts";
import { assertRefusal } from "../support/refusal.ts";

type DatabaseHooks = NonNullable<AuthOptions["databaseHooks"]>;
type Model = keyof DatabaseHooks;
type Operation = "create" | "update" | "delete";

const MODELS = ["user", "session", "account", "verification"] as const satisfies readonly Model[];
const OPERATIONS = ["create", "update", "delete"] as const;

/** One call of a hook. */
interface Called {
  readonly what: string;
  readonly record: Readonly<Record<string, unknown>>;
  readonly context: HookContext | null;
  readonly session: ClientSession | null;
  /** At the time of the call. */
  readonly inTransaction: boolean;
}

/** Hooks around everything, which note their calls and may do more. */
function noting(
  calls: Called[],
  more: (called: Called) => unknown = () => undefined,
): DatabaseHooks {
  const hook =
    (what: string) =>
    (
      record: Readonly<Record<string, unknown>>,
      context: HookContext | null,
      session: ClientSession | null,
    ) => {
      const inTransaction = session?.inTransaction() ?? false;
      const called = { what, record, context, session, inTransaction };
      calls.push(called);
      return more(called) as undefined;
    };
  const ofModel = (model: Model) =>
    Object.fromEntries(
      OPERATIONS.map((operation: Operation) => [
        operation,
        {
          before: hook(`${model}.${operation}.before`),
          after: hook(`${model}.${operation}.after`),
        },
      ]),
    );
  return Object.fromEntries(MODELS.map((model) => [model, ofModel(model)]));
}

/** Rows in a collection. */
const countRows = (t: TestApp, collection: string) =>
  t.database.collection(collection).countDocuments();
const names = (calls: readonly Called[]) => calls.map(({ what }) => what);
const signUpBody = (email: string) => ({ name: "Ada", email, password: TEST_PASSWORD });
const post = (t: TestApp, path: string, body: object, cookie?: string) =>
  request(t.server)
    .post(`/auth${path}`)
    .set(cookie === undefined ? {} : { cookie, origin: TEST_ORIGIN })
    .send(body);

describe("databaseHooks", () => {
  const running: TestApp[] = [];
  let mongo: EmbeddedMongo;
  before(async function () {
    this.timeout(60_000);
    mongo = await startEmbeddedMongo({ standalone: true });
  });
  afterEach(async () => {
    for (const t of running.splice(0)) await t.stop();
  });
  after(() => mongo.stop());

  async function start(options: AuthOptions, standalone = false): Promise<TestApp> {
    const t = await startApp({ ...options, ...(standalone && { database: mongo.uri }) });
    running.push(t);
    await t.auth.ready();
    return t;
  }

  for (const standalone of [false, true]) {
    describe(`given ${standalone ? "a standalone server" : "a replica set"}`, () => {
      it("when someone signs up, then user, account and session are told, before and after", async () => {
        const calls: Called[] = [];
        const t = await start({ databaseHooks: noting(calls) }, standalone);
        const user = await t.givenUser();
        const expected = standalone
          ? ["user.create.before", "account.create.before", "account.create.after"].concat([
              "user.create.after",
              "session.create.before",
              "session.create.after",
            ])
          : ["user.create.before", "user.create.after", "account.create.before"].concat([
              "account.create.after",
              "session.create.before",
              "session.create.after",
            ]);
        assert.deepEqual(names(calls), expected);
        const [ofUser] = calls.map(({ record }) => record);
        const { id, email } = ofUser ?? {};
        assert.deepEqual({ id, email }, { id: user.id, email: user.email });
        assert.equal("_id" in (ofUser ?? {}), false);
        const { userId, token } = calls.at(-1)?.record ?? {};
        assert.equal(userId, user.id);
        assert.match(String(token), /^h1:/);
        for (const { inTransaction, session, context } of calls) {
          assert.equal(inTransaction, !standalone);
          assert.equal(session === null, standalone);
          const { path, endpoint, body } = context ?? assert.fail("no context");
          const expectedContext = ["/sign-up/email", "signUpEmail", user.email];
          assert.deepEqual([path, endpoint, body["email"]], expectedContext);
        }
      });

      for (const model of ["user", "account", "session"] as const) {
        for (const when of ["before", "after"] as const) {
          it(`when ${model}.create.${when} throws at sign-up, then nothing is left and the address is free`, async () => {
            let broken = true;
            const hooks = noting([], ({ what }) => {
              if (broken && what === `${model}.create.${when}`) {
                throw new AuthError(409, "APP_NO", "not today");
              }
            });
            const t = await start({ databaseHooks: hooks }, standalone);
            const answer = await post(t, "/sign-up/email", signUpBody("ada@example.com"));
            assertRefusal(answer, [409, "APP_NO", "not today"]);
            assert.equal(answer.get("set-cookie"), undefined);
            for (const name of ["User", "Account", "Session"] as const) {
              assert.equal(await t.auth.models[name].countDocuments(), 0, name);
            }
            broken = false;
            await post(t, "/sign-up/email", signUpBody("ada@example.com")).expect(200);
          });
        }
      }
    });
  }

  describe("given hooks that write rows of their own in the running transaction", () => {
    it("when the sign-up goes through, then they stay; when it fails, then they go with it", async () => {
      let breaks = false;
      const t = await start({
        databaseHooks: {
          user: {
            create: {
              async after(user, _context, session) {
                const profiles = t.auth.models.User.db.collection("profiles");
                await profiles.insertOne(
                  { userId: user.id, email: user.email },
                  { ...(session && { session }) },
                );
                if (breaks) throw new Error("the app broke");
              },
            },
          },
        },
      });
      const profiles = t.database.collection("profiles");
      await post(t, "/sign-up/email", signUpBody("ada@example.com")).expect(200);
      assert.equal(await profiles.countDocuments(), 1);
      breaks = true;
      const answer = await post(t, "/sign-up/email", signUpBody("bob@example.com"));
      assertRefusal(answer, [500, "INTERNAL_SERVER_ERROR"]);
      assert.equal(await profiles.countDocuments(), 1);
      assert.equal(await t.auth.models.User.countDocuments(), 1);
    });

    it("when a change of a user breaks after it, then the change is taken back", async () => {
      const t = await start({
        databaseHooks: {
          user: {
            update: {
              async after(user, _context, session) {
                const audit = t.auth.models.User.db.collection("audit");
                await audit.insertOne({ name: user.name }, { ...(session && { session }) });
                if (user.name === "Nobody") throw new AuthError(400, "APP_NAME", "choose another");
              },
            },
          },
        },
      });
      const { cookie, id } = await t.givenUser();
      await post(t, "/update-user", { name: "Augusta" }, cookie).expect(200);
      assertRefusal(await post(t, "/update-user", { name: "Nobody" }, cookie), [400, "APP_NAME"]);
      const user = await t.auth.models.User.findById(
        t.auth.models.User.base.Types.ObjectId.createFromHexString(id),
      ).lean();
      assert.equal(user?.name, "Augusta");
      assert.equal(await t.database.collection("audit").countDocuments(), 1);
    });
  });

  describe("given before hooks that return data", () => {
    it("when rows are made, then the data is stored, but no other id and no other token", async () => {
      const t = await start({
        user: {
          additionalFields: {
            plan: { type: "string", input: false, fieldName: "plan_name", required: false },
          },
        },
        databaseHooks: {
          user: {
            create: {
              before: (user) => ({
                data: {
                  ...user,
                  id: "x",
                  name: `${user.name} L.`,
                  email: "Other@Example.com",
                  plan: "free",
                },
              }),
            },
          },
          session: {
            create: { before: () => ({ data: { token: "x".repeat(32), userAgent: "told" } }) },
          },
        },
      });
      const answer = await post(t, "/sign-up/email", signUpBody("ada@example.com")).expect(200);
      const { token, user } = answer.body as { token: string; user: Record<string, unknown> };
      assert.match(String(user["id"]), /^[0-9a-f]{24}$/);
      assert.equal(user["name"], "Ada L.");
      assert.equal(user["email"], "other@example.com");
      assert.equal(user["plan"], "free");
      assert.notEqual(token, "x".repeat(32));
      const row = await t.database.collection("user").findOne({});
      assert.deepEqual([row?.["plan_name"], row?.["plan"]], ["free", undefined]);
      const session = await request(t.server)
        .get("/auth/get-session")
        .set("cookie", cookieHeader(answer));
      assert.equal((session.body as { session: { userAgent: string } }).session.userAgent, "told");
    });

    it("when a user changes, then the data is stored besides, and the hook knows whom", async () => {
      const seen: unknown[] = [];
      const t = await start({
        databaseHooks: {
          user: {
            update: {
              before(changes) {
                seen.push(changes.id, changes.name, "email" in changes);
                return { data: { image: "/new.png" } };
              },
            },
          },
        },
      });
      const { cookie, id } = await t.givenUser();
      const answer = await post(t, "/update-user", { name: "Augusta" }, cookie).expect(200);
      const { user } = answer.body as { user: { name: string; image: string } };
      assert.deepEqual([user.name, user.image], ["Augusta", "/new.png"]);
      assert.deepEqual(seen, [id, "Augusta", false]);
    });
  });

  describe("given before hooks that return false", () => {
    const refusing = (...refused: string[]) =>
      noting([], ({ what }) => (refused.includes(what) ? false : undefined));

    for (const [what, status, code] of [
      ["user.create.before", 422, "FAILED_TO_CREATE_USER"],
      ["account.create.before", 422, "FAILED_TO_CREATE_USER"],
      ["session.create.before", 400, "FAILED_TO_CREATE_SESSION"],
    ] as const) {
      it(`when it is ${what} at sign-up, then ${code}, and nothing is stored`, async () => {
        const t = await start({ databaseHooks: refusing(what) });
        const answer = await post(t, "/sign-up/email", signUpBody("ada@example.com"));
        assertRefusal(answer, [status, code]);
        assert.equal(await t.auth.models.User.countDocuments(), 0);
        assert.equal(await t.auth.models.Account.countDocuments(), 0);
      });
    }

    it("when a sign-in gets no session, then FAILED_TO_CREATE_SESSION", async () => {
      let refuse = false;
      const t = await start({
        databaseHooks: { session: { create: { before: () => !refuse } } },
      });
      const { email, password } = await t.givenUser();
      refuse = true;
      const answer = await post(t, "/sign-in/email", { email, password });
      assertRefusal(answer, [401, "FAILED_TO_CREATE_SESSION"]);
      assert.equal(await countRows(t, "session"), 1);
    });

    it("when a user may not change, then FAILED_TO_UPDATE_USER", async () => {
      const t = await start({ databaseHooks: refusing("user.update.before") });
      const { cookie } = await t.givenUser();
      const answer = await post(t, "/update-user", { name: "Augusta" }, cookie);
      assertRefusal(answer, [422, "FAILED_TO_UPDATE_USER"]);
    });
  });

  describe("given every other change", () => {
    it("when sessions are made, renewed and ended, then each is told", async () => {
      const calls: Called[] = [];
      const t = await start({ databaseHooks: { session: noting(calls).session } });
      const user = await t.givenUser();
      const other = await t.givenSession(user);
      const third = await t.givenSession(user);
      calls.length = 0;
      t.clock.advance(2 * 86_400);
      await request(t.server).get("/auth/get-session").set("cookie", user.cookie).expect(200);
      assert.deepEqual(names(calls), ["session.update.before", "session.update.after"]);
      calls.length = 0;
      await post(t, "/revoke-session", { token: other.token }, user.cookie).expect(200);
      assert.deepEqual(names(calls), ["session.delete.before", "session.delete.after"]);
      calls.length = 0;
      await t.givenSession(user);
      await post(t, "/revoke-other-sessions", {}, third.cookie).expect(200);
      const deleted = calls.filter(({ what }) => what === "session.delete.after");
      assert.equal(deleted.length, 2);
      assert.equal(await countRows(t, "session"), 1);
      calls.length = 0;
      await post(t, "/sign-out", {}, third.cookie).expect(200);
      assert.deepEqual(names(calls), ["session.delete.before", "session.delete.after"]);
    });

    it("when a password is reset, then the token, the account and the sessions are told, in one transaction", async () => {
      const calls: Called[] = [];
      const outbox = createOutbox();
      const t = await start({
        databaseHooks: noting(calls),
        emailAndPassword: { sendResetPassword: outbox.sender("reset") },
      });
      const { email, id } = await t.givenUser();
      calls.length = 0;
      await post(t, "/request-password-reset", { email }).expect(200);
      assert.deepEqual(names(calls), ["verification.create.before", "verification.create.after"]);
      assert.equal(calls[0]?.record["value"], id);
      const { token } = await outbox.next();
      assert.equal(JSON.stringify(calls.map(({ record }) => record)).includes(token), false);
      calls.length = 0;
      await post(t, "/reset-password", { token, newPassword: "Other-9-lantern" }).expect(200);
      assert.deepEqual(
        names(calls).filter((what) => what.endsWith("after")),
        ["verification.delete.after", "session.delete.after", "account.update.after"],
      );
      assert.equal(new Set(calls.map(({ session }) => session)).size, 1);
      await post(t, "/sign-in/email", { email, password: "Other-9-lantern" }).expect(200);
    });

    it("when an address without a user asks for a reset, then no hook is called, and nothing is left", async () => {
      const calls: Called[] = [];
      const outbox = createOutbox();
      const t = await start({
        databaseHooks: noting(calls),
        emailAndPassword: { sendResetPassword: outbox.sender("reset") },
      });
      await post(t, "/request-password-reset", { email: "nobody@example.com" }).expect(200);
      assert.deepEqual(names(calls), []);
      assert.equal(await countRows(t, "verification"), 0);
    });

    it("when a reset token is used 50 times at once, then one wins, and after is called once", async () => {
      const calls: Called[] = [];
      const outbox = createOutbox();
      const t = await start({
        databaseHooks: { verification: noting(calls).verification },
        emailAndPassword: { sendResetPassword: outbox.sender("reset") },
      });
      const { email } = await t.givenUser();
      await post(t, "/request-password-reset", { email }).expect(200);
      const { token } = await outbox.next();
      const tally = await inParallel(50, (n) =>
        post(t, "/reset-password", { token, newPassword: `Other-${n}-lantern` }),
      );
      assert.deepEqual(tally, { "200": 1, "400 INVALID_TOKEN": 49 });
      assert.equal(names(calls).filter((what) => what === "verification.delete.after").length, 1);
    });

    it("when a user is deleted, then all that goes is told; when a hook throws, then all stays", async () => {
      const calls: Called[] = [];
      let broken = true;
      const t = await start({
        user: { deleteUser: { enabled: true } },
        databaseHooks: noting(calls, ({ what }) => {
          if (broken && what === "user.delete.after") throw new AuthError(409, "APP_KEEP", "no");
        }),
      });
      const { cookie } = await t.givenUser();
      assertRefusal(await post(t, "/delete-user", {}, cookie), [409, "APP_KEEP"]);
      for (const name of ["user", "account", "session"]) assert.equal(await countRows(t, name), 1);
      broken = false;
      calls.length = 0;
      await post(t, "/delete-user", {}, cookie).expect(200);
      assert.deepEqual(
        names(calls).filter((what) => what.endsWith("after")),
        ["session.delete.after", "account.delete.after", "user.delete.after"],
      );
    });

    it("when a user may not be deleted, then 403 and all stays", async () => {
      const t = await start({
        user: { deleteUser: { enabled: true } },
        databaseHooks: { user: { delete: { before: () => false } } },
      });
      const { cookie } = await t.givenUser();
      const answer = await post(t, "/delete-user", {}, cookie);
      assertRefusal(answer, [403, "FORBIDDEN"]);
      for (const name of ["user", "account", "session"]) assert.equal(await countRows(t, name), 1);
      assert.ok(t.logged.some((line) => line.startsWith("warn: refused by a hook")));
    });

    it("when requireSession renews a session of the app's own route, then the hook gets no context", async () => {
      const calls: Called[] = [];
      const t = await startApp(
        { databaseHooks: { session: noting(calls).session } },
        {
          routes(app, auth) {
            app.get("/own", auth.requireSession, (_req, res) => void res.json({}));
          },
        },
      );
      running.push(t);
      const { cookie } = await t.givenUser();
      calls.length = 0;
      t.clock.advance(2 * 86_400);
      await request(t.server).get("/own").set("cookie", cookie).expect(200);
      assert.deepEqual(names(calls), ["session.update.before", "session.update.after"]);
      assert.deepEqual(
        calls.map(({ context, inTransaction }) => [context, inTransaction]),
        [
          [null, true],
          [null, true],
        ],
      );
    });
  });

  describe("given enumeration-safe sign-up and a hook that fills a field", () => {
    it("when a known address signs up, then the answer is as for an unknown one", async () => {
      const t = await start({
        emailAndPassword: { autoSignIn: false },
        user: { additionalFields: { plan: { type: "string", input: false, required: false } } },
        databaseHooks: { user: { create: { before: () => ({ data: { plan: "free" } }) } } },
      });
      const answers = [];
      for (let time = 0; time < 2; time += 1) {
        const answer = await post(t, "/sign-up/email", signUpBody("ada@example.com")).expect(200);
        const { user } = answer.body as { user: Record<string, unknown> };
        answers.push([user["plan"], Object.keys(user)]);
      }
      assert.deepEqual(answers[0], answers[1]);
    });
  });
});
