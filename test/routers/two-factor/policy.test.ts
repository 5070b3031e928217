import assert from "node:assert/strict";
import request from "supertest";
import { z } from "zod";
import { Challenge } from "../../../lib/context.ts";
import { endpoint } from "../../../lib/endpoint.ts";
import type { AuthOptions, TwoFactorOptions } from "../../../lib/index.ts";
import { plugin } from "../../../lib/plugin.ts";
import { challenged } from "../../../lib/routers/two-factor/schemas.ts";
import { signIn as signInUser } from "../../../lib/services/session.ts";
import { startApp, TEST_ORIGIN, type TestApp } from "../../support/app.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { insertSession } from "../../support/sessions.ts";
import {
  call,
  codeOf,
  cookiesAfter,
  givenEnrolled,
  givenPending,
  givenSentCodes,
  sendCode,
  signIn,
  startTwoFactorApp,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

const REQUIRED = [403, "TWO_FACTOR_REQUIRED", "Verify a second factor to continue"] as const;
const ENROLMENT = [
  403,
  "TWO_FACTOR_ENROLMENT_REQUIRED",
  "Set up a second factor to continue",
] as const;
const DAY = 86_400;

/** An app with a page for everyone who is signed in, and one that asks for a second factor. */
function start(options: TwoFactorOptions = {}, app: AuthOptions = {}): Promise<TwoFactorApp> {
  return startTwoFactorApp(options, app, {
    routes(own, auth) {
      own.get("/page", auth.requireSession, (_req, res) => res.json("page"));
      own.get("/vault", auth.requireSession({ twoFactor: true }), (_req, res) => {
        res.json("vault");
      });
      const setUp = auth.requireSession({ beforeEnrolment: true, redirectTo: "/sign-in" });
      own.get("/set-up", setUp, (_req, res) => res.json("set-up"));
      own.get("/admin", auth.requireAdmin, (_req, res) => res.json("admin"));
    },
  });
}

/** A guard's answer on a route of the app, whose other headers are the app's. */
function assertRefused(
  { status, body }: request.Response,
  [expected, code, message]: readonly [status: number, code: string, message: string],
): void {
  assert.deepEqual([status, body], [expected, { code, message }]);
}

/** A door for each way of proving who one is; whoever asks is believed. */
const doors = plugin({
  id: "doors",
  models: [],
  endpoints: [
    endpoint("signInBy", {
      method: "POST",
      path: "/sign-in/by",
      summary: "Sign in by a proof that is only said",
      access: "public",
      body: z.object({
        email: z.string(),
        proof: z.enum(["password", "passkey", "passkey-verified", "social", "mail-link"]),
      }),
      response: z.union([z.object({ token: z.string() }), challenged]),
      async handler(own) {
        const find = () => own.auth.models.User.findOne({ email: own.body.email }).lean();
        const user = (await find()) ?? assert.fail("no user");
        const options = { proof: own.body.proof, persistent: true, current: find };
        const active = (await signInUser(own, user, options)) ?? assert.fail("no session");
        return active instanceof Challenge ? active : { token: active.token };
      },
    }),
  ],
});

const open = ({ server }: TestApp, path: string, cookie: string) =>
  request(server).get(path).set("cookie", cookie);

describe("requireSession({ twoFactor: true })", () => {
  let t: TwoFactorApp;
  before(async () => {
    t = await start({}, { session: { cookieCache: { enabled: true } } });
  });
  after(() => t.stop());

  it("when the user has no second factor, then TWO_FACTOR_ENROLMENT_REQUIRED", async () => {
    const { cookie } = await t.givenUser();
    assertRefused(await open(t, "/vault", cookie), ENROLMENT);
    await open(t, "/page", cookie).expect(200);
  });

  it("when a code was verified less than 15 minutes ago, then it opens, and later no more", async () => {
    const user = await givenEnrolled(t);
    await open(t, "/vault", user.cookie).expect(200, '"vault"');
    t.clock.advance(900);
    assertRefused(await open(t, "/vault", user.cookie), REQUIRED);
    const answer = await call(t, "verify-totp", user.cookie, { code: codeOf(t, user) }).expect(200);
    await open(t, "/vault", cookiesAfter(user.cookie, answer)).expect(200);
    t.clock.advance(890);
    await open(t, "/vault", user.cookie).expect(200);
    t.clock.advance(20);
    assertRefused(await open(t, "/vault", user.cookie), REQUIRED);
  });

  it("when the code is wrong, or verified in another session, then it stays closed", async () => {
    const user = await givenEnrolled(t);
    const { cookie } = await insertSession(t, user.id);
    await call(t, "verify-totp", cookie, { code: "000000x" }).expect(401);
    await call(t, "verify-totp", user.cookie, { code: codeOf(t, user) }).expect(200);
    assertRefused(await open(t, "/vault", cookie), REQUIRED);
  });

  it("when the sign-in asked for a code, then it is open, and not where the browser was trusted", async () => {
    const user = await givenEnrolled(t);
    const pending = await givenPending(t, user);
    const body = { code: codeOf(t, user), trustDevice: true };
    const first = await call(t, "verify-totp", pending, body).expect(200);
    const cookies = cookiesAfter(pending, first);
    await open(t, "/vault", cookies).expect(200);
    const { email, password } = user;
    const second = await signIn(t, { email, password }, cookies).expect(200);
    assertRefused(await open(t, "/vault", cookiesAfter(cookies, second)), REQUIRED);
  });

  it("when a sent code or a backup code is verified, then it opens as well", async () => {
    const user = await givenSentCodes(t);
    assertRefused(await open(t, "/vault", user.cookie), REQUIRED);
    const code = await sendCode(t, user.cookie);
    await call(t, "verify-otp", user.cookie, { code }).expect(200);
    await open(t, "/vault", user.cookie).expect(200);
    const enrolled = await givenEnrolled(t);
    t.clock.advance(900);
    const backup = { code: enrolled.backupCodes[0] };
    await call(t, "verify-backup-code", enrolled.cookie, backup).expect(200);
    await open(t, "/vault", enrolled.cookie).expect(200);
  });

  it("when there is no session, then UNAUTHORIZED", async () => {
    assertRefused(await open(t, "/vault", ""), [401, "UNAUTHORIZED", "Unauthorized"]);
  });

  it("when the feature is off, or the option is no boolean, then it throws at start", async () => {
    const own = await startApp();
    assert.throws(
      () => own.auth.requireSession({ twoFactor: true }),
      new TypeError("requireSession(): twoFactor needs twoFactor() among the plugins"),
    );
    assert.throws(
      () => own.auth.requireSession("fresh" as unknown as { fresh: true }),
      new TypeError("requireSession(): options must be an object, got fresh"),
    );
    const wrong = "yes" as unknown as boolean;
    assert.throws(
      () => own.auth.requireSession({ twoFactor: wrong }),
      new TypeError("requireSession(): twoFactor must be true or false, got string"),
    );
    await own.stop();
  });
});

describe("twoFactor({ required })", () => {
  let t: TwoFactorApp;
  afterEach(() => t.stop());
  const required = ({ name }: { name: string }) => Promise.resolve(name === "Boss");

  it("when the grace period is over, then guards ask for enrolment, until it is done", async () => {
    t = await start({ required }, { adminRoles: ["admin"] });
    const user = await t.givenUser({ name: "Boss" });
    await t.auth.models.User.updateOne({ email: user.email }, { role: "admin" });
    const other = await t.givenUser({ name: "Worker" });
    await open(t, "/page", user.cookie).expect(200);
    t.clock.advance(6 * DAY);
    const later = await t.givenSession(user);
    await open(t, "/page", later.cookie).expect(200);
    t.clock.advance(DAY + 1);
    for (const path of ["/page", "/vault", "/admin"]) {
      assertRefused(await open(t, path, later.cookie), ENROLMENT);
    }
    const fresh = await t.givenSession(user);
    assertRefused(await open(t, "/page", fresh.cookie), ENROLMENT);
    await open(t, "/page", (await t.givenSession(other)).cookie).expect(200);

    const { password } = user;
    const enabled = await call(t, "enable", fresh.cookie, { password }).expect(200);
    const code = codeOf(t, { uri: (enabled.body as { totpURI: string }).totpURI });
    const confirmed = await call(t, "verify-totp", fresh.cookie, { code }).expect(200);
    const cookies = cookiesAfter(fresh.cookie, confirmed);
    await open(t, "/page", cookies).expect(200);
    await open(t, "/admin", cookies).expect(200);
  });

  it("when the grace period is over, then what is left is to set one up and to end sessions", async () => {
    t = await start({ required, gracePeriod: 0 });
    const user = await t.givenUser({ name: "Boss" });
    const post = (path: string, body: object) =>
      request(t.server)
        .post(`/auth${path}`)
        .set({ cookie: user.cookie, origin: TEST_ORIGIN })
        .send(body);
    for (const [path, body] of [
      ["/update-user", { name: "Worker" }],
      ["/change-email", { newEmail: "boss@example.org" }],
      ["/change-password", { currentPassword: user.password, newPassword: "Other-7-lantern" }],
      ["/delete-user", { password: user.password }],
    ] as const) {
      assertRefusal(await post(path, body), ENROLMENT);
    }
    const stored = await t.auth.models.User.findOne({ email: user.email }).lean();
    assert.equal(stored?.name, "Boss");
    await open(t, "/set-up", user.cookie).expect(200, '"set-up"');
    await request(t.server).get("/auth/get-session").set("cookie", user.cookie).expect(200);
    await request(t.server).get("/auth/list-sessions").set("cookie", user.cookie).expect(200);
    await post("/revoke-other-sessions", {}).expect(200);
    const enabled = await post("/two-factor/enable", { password: user.password }).expect(200);
    const code = codeOf(t, { uri: (enabled.body as { totpURI: string }).totpURI });
    const confirmed = await post("/two-factor/verify-totp", { code }).expect(200);
    const cookies = cookiesAfter(user.cookie, confirmed);
    await request(t.server)
      .post("/auth/update-user")
      .set({ cookie: cookies, origin: TEST_ORIGIN })
      .send({ name: "Worker" })
      .expect(200);
  });

  it("when an administrator acts as such a user, then the policy is not asked", async () => {
    t = await start({ required, gracePeriod: 0 });
    const user = await t.givenUser({ name: "Boss" });
    const { cookie } = await insertSession(t, user.id, { impersonatedBy: user.id });
    await open(t, "/page", cookie).expect(200);
    assertRefused(await open(t, "/vault", cookie), ENROLMENT);
  });

  it("when it is required from a day on, then the grace period counts from there", async () => {
    const requiredFrom = new Date(Date.now() + 10 * DAY * 1000);
    t = await start({ required, requiredFrom, gracePeriod: DAY });
    const user = await t.givenUser({ name: "Boss" });
    t.clock.advance(10 * DAY);
    await open(t, "/page", (await t.givenSession(user)).cookie).expect(200);
    t.clock.advance(DAY + 60);
    assertRefused(await open(t, "/page", (await t.givenSession(user)).cookie), ENROLMENT);
  });

  it("when the session comes out of its copy in the cookie, then it is the same", async () => {
    const session = { cookieCache: { enabled: true } };
    t = await start({ required, gracePeriod: 0 }, { session });
    const { cookie } = await t.givenUser({ name: "Boss" });
    assertRefused(await open(t, "/page", cookie), ENROLMENT);
  });

  it("when it is set up in another browser, then a copy that is older does not count", async () => {
    const session = { cookieCache: { enabled: true } };
    t = await start({ required, gracePeriod: 0 }, { session });
    const user = await t.givenUser({ name: "Boss" });
    const { cookie } = await t.givenSession(user);
    const { password } = user;
    const enabled = await call(t, "enable", user.cookie, { password }).expect(200);
    const code = codeOf(t, { uri: (enabled.body as { totpURI: string }).totpURI });
    assertRefused(await open(t, "/page", cookie), ENROLMENT);
    await call(t, "verify-totp", user.cookie, { code }).expect(200);
    await open(t, "/page", cookie).expect(200);
  });

  for (const enabled of [false, true]) {
    it(`when a passkey verified its user, then that is two factors (cookie cache ${enabled ? "on" : "off"})`, async () => {
      const app = { session: { cookieCache: { enabled } }, plugins: [doors] };
      t = await start({ required, gracePeriod: 0 }, app);
      const { email } = await t.givenUser({ name: "Boss" });
      const by = async (proof: string) => {
        const answer = await request(t.server).post("/auth/sign-in/by").send({ email, proof });
        return cookiesAfter("", answer);
      };
      const verified = await by("passkey-verified");
      for (const path of ["/page", "/vault"]) await open(t, path, verified).expect(200);
      for (const proof of ["passkey", "social", "mail-link"]) {
        const cookies = await by(proof);
        for (const path of ["/page", "/vault"]) {
          assertRefused(await open(t, path, cookies), ENROLMENT);
        }
      }
      t.clock.advance(900);
      await open(t, "/page", verified).expect(200);
      assertRefused(await open(t, "/vault", verified), REQUIRED);
    });
  }

  for (const [proof, name, isAsked] of [
    ["password", "Worker", true],
    ["passkey", "Worker", true],
    ["passkey-verified", "Boss", false],
    ["social", "Worker", false],
    ["social", "Boss", true],
    ["mail-link", "Boss", true],
  ] as const) {
    it(`when ${name}, who has a second factor, signs in by ${proof}, then it is ${isAsked ? "" : "not "}asked for`, async () => {
      t = await start({ required }, { plugins: [doors] });
      const { email } = await givenEnrolled(t);
      await t.auth.models.User.updateOne({ email }, { name });
      const answer = await request(t.server).post("/auth/sign-in/by").send({ email, proof });
      assert.equal(answer.status, 200);
      const { twoFactorRedirect = false } = answer.body as { twoFactorRedirect?: boolean };
      assert.equal(twoFactorRedirect, isAsked);
      assert.equal(answer.get("set-auth-token") === undefined, isAsked);
    });
  }
});
