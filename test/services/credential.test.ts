import assert from "node:assert/strict";
import request from "supertest";
import { createId, parseId } from "../../lib/models/id.ts";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
  type TestUser,
} from "../support/app.ts";
import { startFailingMongo, type FailingMongo, type FailingStep } from "../support/fail-points.ts";
import { createOutbox } from "../support/outbox.ts";
import { inParallel } from "../support/parallel.ts";
import { assertRefusal } from "../support/refusal.ts";
import { countRows } from "../support/sessions.ts";
import { findVerifications, insertVerification } from "../support/verifications.ts";

const NEW_PASSWORD = "Harbour-9-lantern";
const DATABASE = "credential";

const outbox = createOutbox();
const emailAndPassword = { enabled: true, sendResetPassword: outbox.sender("reset") };

async function newToken({ server }: TestApp, { email }: TestUser): Promise<string> {
  await request(server).post("/auth/forget-password").send({ email }).expect(200);
  return (await outbox.next()).token;
}
const reset = ({ server }: TestApp, token: string) =>
  request(server).post("/auth/reset-password").send({ token, newPassword: NEW_PASSWORD });
const change = ({ server }: TestApp, { cookie }: Pick<TestUser, "cookie">) =>
  request(server).post("/auth/change-password").set({ cookie, origin: TEST_ORIGIN }).send({
    currentPassword: TEST_PASSWORD,
    newPassword: NEW_PASSWORD,
    revokeOtherSessions: true,
  });
const signsIn = async ({ server }: TestApp, { email }: TestUser, password: string) =>
  (await request(server).post("/auth/sign-in/email").send({ email, password })).status === 200;

/** What the commands of each operation are, in any order; each of them may fail. */
const steps = {
  reset: [
    { command: "findAndModify", collection: "verification" },
    { command: "delete", collection: "verification" },
    { command: "delete", collection: "session" },
    { command: "delete", collection: "verification", skip: 1 },
    { command: "delete", collection: "verification", skip: 2 },
    { command: "update", collection: "account" },
  ],
  change: [
    { command: "delete", collection: "verification" },
    { command: "delete", collection: "session" },
    { command: "delete", collection: "verification", skip: 1 },
    { command: "delete", collection: "verification", skip: 2 },
    { command: "findAndModify", collection: "account" },
    { command: "insert", collection: "session" },
  ],
} as const satisfies Record<string, readonly FailingStep[]>;

for (const standalone of [false, true]) {
  describe(`a change of a password on a ${standalone ? "standalone server" : "replica set"}`, function () {
    this.timeout(60_000);
    let mongo: FailingMongo;
    let t: TestApp;
    let user: TestUser;
    before(async () => {
      mongo = await startFailingMongo({ standalone });
      t = await startApp({ database: mongo.uri(DATABASE), emailAndPassword });
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

    /** What the old password opened: sessions, trusted devices and reset tokens. */
    const left = async () => {
      const count = async (front: string) => (await findVerifications(t, user.id, front)).length;
      return {
        sessions: await countRows(t, user.id),
        devices: await count("trust-device-"),
        tokens: await count("reset-password:"),
      };
    };
    const hash = async () =>
      (await t.auth.models.Account.findOne({ providerId: "credential", accountId: user.id }).lean())
        ?.password;

    for (const [operation, failing] of Object.entries(steps)) {
      for (const { command, collection, ...more } of failing) {
        const skip = "skip" in more ? more.skip : 0;
        const step = `${skip === 0 ? "" : "second "}${command} of ${collection}`;
        const outcome = standalone
          ? "no new password stands beside what it was to end"
          : "nothing is changed, and it can be tried again";

        it(`when the ${step} fails in a ${operation}, then ${outcome}`, async () => {
          const token = await newToken(t, user);
          const [whole, oldHash] = [await left(), await hash()];
          const call = () => (operation === "reset" ? reset(t, token) : change(t, user));
          await mongo.failOnce(DATABASE, { command, collection, skip });
          const response = await call();
          assert.ok(await mongo.hasFailed());
          assertRefusal(response, [503, "SERVICE_UNAVAILABLE"]);
          assert.deepEqual(setCookies(response), []);
          if (standalone) {
            const isChanged = (await hash()) !== oldHash;
            if (isChanged) assert.deepEqual(await left(), { sessions: 0, devices: 0, tokens: 0 });
            assert.ok(await signsIn(t, user, isChanged ? NEW_PASSWORD : TEST_PASSWORD));
            return;
          }
          assert.deepEqual([await left(), await hash()], [whole, oldHash]);
          await call().expect(200);
          assert.ok(await signsIn(t, user, NEW_PASSWORD));
        });
      }
    }

    it("when one token is used 50 times at once, then exactly one reset wins", async () => {
      const token = await newToken(t, user);
      const answers = await inParallel(50, () => reset(t, token));
      assert.deepEqual(answers, { "200": 1, "400 INVALID_TOKEN": 49 });
      assert.ok(await signsIn(t, user, NEW_PASSWORD));
    });

    it("when nothing fails, then a reset ends all that the old password opened", async () => {
      await reset(t, await newToken(t, user)).expect(200);
      assert.deepEqual(await left(), { sessions: 0, devices: 0, tokens: 0 });
    });

    it("when nothing fails, then a change ends all but the new session", async () => {
      await newToken(t, user);
      await change(t, user).expect(200);
      assert.deepEqual(await left(), { sessions: 1, devices: 0, tokens: 0 });
    });
  });
}

describe("findCredential", () => {
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp({ emailAndPassword });
  });
  after(() => t.stop());

  /** The user's own account has the test password; another row, found first, has none that anyone knows. */
  beforeEach(async () => {
    user = await t.givenUser();
    const { Account } = t.auth.models;
    const own = await Account.findOneAndDelete({
      providerId: "credential",
      accountId: user.id,
    }).lean();
    const [stranger] = [await t.givenUser({ password: "Quarry-5-meadow" })];
    const other = await Account.findOneAndDelete({
      providerId: "credential",
      accountId: stranger.id,
    }).lean();
    const userId = parseId(user.id) ?? "";
    const first = { ...other, _id: createId(), accountId: `older-${user.id}`, userId };
    await new Account(first).save();
    await new Account({ ...own }).save();
  });
  const post = (path: string, body: object) =>
    request(t.server).post(path).set({ cookie: user.cookie, origin: TEST_ORIGIN }).send(body);

  describe("given several password accounts of one user", () => {
    it("when a password is verified, then it is the one that signs in", async () => {
      assert.ok(await signsIn(t, user, TEST_PASSWORD));
      await post("/auth/verify-password", { password: TEST_PASSWORD }).expect(200);
      await post("/auth/verify-password", { password: "Quarry-5-meadow" }).expect(400);
    });

    it("when the password is changed, then the new one signs in", async () => {
      await change(t, user).expect(200);
      assert.ok(await signsIn(t, user, NEW_PASSWORD));
      assert.ok(!(await signsIn(t, user, TEST_PASSWORD)));
    });

    it("when the password is reset, then no old one is left anywhere", async () => {
      await reset(t, await newToken(t, user)).expect(200);
      assert.ok(await signsIn(t, user, NEW_PASSWORD));
      const rows = await t.auth.models.Account.find({ userId: parseId(user.id) ?? "" }).lean();
      assert.equal(new Set(rows.map(({ password }) => password)).size, 1);
      assert.equal(rows.length, 2);
    });
  });
});
