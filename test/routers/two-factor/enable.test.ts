import assert from "node:assert/strict";
import request from "supertest";
import { TOTP, URI } from "otpauth";
import { symmetricDecrypt } from "better-auth/crypto";
import { setCookies, TEST_PASSWORD, TEST_SECRET, type TestUser } from "../../support/app.ts";
import { parseId } from "../../../lib/models/id.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { inParallel, tally } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { refuseRows } from "../../support/refuse-rows.ts";
import { countRows } from "../../support/sessions.ts";
import {
  call,
  codeOf,
  cookiesAfter,
  givenEnrolled,
  rowOf,
  startTwoFactorApp,
  userOf,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

interface Enabled {
  readonly method: string;
  readonly totpURI: string;
  readonly backupCodes: readonly string[];
}

const password = TEST_PASSWORD;
const isEnabled = async ({ auth }: TwoFactorApp, { email }: TestUser) =>
  (await auth.models.User.findOne({ email }).lean())?.twoFactorEnabled === true;

describe("POST /two-factor/enable", () => {
  let t: TwoFactorApp;
  before(async () => {
    t = await startTwoFactorApp({ issuer: "Example & Co" });
  });
  after(() => t.stop());

  itNeedsASession(() => t, {
    method: "POST",
    path: "/auth/two-factor/enable",
    body: { password },
    credentials: true,
  });

  describe("given a user with a password", () => {
    let user: TestUser;
    beforeEach(async () => {
      user = await t.givenUser();
    });

    it("when the password is right, then it answers address and codes, and nothing is on yet", async () => {
      const answer = await call(t, "enable", user.cookie, { password }).expect(200);
      const { method, totpURI, backupCodes, ...rest } = answer.body as Enabled;
      assert.deepEqual([method, rest, setCookies(answer)], ["totp", {}, []]);
      const totp = URI.parse(totpURI);
      assert.ok(totp instanceof TOTP);
      const { issuer, label, digits, period, algorithm } = totp;
      assert.deepEqual(
        { issuer, label, digits, period, algorithm },
        { issuer: "Example & Co", label: user.email, digits: 6, period: 30, algorithm: "SHA1" },
      );
      assert.match(totpURI, /\?secret=[A-Z2-7]{52}&issuer=Example%20%26%20Co&digits=6&period=30$/);
      assert.equal(new Set(backupCodes).size, 10);
      for (const code of backupCodes) assert.match(code, /^[A-Za-z0-9]{5}-[A-Za-z0-9]{5}$/);
      assert.equal(await isEnabled(t, user), false);
      assert.equal((await rowOf(t, user))?.verified, false);
    });

    it("when it is stored, then neither the secret nor a code is readable", async () => {
      const answer = await call(t, "enable", user.cookie, { password }).expect(200);
      const { totpURI, backupCodes } = answer.body as Enabled;
      const secret = URI.parse(totpURI).secret.utf8;
      const stored = JSON.stringify(await rowOf(t, user));
      for (const text of [secret, ...backupCodes]) assert.ok(!stored.includes(text));
    });

    it("when an issuer is given, then the address names it", async () => {
      const answer = await call(t, "enable", user.cookie, { password, issuer: "Team 7" });
      assert.equal(URI.parse((answer.body as Enabled).totpURI).issuer, "Team 7");
      const empty = await call(t, "enable", user.cookie, { password, issuer: "" }).expect(200);
      assert.equal(URI.parse((empty.body as Enabled).totpURI).issuer, "Example & Co");
    });

    it("when it is asked again before a code confirmed it, then the new secret counts alone", async () => {
      const first = (await call(t, "enable", user.cookie, { password })).body as Enabled;
      const second = (await call(t, "enable", user.cookie, { password })).body as Enabled;
      const old = codeOf(t, { uri: first.totpURI });
      assertRefusal(await call(t, "verify-totp", user.cookie, { code: old }), [
        401,
        "INVALID_CODE",
      ]);
      const code = codeOf(t, { uri: second.totpURI });
      await call(t, "verify-totp", user.cookie, { code }).expect(200);
      assert.equal(
        await t.auth.models.TwoFactor.countDocuments({ userId: parseId(user.id) ?? "" }),
        1,
      );
    });

    it("when it is asked 20 times at once, then all are answered, and one authenticator counts", async () => {
      const asked = Array.from({ length: 20 }, () => call(t, "enable", user.cookie, { password }));
      const answers = await Promise.all(asked);
      assert.deepEqual(tally(answers), { "200": 20 });
      const row = await rowOf(t, user);
      const secrets = answers.map(({ body }) => URI.parse((body as Enabled).totpURI).secret.utf8);
      const stored = await symmetricDecrypt({ key: TEST_SECRET, data: row?.secret ?? "" });
      assert.equal(secrets.filter((secret) => secret === stored).length, 1);
      assert.equal(
        await t.auth.models.TwoFactor.countDocuments({ userId: parseId(user.id) ?? "" }),
        1,
      );
    });

    for (const body of [{ password: "Wrong-7-orchard" }, { password: "" }]) {
      it(`when the password is ${JSON.stringify(body.password)}, then INVALID_PASSWORD`, async () => {
        const answer = await call(t, "enable", user.cookie, body);
        assertRefusal(answer, [400, "INVALID_PASSWORD", "Invalid password"]);
        assert.equal(await rowOf(t, user), null);
      });
    }

    for (const body of [
      {},
      { password: [password] },
      { password, method: "sms" },
      { password, issuer: 7 },
    ]) {
      it(`when the body is ${JSON.stringify(body)}, then VALIDATION_ERROR`, async () => {
        assertRefusal(await call(t, "enable", user.cookie, body), [400, "VALIDATION_ERROR"]);
      });
    }

    it("when the codes are to be sent, then it is on at once, with a new session", async () => {
      const answer = await call(t, "enable", user.cookie, { password, method: "otp" }).expect(200);
      assert.deepEqual(answer.body, { method: "otp" });
      assert.equal(await isEnabled(t, user), true);
      assert.equal(await userOf(t, user.cookie), null);
      assert.equal(await userOf(t, cookiesAfter(user.cookie, answer)), user.id);
      assert.equal(await countRows(t, user.id), 1);
    });

    it("when the session is ended by a parallel call, then UNAUTHORIZED, and it is on once", async () => {
      const body = { password, method: "otp" };
      const answers = await inParallel(10, () => call(t, "enable", user.cookie, body));
      assert.deepEqual(answers, { "200": 1, "401 UNAUTHORIZED": 9 });
      assert.equal(await countRows(t, user.id), 1);
    });
  });

  it("when a confirmed authenticator is there, then TOTP_ALREADY_ENABLED, and it stays", async () => {
    const user = await givenEnrolled(t);
    const before = await rowOf(t, user);
    const answer = await call(t, "enable", user.cookie, { password });
    assertRefusal(answer, [400, "TOTP_ALREADY_ENABLED", "TOTP is already enabled"]);
    assert.deepEqual(await rowOf(t, user), before);
  });

  it("when another site asks, then INVALID_ORIGIN", async () => {
    const { cookie } = await t.givenUser();
    const answer = await request(t.server)
      .post("/auth/two-factor/enable")
      .set({ cookie, origin: "https://evil.example" })
      .send({ password });
    assertRefusal(answer, [403, "INVALID_ORIGIN"]);
  });

  describe("given other options", () => {
    let own: TwoFactorApp;
    afterEach(() => own.stop());

    it("when the database refuses the session, then FAILED_TO_CREATE_SESSION, and nothing is on", async () => {
      own = await startTwoFactorApp();
      const user = await own.givenUser();
      await refuseRows(own, "session");
      const answer = await call(own, "enable", user.cookie, { password, method: "otp" });
      assertRefusal(answer, [401, "FAILED_TO_CREATE_SESSION", "Failed to create session"]);
      assert.equal(await isEnabled(own, user), false);
      assert.equal(await userOf(own, user.cookie), user.id);
    });

    it("when nothing sends codes, then OTP_NOT_CONFIGURED", async () => {
      own = await startTwoFactorApp({ otpOptions: { sendOTP: undefined } });
      const { cookie } = await own.givenUser();
      const answer = await call(own, "enable", cookie, { password, method: "otp" });
      assertRefusal(answer, [400, "OTP_NOT_CONFIGURED", "OTP is not available"]);
    });

    it("when authenticators are off, then TOTP_NOT_CONFIGURED", async () => {
      own = await startTwoFactorApp({ totpOptions: { disable: true } });
      const { cookie } = await own.givenUser();
      const answer = await call(own, "enable", cookie, { password });
      assertRefusal(answer, [400, "TOTP_NOT_CONFIGURED", "TOTP is not available"]);
    });

    it("when no code has to confirm it, then it is on at once, with a new session", async () => {
      own = await startTwoFactorApp({ skipVerificationOnEnable: true });
      const user = await own.givenUser();
      const answer = await call(own, "enable", user.cookie, { password }).expect(200);
      assert.equal((answer.body as Enabled).method, "totp");
      assert.equal(await isEnabled(own, user), true);
      assert.equal((await rowOf(own, user))?.verified, true);
      assert.equal(await userOf(own, cookiesAfter(user.cookie, answer)), user.id);
    });

    for (const allowPasswordless of [true, false]) {
      it(`when the user has no password and allowPasswordless is ${allowPasswordless}, then it is ${allowPasswordless ? "set up" : "refused"}`, async () => {
        own = await startTwoFactorApp({ allowPasswordless });
        const user = await own.givenUser();
        const body = allowPasswordless ? {} : { password };
        assertRefusal(await call(own, "enable", user.cookie, { password: "Wrong-7-orchard" }), [
          400,
          "INVALID_PASSWORD",
        ]);
        if (allowPasswordless) {
          assertRefusal(await call(own, "enable", user.cookie), [400, "INVALID_PASSWORD"]);
        }
        await own.auth.models.Account.deleteMany({});
        const answer = await call(own, "enable", user.cookie, body);
        if (allowPasswordless) assert.equal(answer.status, 200);
        else assertRefusal(answer, [400, "INVALID_PASSWORD"]);
      });
    }

    it("when digits, period and codes are set, then they are as set", async () => {
      own = await startTwoFactorApp({
        totpOptions: { digits: 8, period: 60 },
        backupCodeOptions: { amount: 3, length: 12 },
      });
      const user = await own.givenUser();
      const answer = await call(own, "enable", user.cookie, { password }).expect(200);
      const { totpURI, backupCodes } = answer.body as Enabled;
      assert.match(totpURI, /issuer=Better%20Auth&digits=8&period=60$/);
      assert.deepEqual(
        backupCodes.map((code) => code.length),
        [13, 13, 13],
      );
      const code = codeOf(own, { uri: totpURI });
      assert.equal(code.length, 8);
      await call(own, "verify-totp", user.cookie, { code }).expect(200);
    });
  });
});
