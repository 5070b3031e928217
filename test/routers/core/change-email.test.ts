import assert from "node:assert/strict";
import request from "supertest";
import type { AuthOptions } from "../../../lib/index.ts";
import { parseId } from "../../../lib/models/id.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { startMonitoredApp, type MonitoredApp } from "../../support/monitored.ts";
import { createOutbox, follow, itOutlivesACallback } from "../../support/outbox.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { countRows } from "../../support/sessions.ts";
import { claimsOf } from "../../support/tokens.ts";

const PATH = "/auth/change-email";
const MAILED = { status: true, message: "Verification email sent", user: null };
const UPDATED = { status: true, message: "Email updated", user: null };

let addresses = 0;
const newAddress = () => `wanted-${(addresses += 1)}@example.com`;

describe("POST /change-email", () => {
  const outbox = createOutbox();
  const sendVerificationEmail = outbox.sender("verification");
  const sendChangeEmailConfirmation = outbox.sender("confirmation");
  const options = (
    changeEmail: NonNullable<AuthOptions["user"]>["changeEmail"] = {},
    sender: typeof sendVerificationEmail | undefined = sendVerificationEmail,
  ): AuthOptions => ({
    emailVerification: { sendVerificationEmail: sender },
    user: { changeEmail: { enabled: true, ...changeEmail } },
  });
  const without = (changeEmail: NonNullable<AuthOptions["user"]>["changeEmail"] = {}) => ({
    user: { changeEmail: { enabled: true, ...changeEmail } },
  });
  let started: MonitoredApp[] = [];
  async function start(given: AuthOptions): Promise<MonitoredApp> {
    const app = await startMonitoredApp(given);
    started.push(app);
    return app;
  }
  afterEach(async () => {
    for (const app of started) await app.stop();
    started = [];
  });

  const change = (app: TestApp, { cookie }: TestUser, body: object) =>
    request(app.server).post(PATH).set({ cookie, origin: TEST_ORIGIN }).send(body);
  const stored = (app: TestApp, { id }: TestUser) =>
    app.auth.models.User.findOne({ _id: parseId(id) ?? "" }).lean();
  async function givenVerified(app: TestApp): Promise<TestUser> {
    const user = await app.givenUser();
    const _id = parseId(user.id) ?? "";
    await app.auth.models.User.updateOne({ _id }, { emailVerified: true });
    return user;
  }

  describe("given callers of every kind", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp(options({}, () => undefined));
    });
    after(() => t.stop());
    const body = { newEmail: "anyone@example.com" };
    itNeedsASession(() => t, { method: "POST", path: PATH, body, credentials: true });
  });

  describe("given nothing but the usual options", () => {
    let t: TestApp;
    let user: TestUser;
    before(async () => {
      t = await startApp(options());
    });
    after(() => t.stop());
    beforeEach(async () => {
      user = await t.givenUser();
    });

    for (const verified of [false, true]) {
      it(`when the caller is ${verified ? "" : "not "}verified, then the new address is asked`, async () => {
        if (verified) user = await givenVerified(t);
        const newEmail = newAddress();
        const before = await stored(t, user);
        const response = await change(t, user, { newEmail }).expect(200);
        assert.deepEqual(response.body, MAILED);
        assert.deepEqual(setCookies(response), []);
        const { name, url, token, user: mailed, request: sentFor } = await outbox.next();
        assert.deepEqual([name, mailed.id, mailed.email], ["verification", user.id, newEmail]);
        assert.equal(url, `${TEST_ORIGIN}/auth/verify-email?token=${token}&callbackURL=%2F`);
        assert.equal(sentFor?.url, TEST_ORIGIN + PATH);
        const { iat, credential, ...claims } = claimsOf(token);
        assert.match(String(credential), /^[\w-]{22}$/);
        assert.deepEqual(claims, {
          email: user.email,
          updateTo: newEmail,
          requestType: "change-email-verification",
          sub: user.id,
          exp: Number(iat) + 3600,
        });
        assert.deepEqual(await stored(t, user), before);
      });
    }

    it("when the new address is in upper case, then it is stored and mailed in lower case", async () => {
      const newEmail = newAddress();
      await change(t, user, { newEmail: newEmail.toUpperCase() }).expect(200);
      const { url, user: mailed } = await outbox.next();
      assert.equal(mailed.email, newEmail);
      await follow(t, url).expect(302);
      assert.equal((await stored(t, user))?.email, newEmail);
    });

    it("when callbackURL is given, then the link carries it", async () => {
      await change(t, user, { newEmail: newAddress(), callbackURL: "/me?a=1" }).expect(200);
      assert.match((await outbox.next()).url, /&callbackURL=%2Fme%3Fa%3D1$/);
    });

    for (const spelling of ["as it is", "in upper case"]) {
      it(`when it is the caller's own address ${spelling}, then it answers EMAIL_IS_THE_SAME`, async () => {
        const newEmail = spelling === "as it is" ? user.email : user.email.toUpperCase();
        const response = await change(t, user, { newEmail });
        assertRefusal(response, [400, "EMAIL_IS_THE_SAME", "Email is the same"]);
        await outbox.assertEmpty();
      });
    }

    it("when the address is taken, then the answer is the same, without a mail", async () => {
      const { email } = await t.givenUser();
      const response = await change(t, user, { newEmail: email }).expect(200);
      assert.deepEqual(response.body, MAILED);
      await outbox.assertEmpty();
      assert.equal((await stored(t, user))?.email, user.email);
    });

    const wrong = [{}, { newEmail: "no address" }, { newEmail: { $ne: "" } }, { newEmail: null }];
    for (const body of wrong) {
      it(`when the body is ${JSON.stringify(body)}, then it answers VALIDATION_ERROR`, async () => {
        const response = await change(t, user, body);
        assertRefusal(response, [400, "VALIDATION_ERROR", /^\[body\.newEmail\] /]);
      });
    }

    it("when callbackURL is another site, then it is refused without a mail", async () => {
      const body = { newEmail: newAddress(), callbackURL: "https://evil.example" };
      assertRefusal(await change(t, user, body), [403, "INVALID_CALLBACK_URL"]);
      await outbox.assertEmpty();
    });

    it("when one link is opened 50 times at once, then exactly one changes the address", async () => {
      await change(t, user, { newEmail: newAddress() }).expect(200);
      const { token } = await outbox.next();
      const answers = await inParallel(50, () =>
        request(t.server).get("/auth/verify-email").query({ token }),
      );
      assert.deepEqual(answers, { "200": 1, "401 USER_NOT_FOUND": 49 });
      assert.equal(await countRows(t, user.id), 2);
    });
  });

  describe("given sendChangeEmailConfirmation", () => {
    it("when the caller is verified, then old and new address are asked one after the other", async () => {
      const t = await start(options({ sendChangeEmailConfirmation }));
      const user = await givenVerified(t);
      const newEmail = newAddress();
      const response = await change(t, user, { newEmail, callbackURL: "/me" }).expect(200);
      assert.deepEqual(response.body, MAILED);

      const first = await outbox.next();
      assert.deepEqual([first.name, first.newEmail], ["confirmation", newEmail]);
      assert.deepEqual([first.user.id, first.user.email], [user.id, user.email]);
      assert.equal(first.request?.url, TEST_ORIGIN + PATH);
      const link = `${TEST_ORIGIN}/auth/verify-email?token=${first.token}&callbackURL=%2Fme`;
      assert.equal(first.url, link);
      assert.equal(claimsOf(first.token)["requestType"], "change-email-confirmation");

      assert.equal((await follow(t, first.url).expect(302)).get("location"), "/me");
      assert.equal((await stored(t, user))?.email, user.email);
      const second = await outbox.next();
      assert.deepEqual([second.name, second.user.email], ["verification", newEmail]);

      assert.equal((await follow(t, second.url).expect(302)).get("location"), "/me");
      const row = await stored(t, user);
      assert.deepEqual([row?.email, row?.emailVerified], [newEmail, true]);
    });

    it("when the caller is not verified, then the new address is asked at once", async () => {
      const t = await start(options({ sendChangeEmailConfirmation }));
      const user = await t.givenUser();
      await change(t, user, { newEmail: newAddress() }).expect(200, MAILED);
      assert.equal((await outbox.next()).name, "verification");
    });

    it("when the address is taken, then the answer is the same, without a mail, for the same work", async () => {
      const t = await start(options({ sendChangeEmailConfirmation }));
      const [user, taken] = [await givenVerified(t), await t.givenUser()];
      const free = await t.commandsOf(() =>
        change(t, user, { newEmail: newAddress() }).expect(200),
      );
      await outbox.next();
      const known = await t.commandsOf(() =>
        change(t, user, { newEmail: taken.email }).expect(200, MAILED),
      );
      assert.deepEqual(known, free);
      await outbox.assertEmpty();
    });

    it("when it is all there is, then a caller who is not verified gets VERIFICATION_EMAIL_NOT_ENABLED", async () => {
      const t = await start(without({ sendChangeEmailConfirmation }));
      const user = await t.givenUser();
      const response = await change(t, user, { newEmail: newAddress() });
      assertRefusal(response, [400, "VERIFICATION_EMAIL_NOT_ENABLED"]);
    });
  });

  itOutlivesACallback({
    option: "user.changeEmail.sendChangeEmailConfirmation",
    start: (callback) => startApp(options({ sendChangeEmailConfirmation: callback })),
    async act(app) {
      const user = await givenVerified(app);
      await change(app, user, { newEmail: newAddress() }).expect(200, MAILED);
    },
  });

  describe("given updateEmailWithoutVerification", () => {
    const direct = { updateEmailWithoutVerification: true };

    it("when the caller is not verified, then the address is changed at once and asked", async () => {
      const t = await start(options({ ...direct, sendChangeEmailConfirmation }));
      const user = await t.givenUser();
      const newEmail = newAddress();
      const response = await change(t, user, { newEmail, callbackURL: "/me" }).expect(200);
      assert.deepEqual(response.body, UPDATED);
      assert.equal(cookieHeader(response), user.cookie);
      const row = await stored(t, user);
      assert.deepEqual([row?.email, row?.emailVerified], [newEmail, false]);
      const { name, url, token, user: mailed } = await outbox.next();
      assert.deepEqual([name, mailed.email], ["verification", newEmail]);
      const { iat, exp, ...claims } = claimsOf(token);
      assert.deepEqual(claims, { email: newEmail, sub: user.id });
      assert.ok(Number(exp) > Number(iat));
      assert.equal((await follow(t, url).expect(302)).get("location"), "/me");
      assert.equal((await stored(t, user))?.emailVerified, true);
    });

    it("when there is no sender, then the address is changed without a mail", async () => {
      const t = await start(without(direct));
      const user = await t.givenUser();
      const newEmail = newAddress();
      await change(t, user, { newEmail }).expect(200, UPDATED);
      assert.equal((await stored(t, user))?.email, newEmail);
    });

    it("when the caller is verified, then the new address is asked first", async () => {
      const t = await start(options(direct));
      const user = await givenVerified(t);
      await change(t, user, { newEmail: newAddress() }).expect(200, MAILED);
      assert.equal((await stored(t, user))?.email, user.email);
      await outbox.next();
    });

    it("when the address is taken, then the answer is the same, without effect", async () => {
      const t = await start(options(direct));
      const [user, taken] = [await t.givenUser(), await t.givenUser()];
      const response = await change(t, user, { newEmail: taken.email }).expect(200);
      assert.deepEqual(response.body, UPDATED);
      assert.equal((await stored(t, user))?.email, user.email);
      await outbox.assertEmpty();
    });

    it("when 50 callers want one address at once, then one has it and all get the same answer", async () => {
      const t = await start(without(direct));
      const users = await Promise.all(Array.from({ length: 50 }, () => t.givenUser()));
      const newEmail = newAddress();
      const answers = await inParallel(50, (n) =>
        change(t, users[n] ?? assert.fail(), { newEmail }).expect(200, UPDATED),
      );
      assert.deepEqual(answers, { "200": 50 });
      assert.equal(await t.auth.models.User.countDocuments({ email: newEmail }), 1);
      assert.equal(await t.auth.models.User.countDocuments(), 50);
    });

    it("when one caller wants 50 addresses at once, then one is theirs", async () => {
      const t = await start(without(direct));
      const user = await t.givenUser();
      await inParallel(50, () => change(t, user, { newEmail: newAddress() }));
      assert.equal(await t.auth.models.User.countDocuments(), 1);
      assert.match((await stored(t, user))?.email ?? "", /^wanted-/);
    });

    it("when the mailbox has had its mails, then the address is changed without one", async () => {
      const t = await start({
        ...options(direct),
        rateLimit: { enabled: true, customRules: { "/**": false }, mailbox: { max: 1 } },
      });
      const newEmail = newAddress();
      for (const isMailed of [true, false]) {
        const user = await t.givenUser();
        await change(t, user, { newEmail }).expect(200, UPDATED);
        await t.auth.models.User.deleteOne({ email: newEmail });
        if (isMailed) await outbox.next();
        else await outbox.assertEmpty();
      }
    });
  });

  describe("given no way to change an address", () => {
    it("when the feature is off, then it answers CHANGE_EMAIL_DISABLED", async () => {
      const t = await start({ emailVerification: { sendVerificationEmail } });
      const user = await t.givenUser();
      const response = await change(t, user, { newEmail: newAddress() });
      assertRefusal(response, [400, "CHANGE_EMAIL_DISABLED", "Change email is disabled"]);
      await outbox.assertEmpty();
    });

    for (const known of [true, false]) {
      it(`when there is no sender, then it answers VERIFICATION_EMAIL_NOT_ENABLED for ${known ? "a taken" : "a free"} address`, async () => {
        const t = await start(without());
        const user = await t.givenUser();
        const newEmail = known ? (await t.givenUser()).email : newAddress();
        const response = await change(t, user, { newEmail });
        assertRefusal(response, [
          400,
          "VERIFICATION_EMAIL_NOT_ENABLED",
          "Verification email isn't enabled",
        ]);
      });
    }
  });

  describe("given rate limits in the database", () => {
    it("when the address is taken, then the database does the same work as for a free one", async () => {
      const t = await start({
        ...options(),
        rateLimit: { enabled: true, storage: "database", customRules: { "/**": false } },
      });
      const [user, taken] = [await t.givenUser(), await t.givenUser()];
      const free = await t.commandsOf(() =>
        change(t, user, { newEmail: newAddress() }).expect(200),
      );
      await outbox.next();
      const known = await t.commandsOf(() =>
        change(t, user, { newEmail: taken.email }).expect(200),
      );
      assert.deepEqual(known, free);
      assert.deepEqual(free, ["aggregate", "findAndModify", "find", "find"]);
    });

    it("when a mailbox has had 5 mails in an hour, then the answer is the same without a mail", async () => {
      const t = await start({
        ...options(),
        rateLimit: { enabled: true, customRules: { "/**": false } },
      });
      const user = await t.givenUser();
      const newEmail = newAddress();
      for (let n = 0; n < 5; n += 1) {
        await change(t, user, { newEmail }).expect(200, MAILED);
        await outbox.next();
      }
      await change(t, user, { newEmail }).expect(200, MAILED);
      await outbox.assertEmpty();
    });
  });
});
