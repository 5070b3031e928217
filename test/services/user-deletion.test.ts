import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import type { Model } from "mongoose";
import request from "supertest";
import { optionalFeatures } from "../../docs/features.ts";
import { AuthError, type AuthOptions, type UserLike } from "../../lib/index.ts";
import { createId, parseId, type Id } from "../../lib/models/id.ts";
import { userReferences, type ModelName } from "../../lib/models/index.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../support/app.ts";
import { startFailingMongo, type FailingMongo } from "../support/fail-points.ts";
import { createOutbox, itOutlivesACallback, until } from "../support/outbox.ts";
import { inParallel } from "../support/parallel.ts";
import { assertRefusal } from "../support/refusal.ts";
import { countRows } from "../support/sessions.ts";
import { insertVerification } from "../support/verifications.ts";

type DeleteUser = NonNullable<NonNullable<AuthOptions["user"]>["deleteUser"]>;

/** Names of fields that refer to a user, in any model. */
const REFERENCES = ["userId", "referenceId", "inviterId", "value"];
const DELETED = { success: true, message: "User deleted" };

const options = (deleteUser: DeleteUser = {}): AuthOptions => ({
  user: { deleteUser: { enabled: true, ...deleteUser } },
});
const deletion = ({ server }: TestApp, { cookie }: Pick<TestUser, "cookie">) =>
  request(server).post("/auth/delete-user").set({ cookie, origin: TEST_ORIGIN }).send({});
const exists = async ({ auth }: TestApp, { id }: TestUser) =>
  (await auth.models.User.exists({ _id: parseId(id) ?? "" })) !== null;

/** Models by name, as the tests look at them: whatever their rows are. */
function modelsOf({ auth }: TestApp): readonly (readonly [ModelName, Model<unknown>])[] {
  const names = Object.keys(auth.models) as ModelName[];
  return names.map((name) => [name, auth.models[name] as unknown as Model<unknown>]);
}

/** A value that fits a path of a schema. */
function valueOf(instance: string): unknown {
  switch (instance) {
    case "Date":
      return new Date(Date.now() + 3_600_000);
    case "Number":
      return 1;
    case "Boolean":
      return false;
    case "Mixed":
      return createId();
    default:
      return String(createId());
  }
}

/** Stores a row that has what the model demands, and this. */
async function insertRow(model: Model<unknown>, fields: object): Promise<void> {
  const required = model.schema
    .requiredPaths()
    .map((path) => [path, valueOf(model.schema.path(path).instance)] as const);
  const row = { ...Object.fromEntries(required), _id: createId(), ...fields };
  await model.collection.insertOne(row);
}

describe("deleteUser", () => {
  describe("given every model", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp({ ...options(), plugins: optionalFeatures });
      await t.auth.ready();
    });
    after(() => t.stop());

    it("when a model has a field that refers to a user, then userReferences names it", () => {
      const found = modelsOf(t).map(([name, { schema }]) => {
        const fields = REFERENCES.filter((field) => field in schema.paths);
        return [name, fields] as const;
      });
      const referring = found.filter(([, fields]) => fields.length > 0);
      assert.deepEqual(Object.fromEntries(referring), userReferences);
    });

    for (const [name, fields] of Object.entries(userReferences)) {
      for (const field of fields) {
        it(`when ${name}.${field} refers to a user, then it goes with them, and only with them`, async () => {
          const [user, other] = [await t.givenUser(), await t.givenUser()];
          const [, model] = modelsOf(t).find(([known]) => known === name) ?? assert.fail(name);
          // A text is all that a text field can hold; elsewhere older rows have it in place of an ObjectId.
          const isText = model.schema.path(field).instance === "String";
          const forms = (id: string): Id[] => (isText ? [id] : [parseId(id) ?? "", id]);
          for (const form of [...forms(user.id), ...forms(other.id)]) {
            await insertRow(model, { [field]: form });
          }
          const count = (id: string) =>
            model.collection.countDocuments({ [field]: { $in: forms(id) } });
          const before = await count(other.id);
          assert.ok((await count(user.id)) >= forms(user.id).length);
          await deletion(t, user).expect(200, DELETED);
          assert.equal(await count(user.id), 0);
          assert.equal(await count(other.id), before);
        });
      }
    }

    it("when a user is deleted, then no collection holds their id anywhere", async () => {
      const user = await t.givenUser();
      await t.givenSession(user);
      await insertVerification(t, { identifier: "trust-device-x", value: user.id });
      await deletion(t, user).expect(200);
      const db = t.database.getClient().db(t.database.name);
      for (const { name } of await db.listCollections().toArray()) {
        const rows = await db.collection(name).find().toArray();
        assert.ok(!JSON.stringify(rows).includes(user.id), name);
        assert.ok(!JSON.stringify(rows).includes(user.email), name);
      }
    });

    it("when the id of the user is a text of an own generator, then all goes as well", async () => {
      const user = await t.givenUser();
      const { User, Session, Account } = t.auth.models;
      const row = await User.findOneAndDelete({ _id: parseId(user.id) ?? "" }).lean();
      const _id = "7f9c24e8-3b12-4fef-91d1-c8bd9a0b2f11";
      await new User({ ...row, _id }).save();
      await Session.updateMany({ userId: parseId(user.id) ?? "" }, { userId: _id });
      await Account.updateMany({ userId: parseId(user.id) ?? "" }, { userId: _id });
      await insertVerification(t, { identifier: "trust-device-y", value: _id });
      await deletion(t, user).expect(200);
      for (const [, model] of modelsOf(t)) {
        const rows = await model.collection.find().toArray();
        assert.ok(!JSON.stringify(rows).includes(_id), model.collection.collectionName);
      }
    });
  });

  for (const standalone of [false, true]) {
    describe(`given a ${standalone ? "standalone server" : "replica set"} on which a step fails`, function () {
      this.timeout(60_000);
      const database = "deletion";
      const outbox = createOutbox();
      let mongo: FailingMongo;
      let t: TestApp;
      let user: TestUser;
      before(async () => {
        mongo = await startFailingMongo({ standalone });
        t = await startApp({
          ...options(),
          database: mongo.uri(database),
          emailAndPassword: { enabled: true, sendResetPassword: outbox.sender("reset") },
        });
        await t.auth.ready();
      });
      after(async () => {
        await t.stop();
        await mongo.stop();
      });
      beforeEach(async () => {
        user = await t.givenUser();
        await insertVerification(t, { identifier: "trust-device-x", value: user.id });
      });
      const left = async () => {
        const { Account, Verification } = t.auth.models;
        return {
          session: await countRows(t, user.id),
          verification: await Verification.countDocuments({ value: user.id }),
          account: await Account.countDocuments({ providerId: "credential", accountId: user.id }),
          user: (await exists(t, user)) ? 1 : 0,
        };
      };
      const whole = { session: 1, verification: 1, account: 1, user: 1 };

      for (const collection of Object.keys(whole)) {
        it(`when the deletion from ${collection} fails, then ${standalone ? "the user is still there" : "nothing is deleted"}, and can try again`, async () => {
          const command = collection === "user" ? "findAndModify" : "delete";
          await mongo.failOnce(database, { command, collection });
          const response = await deletion(t, user);
          assertRefusal(response, [503, "SERVICE_UNAVAILABLE"]);
          assert.ok(await mongo.hasFailed());
          assert.deepEqual(setCookies(response), []);
          if (!standalone) assert.deepEqual(await left(), whole);
          assert.equal((await left()).user, 1);

          // The password goes last but one; after that a reset still gives a new one.
          if (collection === "user" && standalone) await resetPassword();
          const again = await t.givenSession(user);
          await deletion(t, again).expect(200, DELETED);
          assert.deepEqual(await left(), { session: 0, verification: 0, account: 0, user: 0 });
        });
      }

      async function resetPassword(): Promise<void> {
        const { email, password: newPassword } = user;
        await request(t.server).post("/auth/forget-password").send({ email }).expect(200);
        const { token } = await outbox.next();
        await request(t.server).post("/auth/reset-password").send({ token, newPassword });
      }
    });
  }
});

describe("deleteAccount", () => {
  const token = "a1".repeat(16);
  /** Both ways to delete: in the session, and by the link of a mail. */
  const ways = {
    "POST /delete-user": deletion,
    "GET /delete-user/callback": ({ server }: TestApp) =>
      request(server).get("/auth/delete-user/callback").query({ token }),
  };

  for (const [way, call] of Object.entries(ways)) {
    const { pathname } = new URL(`/auth${way.split(" ")[1] ?? ""}`, TEST_ORIGIN);
    const givenOwner = async (app: TestApp): Promise<TestUser> => {
      const owner = await app.givenUser();
      const identifier = `delete-account-${token}`;
      await app.auth.models.Verification.deleteMany({ identifier });
      await insertVerification(app, { identifier, value: owner.id });
      return owner;
    };

    describe(`given hooks, by ${way}`, () => {
      type Hook = NonNullable<DeleteUser["beforeDelete"]>;
      let beforeDelete: Hook;
      let afterDelete: Hook;
      let t: TestApp;
      let user: TestUser;
      before(async () => {
        t = await startApp(
          options({
            beforeDelete: (...given) => beforeDelete(...given),
            afterDelete: (...given) => afterDelete(...given),
          }),
        );
      });
      after(() => t.stop());
      beforeEach(async () => {
        beforeDelete = () => undefined;
        afterDelete = () => undefined;
        user = await givenOwner(t);
      });

      it("when a user is deleted, then one is called before it and one after, with user and request", async () => {
        const calls: unknown[] = [];
        const note = (hook: string) => async (hooked: UserLike, sentFor?: Request) => {
          const path = new URL(sentFor?.url ?? "").pathname;
          calls.push([hook, hooked.id, hooked.email, path, await exists(t, user)]);
        };
        beforeDelete = note("before");
        afterDelete = note("after");
        await call(t, user).expect(200, DELETED);
        await until(() => calls.length === 2, "not called");
        assert.deepEqual(calls, [
          ["before", user.id, user.email, pathname, true],
          ["after", user.id, user.email, pathname, false],
        ]);
      });

      it("when beforeDelete throws an AuthError, then that is the answer, and no one is deleted", async () => {
        let after = 0;
        beforeDelete = async () => {
          await turn();
          throw new AuthError(409, "APP_OPEN_INVOICES", "Pay first");
        };
        afterDelete = () => void (after += 1);
        const response = await call(t, user);
        assertRefusal(response, [409, "APP_OPEN_INVOICES", "Pay first"]);
        assert.deepEqual(setCookies(response), []);
        assert.equal(await exists(t, user), true);
        await t.givenSession(user);
        assert.equal(after, 0);
      });

      it("when beforeDelete breaks, then it answers 500 without details, and no one is deleted", async () => {
        beforeDelete = () => {
          throw new Error("secret detail");
        };
        const response = await call(t, user);
        assertRefusal(response, [500, "INTERNAL_SERVER_ERROR", "Internal Server Error"]);
        assert.equal(await exists(t, user), true);
        assert.match(
          t.logged.splice(0).join("|"),
          /^error: unexpected failure: \w+ \/delete-user[^|]*$/,
        );
      });

      it("when it is called 20 times at once, then afterDelete is called once", async () => {
        let after = 0;
        afterDelete = () => void (after += 1);
        const answers = await inParallel(20, () => call(t, user));
        assert.equal(answers["200"], 1);
        await until(() => after > 0, "not called");
        for (let turns = 0; turns < 5; turns += 1) await turn();
        assert.equal(after, 1);
      });
    });

    describe(`given ${way}`, () => {
      itOutlivesACallback({
        option: "user.deleteUser.afterDelete",
        start: (afterDelete) => startApp(options({ afterDelete })),
        async act(app) {
          const owner = await givenOwner(app);
          const response = await call(app, owner).expect(200, DELETED);
          assert.equal(cookieHeader(response), "");
          assert.equal(await exists(app, owner), false);
        },
      });
    });
  }
});
