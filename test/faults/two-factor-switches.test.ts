import assert from "node:assert/strict";
import request from "supertest";
import { twoFactor } from "../../lib/index.ts";
import { startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { startFailingMongo, type FailingMongo } from "../support/fail-points.ts";
import { call, codeOf, givenEnrolled, rowOf } from "../support/two-factor.ts";

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
      "/disable meets, in another session, the code that confirms",
      async () => {
        const user = await givenUnconfirmed();
        const other = await t.givenSession(user);
        const disabling = call(t, "disable", other.cookie, { password }).then((answer) => answer);
        await new Promise((resolve) => setTimeout(resolve, 40));
        await call(t, "verify-totp", user.cookie, { code: codeOf(t, user) });
        await disabling;
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
});
