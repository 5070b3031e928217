import assert from "node:assert/strict";
import request from "supertest";
import { parseId } from "../../../lib/models/id.ts";
import type { AuthOptions, UserLike } from "../../../lib/index.ts";
import { smtpMailer, type SmtpMailer } from "../../../lib/mail/index.ts";
import {
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { startMailServer, type MailServer } from "../../support/mail.ts";
import { createOutbox, follow, itOutlivesACallback, until } from "../../support/outbox.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { claimsOf } from "../../support/tokens.ts";

const NEW_PASSWORD = "Harbour-9-lantern";

let addresses = 0;
const newAddress = () => `mails-${(addresses += 1)}@example.com`;
const signUp = ({ server }: TestApp, email: string, more: object = {}) =>
  request(server)
    .post("/auth/sign-up/email")
    .send({ name: "Ada", email, password: TEST_PASSWORD, ...more });
const signIn = ({ server }: TestApp, email: string, more: object = {}) =>
  request(server)
    .post("/auth/sign-in/email")
    .send({ email, password: TEST_PASSWORD, ...more });

describe("mails at sign-up and sign-in", () => {
  const outbox = createOutbox();
  const running: TestApp[] = [];
  const start = async (
    verification: AuthOptions["emailVerification"] = {},
    emailAndPassword: AuthOptions["emailAndPassword"] = {},
    more: AuthOptions = {},
  ): Promise<TestApp> => {
    const app = await startApp({
      ...more,
      emailVerification: { sendVerificationEmail: outbox.sender("verification"), ...verification },
      emailAndPassword: { enabled: true, ...emailAndPassword },
    });
    running.push(app);
    return app;
  };
  afterEach(async () => {
    await outbox.assertEmpty();
    for (const app of running.splice(0)) await app.stop();
  });

  describe("given POST /sign-up/email", () => {
    const table = [
      { sendOnSignUp: undefined, requireEmailVerification: false, isMailed: false },
      { sendOnSignUp: undefined, requireEmailVerification: true, isMailed: true },
      { sendOnSignUp: true, requireEmailVerification: false, isMailed: true },
      { sendOnSignUp: true, requireEmailVerification: true, isMailed: true },
      { sendOnSignUp: false, requireEmailVerification: false, isMailed: false },
      { sendOnSignUp: false, requireEmailVerification: true, isMailed: false },
    ];
    for (const { sendOnSignUp, requireEmailVerification, isMailed } of table) {
      it(`when sendOnSignUp is ${String(sendOnSignUp)} and requireEmailVerification ${String(requireEmailVerification)}, then ${isMailed ? "a" : "no"} link is mailed`, async () => {
        const t = await start(sendOnSignUp === undefined ? {} : { sendOnSignUp }, {
          requireEmailVerification,
        });
        const email = newAddress();
        const response = await signUp(t, email).expect(200);
        const { token } = response.body as { token: string | null };
        assert.equal(token === null, requireEmailVerification);
        if (isMailed) assert.equal((await outbox.next()).user.email, email);
      });
    }

    it("when a link is mailed, then it is complete, and verifies the address", async () => {
      const t = await start({ sendOnSignUp: true });
      const email = newAddress();
      const response = await signUp(t, email.toUpperCase()).expect(200);
      const { user } = response.body as { user: UserLike };
      const { url, token, user: mailed, request: sentFor } = await outbox.next();
      assert.deepEqual([mailed.id, mailed.email, mailed.emailVerified], [user.id, email, false]);
      assert.equal(url, `${TEST_ORIGIN}/auth/verify-email?token=${token}&callbackURL=%2F`);
      assert.equal(sentFor?.url, `${TEST_ORIGIN}/auth/sign-up/email`);
      const { iat, ...claims } = claimsOf(token);
      assert.deepEqual(claims, { email, sub: user.id, exp: Number(iat) + 3600 });
      assert.equal((await follow(t, url).expect(302)).get("location"), "/");
      const row = await t.auth.models.User.findOne({ email }).lean();
      assert.equal(row?.emailVerified, true);
    });

    it("when callbackURL is given, then the link carries it", async () => {
      const t = await start({ sendOnSignUp: true });
      await signUp(t, newAddress(), { callbackURL: "/welcome?a=1" }).expect(200);
      assert.match((await outbox.next()).url, /&callbackURL=%2Fwelcome%3Fa%3D1$/);
    });

    it("when a link is mailed, then the user is stored already", async () => {
      let found = false;
      const t = await start({
        sendOnSignUp: true,
        sendVerificationEmail: async ({ user }) => {
          found = (await t.auth.models.User.exists({ _id: parseId(user.id) ?? "" })) !== null;
        },
      });
      await signUp(t, newAddress()).expect(200);
      await until(() => found, "the user was not there");
    });

    it("when sign-up is refused, then nothing is mailed", async () => {
      const t = await start({ sendOnSignUp: true });
      const email = newAddress();
      await signUp(t, email).expect(200);
      await outbox.next();
      assertRefusal(await signUp(t, email), [422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"]);
      assertRefusal(await signUp(t, newAddress(), { password: "short" }), [
        400,
        "PASSWORD_TOO_SHORT",
      ]);
    });

    it("when the address is taken unseen, then its owner gets another mail than a new user", async () => {
      const owners: UserLike[] = [];
      const onExistingUserSignUp = ({ user }: { readonly user: UserLike }) =>
        void owners.push(user);
      const t = await start({}, { requireEmailVerification: true, onExistingUserSignUp });
      const email = newAddress();
      await signUp(t, email).expect(200);
      const { user } = await outbox.next();
      const again = await signUp(t, email).expect(200);
      await until(() => owners.length > 0, "not called");
      assert.deepEqual(
        owners.map(({ id }) => id),
        [user.id],
      );
      assert.notEqual((again.body as { user: UserLike }).user.id, user.id);
    });
  });

  describe("given POST /sign-in/email", () => {
    const required = { requireEmailVerification: true };
    const quiet = { sendOnSignUp: false };

    it("when the address is not verified and sendOnSignIn is set, then a link is mailed and it answers EMAIL_NOT_VERIFIED", async () => {
      const t = await start({ ...quiet, sendOnSignIn: true }, required);
      const email = newAddress();
      await signUp(t, email).expect(200);
      const response = await signIn(t, email, { callbackURL: "/home" });
      assertRefusal(response, [403, "EMAIL_NOT_VERIFIED", "Email not verified"]);
      const { url, user } = await outbox.next();
      assert.equal(user.email, email);
      assert.match(url, /&callbackURL=%2Fhome$/);
      await follow(t, url).expect(302);
      await signIn(t, email).expect(200);
    });

    it("when the password is wrong, then nothing is mailed", async () => {
      const t = await start({ ...quiet, sendOnSignIn: true }, required);
      const email = newAddress();
      await signUp(t, email).expect(200);
      const response = await signIn(t, email, { password: "Wrong-7-orchard" });
      assertRefusal(response, [401, "INVALID_EMAIL_OR_PASSWORD"]);
    });

    it("when sendOnSignIn is not set, then nothing is mailed", async () => {
      const t = await start(quiet, required);
      const email = newAddress();
      await signUp(t, email).expect(200);
      assertRefusal(await signIn(t, email), [403, "EMAIL_NOT_VERIFIED"]);
    });

    it("when verification is not required, then the user signs in and nothing is mailed", async () => {
      const t = await start({ ...quiet, sendOnSignIn: true });
      const email = newAddress();
      await signUp(t, email).expect(200);
      await signIn(t, email).expect(200);
    });

    it("when a mailbox has had 5 mails in an hour, then the answer is the same without a mail", async () => {
      const t = await start({ ...quiet, sendOnSignIn: true }, required, {
        rateLimit: { enabled: true, customRules: { "/**": false } },
      });
      const email = newAddress();
      await signUp(t, email).expect(200);
      for (let n = 0; n < 6; n += 1) {
        assertRefusal(await signIn(t, email), [403, "EMAIL_NOT_VERIFIED"]);
        if (n < 5) await outbox.next();
      }
    });
  });

  const sender = "emailVerification.sendVerificationEmail";
  const emailAndPassword = { enabled: true, requireEmailVerification: true };
  itOutlivesACallback({
    option: sender,
    start: (sendVerificationEmail) =>
      startApp({ emailVerification: { sendVerificationEmail, sendOnSignUp: true } }),
    async act(app) {
      const email = newAddress();
      await signUp(app, email).expect(200);
      await signIn(app, email).expect(200);
    },
  });
  itOutlivesACallback({
    option: sender,
    start: (sendVerificationEmail) =>
      startApp({
        emailVerification: { sendVerificationEmail, sendOnSignUp: false, sendOnSignIn: true },
        emailAndPassword,
      }),
    async act(app) {
      const email = newAddress();
      await signUp(app, email).expect(200);
      assertRefusal(await signIn(app, email), [403, "EMAIL_NOT_VERIFIED"]);
    },
  });
  itOutlivesACallback({
    option: "onExistingUserSignUp",
    start: (onExistingUserSignUp) =>
      startApp({ emailAndPassword: { ...emailAndPassword, onExistingUserSignUp } }),
    async act(app) {
      const email = newAddress();
      for (let n = 0; n < 2; n += 1) await signUp(app, email).expect(200);
    },
  });
});

describe("mails that arrive", () => {
  let server: MailServer;
  let mailer: SmtpMailer;
  let t: TestApp;
  before(async () => {
    server = await startMailServer();
    mailer = smtpMailer({ url: server.url, from: "Orchard <no-reply@orchard.example>" });
    t = await startApp({
      emailAndPassword: { enabled: true, sendResetPassword: mailer.resetPassword },
      emailVerification: { sendVerificationEmail: mailer.verification },
      user: {
        changeEmail: {
          enabled: true,
          sendChangeEmailConfirmation: mailer.changeEmailConfirmation,
        },
        deleteUser: {
          enabled: true,
          sendDeleteAccountVerification: mailer.deleteAccountVerification,
        },
      },
    });
  });
  after(async () => {
    await t.stop();
    await mailer.close();
    await server.stop();
  });

  const post = (path: string, body: object, { cookie }: Partial<TestUser> = {}) =>
    request(t.server)
      .post(path)
      .set(cookie === undefined ? {} : { cookie, origin: TEST_ORIGIN })
      .send(body);
  /** The next mail, to this address, whose link stands in both of its forms. */
  async function linkTo(email: string): Promise<string> {
    const { envelope, link, html } = await server.next();
    assert.deepEqual(envelope.to, [email]);
    assert.ok(html.includes(link.replaceAll("&", "&amp;")), html);
    return link;
  }
  const stored = ({ id }: TestUser) =>
    t.auth.models.User.findOne({ _id: parseId(id) ?? "" }).lean();

  it("when a password is forgotten, then the mail leads to a new one", async () => {
    const { email } = await t.givenUser();
    await post("/auth/forget-password", { email, redirectTo: "/new-password" }).expect(200);
    const response = await follow(t, await linkTo(email)).expect(302);
    const page = new URL(response.get("location") ?? "");
    assert.equal(page.origin + page.pathname, `${TEST_ORIGIN}/new-password`);
    const token = page.searchParams.get("token");
    const body = { token, newPassword: NEW_PASSWORD };
    await post("/auth/reset-password", body).expect(200);
    await t.givenSession({ email, password: NEW_PASSWORD });
  });

  it("when an address is to be verified, then the mail verifies it", async () => {
    const user = await t.givenUser();
    await post("/auth/send-verification-email", { email: user.email }).expect(200);
    await follow(t, await linkTo(user.email)).expect(302);
    assert.equal((await stored(user))?.emailVerified, true);
  });

  it("when a verified user changes the address, then the old one and the new one are asked", async () => {
    const user = await t.givenUser();
    await t.auth.models.User.updateOne({ _id: parseId(user.id) ?? "" }, { emailVerified: true });
    const newEmail = newAddress();
    await post("/auth/change-email", { newEmail, callbackURL: "/me" }, user).expect(200);
    await follow(t, await linkTo(user.email)).expect(302);
    await follow(t, await linkTo(newEmail)).expect(302);
    const row = await stored(user);
    assert.deepEqual([row?.email, row?.emailVerified], [newEmail, true]);
  });

  it("when a user deletes the account, then the mail does it", async () => {
    const user = await t.givenUser();
    await post("/auth/delete-user", { callbackURL: "/bye" }, user).expect(200);
    const response = await follow(t, await linkTo(user.email)).expect(302);
    assert.equal(response.get("location"), "/bye");
    assert.equal(await stored(user), null);
  });

  it("when someone signs up with a taken address unseen, then its owner is told", async () => {
    const quiet = await startApp({
      emailAndPassword: {
        enabled: true,
        requireEmailVerification: true,
        onExistingUserSignUp: mailer.existingUserSignUp,
      },
    });
    const email = newAddress();
    await signUp(quiet, email).expect(200);
    await signUp(quiet, email).expect(200);
    const { envelope, subject } = await server.next();
    assert.deepEqual(envelope.to, [email]);
    assert.notEqual(subject, "");
    await quiet.stop();
  });

  it("when the mail server refuses, then the answer is the same, and the user can ask again", async () => {
    const { email } = await t.givenUser();
    server.refuse();
    await post("/auth/forget-password", { email }).expect(200);
    await until(() => t.logged.length > 0, "nothing logged");
    assert.deepEqual(t.logged.splice(0), ["error: emailAndPassword.sendResetPassword failed"]);
    server.refuse(null);
    await post("/auth/forget-password", { email }).expect(200);
    await follow(t, await linkTo(email)).expect(200);
  });

  it("when the mail server is slow, then the answer does not wait", async () => {
    const { email } = await t.givenUser();
    server.delayMs = 400;
    const start = performance.now();
    await post("/auth/forget-password", { email }).expect(200);
    const waited = performance.now() - start;
    await linkTo(email);
    assert.ok(performance.now() - start >= 400);
    assert.ok(waited < 400, `${waited} ms`);
    server.delayMs = 0;
  });
});
