import assert from "node:assert/strict";
import request from "supertest";
import { twoFactor } from "../../lib/index.ts";
import { startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { startFailingMongo, type FailingMongo } from "../support/fail-points.ts";
import { assertRefusal } from "../support/refusal.ts";
import { call, codeOf, givenEnrolled, rowOf, signIn } from "../support/two-factor.ts";

const ROUNDS = 8;
const password = TEST_PASSWORD;

/** Without transactions, each step of a switch may meet another call. */
describe("a switch of the second factor on a standalone server", function () {
  this.timeout(60_000);
  let mongo: FailingMongo;
  let t: TestApp;
  let eager: TestApp;
  before(async () => {
    mongo = await startFailingMongo({ standalone: true });
    const database = mongo.uri("switches");
    t = await startApp({ database, plugins: [twoFactor()] });
    const plugins = [twoFactor({ skipVerificationOnEnable: true })];
    eager = await startApp({ database, plugins });
    await t.auth.ready();
  });
  after(async () => {
    await eager.stop();
    await t.stop();
    await mongo.stop();
  });

  const signOut = (app: TestApp, cookie: string) =>
    request(app.server).post("/auth/sign-out").set({ cookie, origin: TEST_ORIGIN });

  /** A user whose authenticator waits for its first code. */
  async function givenUnconfirmed() {
    const user = await t.givenUser();
    const enabled = await call(t, "enable", user.cookie, { password }).expect(200);
    const { totpURI: uri } = enabled.body as { totpURI: string };
    return { ...user, uri };
  }

  /** Whoever is asked for a code has an authenticator; whoever is not can set one up. */
  async function assertWhole(user: { readonly email: string; readonly id: string }): Promise<void> {
    const row = await rowOf(t, user);
    const stored = await t.auth.models.User.findOne({ email: user.email }).lean();
    const isOn = stored?.twoFactorEnabled === true;
    assert.equal(row?.verified === true, isOn, `on: ${isOn}, row: ${JSON.stringify(row)}`);
  }

  for (const [what, round] of [
    [
      "/disable meets a sign-out",
      async () => {
        const user = await givenEnrolled(t);
        await Promise.all([call(t, "disable", user.cookie, { password }), signOut(t, user.cookie)]);
        return user;
      },
    ],
    [
      "/disable meets the code that confirms",
      async () => {
        const user = await givenUnconfirmed();
        await Promise.all([
          call(t, "disable", user.cookie, { password }),
          call(t, "verify-totp", user.cookie, { code: codeOf(t, user) }),
        ]);
        return user;
      },
    ],
    [
      "the code that confirms meets a sign-out",
      async () => {
        const user = await givenUnconfirmed();
        await Promise.all([
          call(t, "verify-totp", user.cookie, { code: codeOf(t, user) }),
          signOut(t, user.cookie),
        ]);
        return user;
      },
    ],
    [
      "/enable without a code meets a sign-out",
      async () => {
        const user = await t.givenUser();
        await Promise.all([
          call(eager, "enable", user.cookie, { password }),
          signOut(eager, user.cookie),
        ]);
        return user;
      },
    ],
  ] as const) {
    it(`when ${what}, then it is wholly on or wholly off`, async () => {
      for (let n = 0; n < ROUNDS; n += 1) await assertWhole(await round());
    });
  }

  it("when /disable in another session comes before the new session, then it is wholly off", async () => {
    let during: (() => Promise<unknown>) | null = null;
    const before = async () => {
      const work = during;
      during = null;
      await work?.();
    };
    const own = await startApp({
      database: mongo.uri("switches"),
      plugins: [twoFactor()],
      databaseHooks: { session: { create: { before } } },
    });
    const user = await givenUnconfirmed();
    const other = await t.givenSession(user);
    during = () => call(own, "disable", other.cookie, { password }).expect(200);
    const answer = await call(own, "verify-totp", user.cookie, { code: codeOf(own, user) });
    await own.stop();
    assertRefusal(answer, [401, "INVALID_TWO_FACTOR_COOKIE"]);
    assert.equal(await rowOf(t, user), null);
    await assertWhole(user);
  });

  it("when the database fails in the midst of /disable, then nobody is asked for codes that are gone", async () => {
    const user = await givenEnrolled(t);
    await mongo.failOnce("switches", { command: "findAndModify", collection: "user" });
    assertRefusal(await call(t, "disable", user.cookie, { password }), [
      503,
      "SERVICE_UNAVAILABLE",
    ]);
    assert.ok(await mongo.hasFailed());
    const signedIn = await signIn(t, { email: user.email, password }).expect(200);
    assert.equal("twoFactorRedirect" in (signedIn.body as object), false);
  });

  it("when a code that confirms is overtaken by /enable, then the session stays", async () => {
    const user = await givenUnconfirmed();
    const code = codeOf(t, user);
    const [confirmed] = await Promise.all([
      call(t, "verify-totp", user.cookie, { code }),
      call(t, "enable", user.cookie, { password }),
    ]);
    if (confirmed.status === 401)
      await call(t, "get-totp-uri", user.cookie, { password }).expect(200);
    await assertWhole(user);
  });
});
