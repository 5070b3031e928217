import assert from "node:assert/strict";
import request from "supertest";
import { AuthError, type AuthOptions, type UserLike } from "../../lib/index.ts";
import { parseId } from "../../lib/models/id.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../support/app.ts";
import { DOUBLE_ADDRESS, databaseWithDuplicates } from "../support/duplicates.ts";
import { describeWithScans } from "../support/mongo.ts";
import { itOutlivesACallback, until } from "../support/outbox.ts";
import { inParallel } from "../support/parallel.ts";
import { assertRefusal } from "../support/refusal.ts";
import { countRows } from "../support/sessions.ts";
import { signToken } from "../support/tokens.ts";

type Hooks = AuthOptions["emailVerification"];

const PARALLEL = 50;
const VERIFICATION = "change-email-verification";

const withHooks = (emailVerification: Hooks): AuthOptions => ({ emailVerification });
const open = ({ server }: TestApp, token: string, headers: Readonly<Record<string, string>> = {}) =>
  request(server).get("/auth/verify-email").query({ token }).set(headers);
const tokenOf = (t: TestApp, { id, email }: TestUser, claims: object = {}): string =>
  signToken(t, { email, sub: id, ...claims });
const changeTo = (updateTo: string) => ({ updateTo, requestType: VERIFICATION });
const stored = ({ auth }: TestApp, { id }: TestUser) =>
  auth.models.User.findOne({ _id: parseId(id) ?? "" }).lean();
const set = ({ auth }: TestApp, { id }: TestUser, fields: object) =>
  auth.models.User.updateOne({ _id: parseId(id) ?? "" }, fields);

describe("verifyAddress", () => {
  describe("given autoSignInAfterVerification", () => {
    let t: TestApp;
    let user: TestUser;
    before(async () => {
      t = await startApp(withHooks({ autoSignInAfterVerification: true }));
    });
    after(() => t.stop());
    beforeEach(async () => {
      user = await t.givenUser();
    });

    it("when the link is opened, then the user is signed in and remembered", async () => {
      const response = await open(t, tokenOf(t, user)).expect(200);
      assert.equal(await countRows(t, user.id), 2);
      assert.match(setCookies(response).join(), /Max-Age=604800/);
      const session = await request(t.server)
        .get("/auth/get-session")
        .set("cookie", cookieHeader(response));
      const { user: shown } = session.body as { user: UserLike };
      assert.deepEqual([shown.id, shown.emailVerified], [user.id, true]);
    });

    it("when the user is signed in, then that session is set anew and none is made", async () => {
      const response = await open(t, tokenOf(t, user), { cookie: user.cookie }).expect(200);
      assert.equal(cookieHeader(response), user.cookie);
      assert.equal(await countRows(t, user.id), 1);
    });

    it("when it is opened again, then no one is signed in", async () => {
      const token = tokenOf(t, user);
      await open(t, token).expect(200);
      assert.deepEqual(setCookies(await open(t, token).expect(200)), []);
      assert.equal(await countRows(t, user.id), 2);
    });

    it(`when it is opened ${PARALLEL} times at once, then one session is made`, async () => {
      const token = tokenOf(t, user);
      let signedIn = 0;
      const answers = await inParallel(PARALLEL, async () => {
        const response = await open(t, token);
        if (setCookies(response).length > 0) signedIn += 1;
        return response;
      });
      assert.deepEqual(answers, { "200": PARALLEL });
      assert.equal(signedIn, 1);
      assert.equal(await countRows(t, user.id), 2);
    });

    it("when the user has a second factor, then the address is verified and no one signed in", async () => {
      await set(t, user, { twoFactorEnabled: true });
      assert.deepEqual(setCookies(await open(t, tokenOf(t, user)).expect(200)), []);
      assert.equal((await stored(t, user))?.emailVerified, true);
      assert.equal(await countRows(t, user.id), 1);
    });

    it("when the user is banned, then it answers 403, and nothing is verified", async () => {
      await set(t, user, { banned: true });
      assertRefusal(await open(t, tokenOf(t, user)), [403, "BANNED_USER"]);
      assert.equal((await stored(t, user))?.emailVerified, false);
    });

    it("when the ban has ended, then it works", async () => {
      const banExpires = new Date(t.clock.now().getTime() - 1);
      await set(t, user, { banned: true, banExpires });
      await open(t, tokenOf(t, user)).expect(200);
      assert.equal(await countRows(t, user.id), 2);
    });

    it("when the row does not say whether the address is verified, then it is verified now", async () => {
      await set(t, user, { $unset: { emailVerified: 1 } });
      await open(t, tokenOf(t, user)).expect(200);
      assert.equal((await stored(t, user))?.emailVerified, true);
    });

    it("when the database refuses the session, then the address is verified all the same", async () => {
      const refuse = (validator: object) =>
        t.database.getClient().db(t.database.name).command({ collMod: "session", validator });
      await refuse({ token: { $in: [] } });
      const response = await open(t, tokenOf(t, user)).expect(200);
      await refuse({});
      assert.deepEqual(setCookies(response), []);
      assert.equal((await stored(t, user))?.emailVerified, true);
      assert.match(t.logged.splice(0).join(), /could not sign its user in/);
    });
  });

  describe("given hooks", () => {
    interface HookCall {
      readonly hook: string;
      readonly user: UserLike;
      readonly path: string;
      readonly verifiedThen: boolean | undefined;
    }
    let t: TestApp;
    let user: TestUser;
    const calls: HookCall[] = [];
    const note =
      (hook: string) =>
      async (hooked: UserLike, sentFor?: Request): Promise<void> => {
        const row = await t.auth.models.User.findOne({ email: hooked.email }).lean();
        const path = new URL(sentFor?.url ?? "").pathname;
        calls.push({ hook, user: hooked, path, verifiedThen: row?.emailVerified });
      };
    before(async () => {
      t = await startApp(
        withHooks({
          beforeEmailVerification: note("before"),
          afterEmailVerification: note("after"),
        }),
      );
    });
    after(() => t.stop());
    beforeEach(async () => {
      calls.length = 0;
      user = await t.givenUser();
    });

    it("when the address is verified, then one is called before the change and one after it", async () => {
      await open(t, tokenOf(t, user)).expect(200);
      await until(() => calls.length === 2, "not called");
      assert.deepEqual(
        calls.map(({ hook, path, verifiedThen, user: hooked }) => [
          hook,
          path,
          verifiedThen,
          hooked.id,
          hooked.emailVerified,
        ]),
        [
          ["before", "/auth/verify-email", false, user.id, false],
          ["after", "/auth/verify-email", true, user.id, true],
        ],
      );
    });

    it("when it was verified before, then none is called", async () => {
      await set(t, user, { emailVerified: true });
      await open(t, tokenOf(t, user)).expect(200);
      await until(() => true, "");
      assert.deepEqual(calls, []);
    });

    it(`when it is opened ${PARALLEL} times at once, then the one after is called once`, async () => {
      const token = tokenOf(t, user);
      await inParallel(PARALLEL, () => open(t, token));
      await until(() => calls.some(({ hook }) => hook === "after"), "not called");
      assert.equal(calls.filter(({ hook }) => hook === "after").length, 1);
    });
  });

  describe("given a hook that fails", () => {
    it("when the one before throws an AuthError, then that is the answer and nothing is verified", async () => {
      const t = await startApp(
        withHooks({
          beforeEmailVerification: () => {
            throw new AuthError(403, "APP_NOT_NOW", "Not now");
          },
        }),
      );
      const user = await t.givenUser();
      assertRefusal(await open(t, tokenOf(t, user)), [403, "APP_NOT_NOW", "Not now"]);
      assert.equal((await stored(t, user))?.emailVerified, false);
      await t.stop();
    });
  });

  itOutlivesACallback({
    option: "emailVerification.afterEmailVerification",
    start: (afterEmailVerification) => startApp(withHooks({ afterEmailVerification })),
    async act(app) {
      const user = await app.givenUser();
      await open(app, tokenOf(app, user)).expect(200, { status: true, user: null });
      assert.equal((await stored(app, user))?.emailVerified, true);
    },
  });
});

describe("replaceAddress", () => {
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
  });

  it(`when one token is used ${PARALLEL} times at once, then exactly one changes the address`, async () => {
    const token = tokenOf(t, user, changeTo(`once-${user.id}@example.com`));
    const answers = await inParallel(PARALLEL, () => open(t, token));
    assert.deepEqual(answers, { "200": 1, "401 USER_NOT_FOUND": PARALLEL - 1 });
    assert.equal(await countRows(t, user.id), 2);
  });

  it(`when ${PARALLEL} tokens to other addresses are used at once, then exactly one wins`, async () => {
    const targets = Array.from({ length: PARALLEL }, (_, n) => `to-${n}-${user.id}@example.com`);
    const tokens = targets.map((updateTo) => tokenOf(t, user, changeTo(updateTo)));
    const winners: string[] = [];
    const answers = await inParallel(PARALLEL, async (n) => {
      const response = await open(t, tokens[n] ?? "");
      if (response.status === 200) winners.push(targets[n] ?? "");
      return response;
    });
    assert.deepEqual(answers, { "200": 1, "401 USER_NOT_FOUND": PARALLEL - 1 });
    assert.deepEqual([(await stored(t, user))?.email], winners);
  });

  it("when two users want one address at the same time, then the unique index lets one have it", async () => {
    const other = await t.givenUser();
    const updateTo = `wanted-${user.id}@example.com`;
    const tokens = [user, other].map((who) => tokenOf(t, who, changeTo(updateTo)));
    const answers = await inParallel(2, (n) => open(t, tokens[n] ?? ""));
    assert.deepEqual(answers, { "200": 1, "422 USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": 1 });
    assert.equal(await t.auth.models.User.countDocuments({ email: updateTo }), 1);
  });

  it("when the user has a second factor, then the address is changed and no one signed in", async () => {
    await set(t, user, { twoFactorEnabled: true });
    const updateTo = `second-${user.id}@example.com`;
    const response = await open(t, tokenOf(t, user, changeTo(updateTo))).expect(200);
    assert.deepEqual(setCookies(response), []);
    assert.equal((await stored(t, user))?.email, updateTo);
    assert.equal(await countRows(t, user.id), 1);
  });

  it("when the user has a second factor and a session, then that is set anew", async () => {
    await set(t, user, { twoFactorEnabled: true });
    const token = tokenOf(t, user, changeTo(`third-${user.id}@example.com`));
    const response = await open(t, token, { cookie: user.cookie }).expect(200);
    assert.equal(cookieHeader(response), user.cookie);
  });

  it("when the old address has a session with a password, then it still signs in under the new one", async () => {
    const updateTo = `login-${user.id}@example.com`;
    await open(t, tokenOf(t, user, changeTo(updateTo))).expect(200);
    await t.givenSession({ email: updateTo, password: user.password });
    const { email, password } = user;
    await request(t.server).post("/auth/sign-in/email").send({ email, password }).expect(401);
  });

  describeWithScans("given old duplicates of an address, and therefore no unique index", () => {
    let doubled: TestApp;
    before(async () => {
      doubled = await startApp({
        database: await databaseWithDuplicates(),
        user: { changeEmail: { enabled: true, updateEmailWithoutVerification: true } },
      });
    });
    after(() => doubled.stop());
    const count = (email: string) => doubled.auth.models.User.countDocuments({ email });

    it("when a link changes an address to a taken one, then a look-up refuses it", async () => {
      const [taken, mover] = [await doubled.givenUser(), await doubled.givenUser()];
      const response = await open(doubled, tokenOf(doubled, mover, changeTo(taken.email)));
      assertRefusal(response, [422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"]);
      assert.equal(await count(taken.email), 1);
    });

    it("when an address is changed at once to a taken one, then it stays", async () => {
      const [taken, mover] = [await doubled.givenUser(), await doubled.givenUser()];
      await request(doubled.server)
        .post("/auth/change-email")
        .set({ cookie: mover.cookie, origin: TEST_ORIGIN })
        .send({ newEmail: taken.email })
        .expect(200);
      assert.equal(await count(taken.email), 1);
      assert.equal(await count(mover.email), 1);
    });

    it("when one of the two opens their own link, then it is theirs, whichever is found first", async () => {
      for (const name of ["One", "Two"]) {
        const row = await doubled.auth.models.User.findOne({ name }).lean();
        const claims = { email: DOUBLE_ADDRESS, sub: String(row?._id) };
        await open(doubled, signToken(doubled, claims)).expect(200);
        const after = await doubled.auth.models.User.findOne({ name }).lean();
        assert.equal(after?.emailVerified, true);
      }
    });
  });
});
