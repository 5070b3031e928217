import assert from "node:assert/strict";
import request from "supertest";
import type { MailSender } from "../../../lib/index.ts";
import { parseId } from "../../../lib/models/id.ts";
import { setCookies, startApp, TEST_ORIGIN, type TestUser } from "../../support/app.ts";
import { startMonitoredApp, type MonitoredApp } from "../../support/monitored.ts";
import { createOutbox, itOutlivesACallback } from "../../support/outbox.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { claimsOf } from "../../support/tokens.ts";

const PATH = "/auth/send-verification-email";
const DONE = { status: true };

describe("POST /send-verification-email", () => {
  const outbox = createOutbox();
  let t: MonitoredApp;
  let user: TestUser;
  const sending = (sendVerificationEmail: MailSender, more: object = {}) => ({
    emailVerification: { sendVerificationEmail, ...more },
  });
  before(async () => {
    t = await startMonitoredApp(sending(outbox.sender("verification")));
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
  });

  const ask = (body: object, cookie?: string) =>
    request(t.server)
      .post(PATH)
      .set(cookie === undefined ? {} : { cookie, origin: TEST_ORIGIN })
      .send(body);
  const setVerified = (emailVerified: boolean | null) =>
    t.auth.models.User.updateOne(
      { _id: parseId(user.id) ?? "" },
      emailVerified === null ? { $unset: { emailVerified: 1 } } : { emailVerified },
    );

  describe("given no session", () => {
    it("when the user is not verified, then a link is mailed", async () => {
      const response = await ask({ email: user.email }).expect(200);
      assert.deepEqual(response.body, DONE);
      const { url, token, user: mailed, request: sentFor } = await outbox.next();
      assert.equal(url, `${TEST_ORIGIN}/auth/verify-email?token=${token}&callbackURL=%2F`);
      assert.deepEqual([mailed.id, mailed.email], [user.id, user.email]);
      assert.equal(sentFor?.url, TEST_ORIGIN + PATH);
    });

    it("when a link is mailed, then its token says address, user and an hour", async () => {
      await ask({ email: user.email }).expect(200);
      const { token } = await outbox.next();
      const { iat, ...claims } = claimsOf(token);
      assert.deepEqual(claims, { email: user.email, sub: user.id, exp: Number(iat) + 3600 });
      const header = Buffer.from(token.split(".")[0] ?? "", "base64url").toString();
      assert.equal((JSON.parse(header) as { alg: string }).alg, "HS256");
    });

    it("when the address is in another letter case, then it is the same one", async () => {
      await ask({ email: user.email.toUpperCase() }).expect(200);
      assert.equal((await outbox.next()).user.email, user.email);
    });

    for (const [callbackURL, expected] of [
      ["/welcome?a=1", "%2Fwelcome%3Fa%3D1"],
      [`${TEST_ORIGIN}/welcome`, "http%3A%2F%2Fapp.test%2Fwelcome"],
    ] as const) {
      it(`when callbackURL is ${callbackURL}, then the link carries it`, async () => {
        await ask({ email: user.email, callbackURL }).expect(200);
        const { url } = await outbox.next();
        assert.equal(url.split("&callbackURL=")[1], expected);
      });
    }

    it("when the row does not say whether the user is verified, then they are not", async () => {
      await setVerified(null);
      await ask({ email: user.email }).expect(200);
      await outbox.next();
    });

    for (const who of ["verified", "unknown"] as const) {
      it(`when the address is ${who}, then the answer is the same, without a mail`, async () => {
        const usual = await ask({ email: user.email });
        await outbox.next();
        await setVerified(true);
        const email = who === "unknown" ? "nobody@example.com" : user.email;
        const response = await ask({ email });
        assert.deepEqual([response.status, response.body], [200, DONE]);
        const plain = (headers: unknown) => ({ ...(headers as object), date: "" });
        assert.deepEqual(plain(response.headers), plain(usual.headers));
        await outbox.assertEmpty();
      });

      it(`when the address is ${who}, then the database does the same work`, async () => {
        const usual = await t.commandsOf(() => ask({ email: user.email }));
        await outbox.next();
        await setVerified(true);
        const email = who === "unknown" ? "nobody@example.com" : user.email;
        assert.deepEqual(await t.commandsOf(() => ask({ email })), usual);
        assert.deepEqual(usual, ["find"]);
      });
    }
  });

  describe("given a session", () => {
    it("when the address is its own, then a link is mailed", async () => {
      const response = await ask({ email: user.email.toUpperCase() }, user.cookie).expect(200);
      assert.deepEqual(response.body, DONE);
      assert.deepEqual(setCookies(response), []);
      assert.equal((await outbox.next()).user.email, user.email);
    });

    for (const known of [true, false]) {
      it(`when it is another address, which is ${known ? "known" : "unknown"}, then it answers EMAIL_MISMATCH`, async () => {
        const email = known ? (await t.givenUser()).email : "nobody@example.com";
        const response = await ask({ email }, user.cookie);
        assertRefusal(response, [400, "EMAIL_MISMATCH", "Email mismatch"]);
        await outbox.assertEmpty();
      });
    }

    it("when it is verified, then it answers EMAIL_ALREADY_VERIFIED", async () => {
      await setVerified(true);
      const response = await ask({ email: user.email }, user.cookie);
      assertRefusal(response, [400, "EMAIL_ALREADY_VERIFIED", "Email is already verified"]);
      await outbox.assertEmpty();
    });

    it("when the session has ended, then it counts as none", async () => {
      await t.auth.models.Session.deleteMany({ userId: parseId(user.id) ?? "" });
      await ask({ email: "nobody@example.com" }, user.cookie).expect(200);
    });

    it("when its user is banned, then it answers BANNED_USER", async () => {
      await t.auth.models.User.updateOne({ _id: parseId(user.id) ?? "" }, { banned: true });
      assertRefusal(await ask({ email: user.email }, user.cookie), [403, "BANNED_USER"]);
      await outbox.assertEmpty();
    });
  });

  describe("given input that is wrong", () => {
    for (const body of [{}, { email: "no address" }, { email: { $ne: "" } }]) {
      it(`when the body is ${JSON.stringify(body)}, then it answers VALIDATION_ERROR`, async () => {
        assertRefusal(await ask(body), [400, "VALIDATION_ERROR", /^\[body\.email\] /]);
      });
    }

    it("when callbackURL is another site, then it is refused without a mail", async () => {
      const body = { email: user.email, callbackURL: "https://evil.example" };
      assertRefusal(await ask(body), [403, "INVALID_CALLBACK_URL", "Invalid callbackURL"]);
      await outbox.assertEmpty();
    });
  });

  itOutlivesACallback({
    option: "emailVerification.sendVerificationEmail",
    start: (callback) => startApp(sending(callback)),
    async act(app) {
      const { email } = await app.givenUser();
      await request(app.server).post(PATH).send({ email }).expect(200, DONE);
    },
  });

  describe("given options", () => {
    it("when there is no sender, then it answers VERIFICATION_EMAIL_NOT_ENABLED", async () => {
      const without = await startApp();
      const { email, cookie } = await without.givenUser();
      for (const headers of [{}, { cookie, origin: TEST_ORIGIN }]) {
        const response = await request(without.server).post(PATH).set(headers).send({ email });
        assertRefusal(response, [
          400,
          "VERIFICATION_EMAIL_NOT_ENABLED",
          "Verification email isn't enabled",
        ]);
      }
      await without.stop();
    });

    it("when expiresIn is given, then tokens live that long", async () => {
      const short = await startApp(sending(outbox.sender("short"), { expiresIn: 60 }));
      const { email } = await short.givenUser();
      await request(short.server).post(PATH).send({ email }).expect(200);
      const { iat, exp } = claimsOf((await outbox.next()).token);
      assert.equal(Number(exp) - Number(iat), 60);
      await short.stop();
    });

    it("when a mailbox has had 5 mails in an hour, then the answer is the same without a mail", async () => {
      const limited = await startApp({
        ...sending(outbox.sender("limited")),
        rateLimit: { enabled: true, customRules: { "/**": false } },
      });
      const { email } = await limited.givenUser();
      const post = () => request(limited.server).post(PATH).send({ email }).expect(200, DONE);
      for (let n = 0; n < 5; n += 1) {
        await post();
        await outbox.next();
      }
      await post();
      await outbox.assertEmpty();
      await limited.stop();
    });
  });
});
