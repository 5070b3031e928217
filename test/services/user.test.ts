import assert from "node:assert/strict";
import request from "supertest";
import { startEmbeddedMongo, type EmbeddedMongo } from "../../lib/dev/index.ts";
import { setCookies, startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { refuseRows } from "../support/refuse-rows.ts";
import { DOUBLE_ADDRESS, databaseWithDuplicates, oldUser } from "../support/duplicates.ts";
import { withDatabase, describeWithScans } from "../support/mongo.ts";

const body = { name: "Ada", email: "ada@example.com", password: TEST_PASSWORD };

const signUp = (t: TestApp, fields: object = {}) =>
  request(t.server)
    .post("/auth/sign-up/email")
    .send({ ...body, ...fields });

const countAll = (t: TestApp): Promise<number[]> =>
  Promise.all(
    ["user", "account", "session"].map((name) => t.database.collection(name).countDocuments()),
  );

describe("signUpWithPassword", () => {
  describe("given a standalone server", function () {
    this.timeout(30_000);
    let mongo: EmbeddedMongo;
    let t: TestApp;
    before(async () => {
      mongo = await startEmbeddedMongo({ standalone: true });
      t = await startApp({
        database: withDatabase(mongo.uri, "sign-up"),
        user: { additionalFields: { handle: { type: "string", required: false, unique: true } } },
      });
      await t.auth.ready();
    });
    after(async () => {
      await t.stop();
      await mongo.stop();
    });

    it("when all goes well, then user, account and session are stored", async () => {
      await signUp(t, { handle: "ada" }).expect(200);
      assert.deepEqual(await countAll(t), [1, 1, 1]);
    });

    it("when the address is taken, then no account is left without a user", async () => {
      await signUp(t).expect(422, /USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL/);
      assert.deepEqual(await countAll(t), [1, 1, 1]);
    });

    it("when another unique field is taken, then no account is left without a user", async () => {
      const taken = { email: "eve@example.com", handle: "ada" };
      await signUp(t, taken).expect(422, /FAILED_TO_CREATE_USER/);
      assert.deepEqual(await countAll(t), [1, 1, 1]);
    });

    it("when the session is refused, then neither user nor account is left, and the address can sign up", async () => {
      await refuseRows(t, "session", { userAgent: { $ne: "Refused" } });
      const other = { email: "eve@example.com" };
      const response = await signUp(t, other).set("User-Agent", "Refused").expect(400);
      assert.equal((response.body as { code: string }).code, "FAILED_TO_CREATE_SESSION");
      assert.deepEqual(setCookies(response), []);
      assert.deepEqual(await countAll(t), [1, 1, 1]);
      await signUp(t, other).expect(200);
    });

    it("when the user is refused, then no account is left without a user", async () => {
      const before = await countAll(t);
      await refuseRows(t, "user", { name: { $ne: "Refused" } });
      await signUp(t, { email: "bob@example.com", name: "Refused" }).expect(422);
      assert.deepEqual(await countAll(t), before);
    });
  });

  describeWithScans("given old duplicates of an address", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp({ database: await databaseWithDuplicates() });
      await t.auth.ready();
    });
    after(() => t.stop());

    it("when the instance starts, then one warning names collection, field and count", () => {
      const warnings = t.logged.filter((line) => line.startsWith("warn: "));
      assert.equal(warnings.length, 1);
      assert.match(
        warnings[0] ?? "",
        /unique index on user \(email\) could not be built: 1 value\(s\) occur more than once/,
      );
    });

    it("when the indexes are looked at, then the others are there", async () => {
      const indexes = await t.database.collection("user").indexes();
      assert.deepEqual(
        indexes.map(({ key }) => Object.keys(key as object).join()),
        ["_id", "username", "email,_id"],
      );
    });

    it("when an unknown address signs up, then it works", () => signUp(t).expect(200));

    for (const email of [body.email, body.email.toUpperCase(), DOUBLE_ADDRESS]) {
      it(`when ${email}, which exists, signs up, then it is refused by a look-up`, async () => {
        const before = await countAll(t);
        await signUp(t, { email }).expect(422, /USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL/);
        assert.deepEqual(await countAll(t), before);
      });
    }

    it("when the duplicates are gone and ensureIndexes() is called, then the index holds the rule again", async () => {
      await t.database.collection("user").deleteOne({ name: "Two" });
      const { failed } = await t.auth.ensureIndexes();
      assert.deepEqual(failed, []);
      await assert.rejects(t.database.collection("user").insertOne(oldUser("Three")), /E11000/);
    });
  });

  describeWithScans("given autoIndex: false, and no index", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp({ advanced: { database: { autoIndex: false } } });
    });
    after(() => t.stop());

    it("when an address signs up twice, then the second is refused by a look-up", async () => {
      await signUp(t).expect(200);
      await signUp(t).expect(422, /USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL/);
      assert.deepEqual(await countAll(t), [1, 1, 1]);
      const indexes = await t.database.collection("user").indexes();
      assert.deepEqual(
        indexes.map(({ name }) => name),
        ["_id_"],
      );
    });
  });
});

describe("updateUser", () => {
  let t: TestApp;
  before(async () => {
    t = await startApp({
      user: {
        additionalFields: {
          seen: { type: "number", required: false, onUpdate: () => 7, fieldName: "seen_count" },
        },
      },
    });
  });
  after(() => t.stop());

  it("when a user is changed, then updatedAt and what the app makes come with it, and unknown fields stay", async () => {
    const { email, cookie } = await t.givenUser();
    const users = t.database.collection("user");
    const before = await users.findOneAndUpdate({ email }, { $set: { legacy: "kept" } });
    t.clock.advance(60);
    await request(t.server)
      .post("/auth/update-user")
      .set({ Cookie: cookie, Origin: TEST_ORIGIN })
      .send({ name: "Augusta" })
      .expect(200);
    const row = await users.findOne({ email });
    assert.ok(row?.["updatedAt"] > (before?.["updatedAt"] ?? 0));
    const changed = { name: "Augusta", legacy: "kept", seen_count: 7 };
    assert.deepEqual(row, { ...before, ...changed, updatedAt: row?.["updatedAt"] as unknown });
  });
});
