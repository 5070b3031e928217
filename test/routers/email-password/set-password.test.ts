import assert from "node:assert/strict";
import request from "supertest";
import { parseId } from "../../../lib/models/id.ts";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { REFUSED_PASSWORDS } from "../../support/refused-passwords.ts";
import { countRows } from "../../support/sessions.ts";

const PATH = "/auth/set-password";
const NEW_PASSWORD = "Harbour-9-lantern";

describe("POST /set-password", () => {
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await givenSocialUser();
  });

  const accountOf = ({ id }: TestUser) =>
    t.auth.models.Account.find({ providerId: "credential", accountId: id }).lean();
  /** Signed in, without any password. */
  async function givenSocialUser(): Promise<TestUser> {
    const social = await t.givenUser();
    await t.auth.models.Account.deleteMany({ providerId: "credential", accountId: social.id });
    return social;
  }
  const set = (body: object = { newPassword: NEW_PASSWORD }) =>
    request(t.server).post(PATH).set({ origin: TEST_ORIGIN, cookie: user.cookie }).send(body);
  const signIn = (password: string) =>
    request(t.server).post("/auth/sign-in/email").send({ email: user.email, password });

  itNeedsASession(() => ({ ...t, givenUser: givenSocialUser }), {
    method: "POST",
    path: PATH,
    body: { newPassword: NEW_PASSWORD },
    credentials: true,
  });

  describe("given a user without a password", () => {
    it("when one is set, then it answers with the user, and the password signs in", async () => {
      const response = await set().expect(200);
      const row = await t.auth.models.User.findOne({ email: user.email }).lean();
      assert.deepEqual(response.body, {
        status: true,
        user: {
          id: user.id,
          name: user.name,
          email: user.email,
          emailVerified: false,
          image: null,
          createdAt: row?.createdAt.toISOString(),
          updatedAt: row?.updatedAt.toISOString(),
        },
      });
      assert.deepEqual(setCookies(response), []);
      await signIn(NEW_PASSWORD).expect(200);
    });

    it("when one is set, then one account of the documented form is made, and sessions stay", async () => {
      await set().expect(200);
      const [account, ...others] = await accountOf(user);
      assert.deepEqual(others, []);
      assert.deepEqual(Object.keys(account ?? {}).toSorted(), [
        "_id",
        "accountId",
        "createdAt",
        "password",
        "providerId",
        "updatedAt",
        "userId",
      ]);
      assert.equal(String(account?.userId), user.id);
      assert.match(account?.password ?? "", /^c2NyeXB0/);
      assert.equal(await countRows(t, user.id), 1);
    });

    for (const [what, change] of [
      ["null", { password: null }],
      ["missing", { $unset: { password: 1 } }],
      ["empty", { password: "" }],
    ] as const) {
      it(`when the password of their account is ${what}, then that account is filled`, async () => {
        user = await t.givenUser();
        await t.auth.models.Account.updateOne(
          { providerId: "credential", accountId: user.id },
          change,
        );
        const [before] = await accountOf(user);
        await set().expect(200);
        const [after, ...others] = await accountOf(user);
        assert.deepEqual(others, []);
        assert.deepEqual(after?._id, before?._id);
        await signIn(NEW_PASSWORD).expect(200);
      });
    }

    it("when their account refers to them by text, then that account is filled", async () => {
      user = await t.givenUser();
      const { Account } = t.auth.models;
      await Account.updateOne(
        { providerId: "credential", accountId: user.id },
        { userId: user.id, password: null },
      );
      await set().expect(200);
      assert.equal((await accountOf(user)).length, 1);
      await signIn(NEW_PASSWORD).expect(200);
    });

    it("when they have an account at a provider, then it stays as it is", async () => {
      const now = t.clock.now();
      const github = {
        _id: "github-row",
        providerId: "github",
        accountId: "4711",
        userId: parseId(user.id) ?? "",
        createdAt: now,
        updatedAt: now,
      };
      await new t.auth.models.Account(github).save();
      await set().expect(200);
      const row = await t.auth.models.Account.findOne({ _id: "github-row" }).lean();
      assert.deepEqual(row, github);
    });

    it("when 50 are set at the same time, then exactly one wins, and it signs in", async () => {
      const winners: string[] = [];
      const answers = await inParallel(50, async (n) => {
        const newPassword = `${NEW_PASSWORD}-${n}`;
        const response = await set({ newPassword });
        if (response.status === 200) winners.push(newPassword);
        return response;
      });
      assert.deepEqual(answers, { "200": 1, "400 PASSWORD_ALREADY_SET": 49 });
      assert.equal((await accountOf(user)).length, 1);
      await signIn(winners[0] ?? "").expect(200);
    });

    it("when 50 fill an empty account at the same time, then exactly one wins", async () => {
      user = await t.givenUser();
      await t.auth.models.Account.updateOne(
        { providerId: "credential", accountId: user.id },
        { password: null },
      );
      const answers = await inParallel(50, (n) => set({ newPassword: `${NEW_PASSWORD}-${n}` }));
      assert.deepEqual(answers, { "200": 1, "400 PASSWORD_ALREADY_SET": 49 });
    });

    const refused = [
      ...REFUSED_PASSWORDS.map(
        ([what, newPassword, code]) => [`it ${what}`, { newPassword }, code] as const,
      ),
      ["it is missing", {}, "VALIDATION_ERROR"],
      ["it is an object", { newPassword: { $gt: "" } }, "VALIDATION_ERROR"],
    ] as const;
    for (const [when, body, code] of refused) {
      it(`when ${when}, then it answers ${code} and makes no account`, async () => {
        assertRefusal(await set(body), [400, code]);
        assert.deepEqual(await accountOf(user), []);
      });
    }

    it("when it is their own address, then it answers PASSWORD_COMPROMISED", async () => {
      assertRefusal(await set({ newPassword: user.email }), [400, "PASSWORD_COMPROMISED"]);
    });
  });

  describe("given 50 requests that reach the database together", () => {
    const PARALLEL = 50;
    let waiting = 0;
    let isGated = false;
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    let gated: TestApp;
    before(async () => {
      gated = await startApp({
        emailAndPassword: {
          enabled: true,
          password: {
            async hash(password) {
              waiting += 1;
              if (isGated && waiting === PARALLEL) open();
              if (isGated) await opened;
              return `own:${password}`;
            },
            verify: ({ hash, password }) => Promise.resolve(hash === `own:${password}`),
          },
        },
      });
    });
    after(() => gated.stop());

    it("when none has seen another's account, then the unique index lets one in", async () => {
      const social = await gated.givenUser();
      await gated.auth.models.Account.deleteMany({
        providerId: "credential",
        accountId: social.id,
      });
      [waiting, isGated] = [0, true];
      const answers = await inParallel(PARALLEL, (n) =>
        request(gated.server)
          .post(PATH)
          .set({ origin: TEST_ORIGIN, cookie: social.cookie })
          .send({ newPassword: `${NEW_PASSWORD}-${n}` }),
      );
      assert.deepEqual(answers, { "200": 1, "400 PASSWORD_ALREADY_SET": PARALLEL - 1 });
      assert.equal(
        await gated.auth.models.Account.countDocuments({
          providerId: "credential",
          accountId: social.id,
        }),
        1,
      );
    });
  });

  describe("given a user with a password", () => {
    it("when one is set, then it answers PASSWORD_ALREADY_SET and the old one stays", async () => {
      user = await t.givenUser();
      const [before] = await accountOf(user);
      assertRefusal(await set(), [400, "PASSWORD_ALREADY_SET", "User already has a password set"]);
      assert.deepEqual(await accountOf(user), [before]);
    });
  });
});
