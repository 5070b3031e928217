import assert from "node:assert/strict";
import request from "supertest";
import type { AuthOptions, Mail, MailSender } from "../../../lib/index.ts";
import { parseId } from "../../../lib/models/id.ts";
import { startApp, TEST_ORIGIN, type TestApp, type TestUser } from "../../support/app.ts";
import { startMonitoredApp, type MonitoredApp } from "../../support/monitored.ts";
import { createOutbox, follow, itOutlivesACallback, until } from "../../support/outbox.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { findVerifications, insertVerification } from "../../support/verifications.ts";

const PATHS = ["/auth/forget-password", "/auth/request-password-reset"] as const;
const [PATH] = PATHS;
const FRONT = "reset-password:";
const ANSWER = {
  status: true,
  message: "If this email exists in our system, check your email for the reset link",
};

const withSender = (sendResetPassword: MailSender, more: AuthOptions = {}): AuthOptions => ({
  ...more,
  emailAndPassword: { enabled: true, sendResetPassword, ...more.emailAndPassword },
});

describe("POST /forget-password", () => {
  const outbox = createOutbox();
  let t: MonitoredApp;
  let user: TestUser;
  before(async () => {
    t = await startMonitoredApp(
      withSender(outbox.sender("reset"), { trustedOrigins: ["https://www.app.example"] }),
    );
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
  });

  const ask = (body: object, path: string = PATH) => request(t.server).post(path).send(body);
  const mailFor = async (body: object): Promise<Mail> => {
    await ask({ email: user.email, ...body }).expect(200, ANSWER);
    return outbox.next();
  };
  /** Whether the token of a mail is live: the link answers with it. */
  const isLive = async ({ token }: Mail): Promise<boolean> => {
    const { status } = await follow(t, `${TEST_ORIGIN}/auth/reset-password/${token}`);
    return status === 200;
  };

  describe("given a user with that address", () => {
    for (const path of PATHS) {
      it(`when ${path} is asked, then it answers with the contract's text and mails a link`, async () => {
        const response = await ask({ email: user.email }, path).expect(200);
        assert.deepEqual(response.body, ANSWER);
        const mail = await outbox.next();
        assert.match(mail.token, /^[A-Za-z0-9]{24}$/);
        assert.equal(mail.url, `${TEST_ORIGIN}/auth/reset-password/${mail.token}?callbackURL=`);
        assert.equal(mail.request?.url, `${TEST_ORIGIN}${path}`);
        assert.equal(mail.request.method, "POST");
      });
    }

    it("when the callback is called, then it gets the user as answers show them", async () => {
      const { user: mailed } = await mailFor({});
      const row = await t.auth.models.User.findOne({ email: user.email }).lean();
      assert.deepEqual(mailed, {
        id: user.id,
        name: user.name,
        email: user.email,
        emailVerified: false,
        image: null,
        createdAt: row?.createdAt,
        updatedAt: row?.updatedAt,
      });
    });

    it("when the callback is called, then the token is stored already", async () => {
      let found = 0;
      const early = await startApp(
        withSender(async ({ user: { id } }) => {
          found = (await findVerifications(early, id, FRONT)).length;
        }),
      );
      const { email } = await early.givenUser();
      await request(early.server).post(PATH).send({ email }).expect(200);
      await until(() => found > 0, "the row was not there");
      await early.stop();
    });

    it("when it is asked, then the row has the hash of the token, the user and an hour", async () => {
      const { token } = await mailFor({});
      const [row, ...others] = await findVerifications(t, user.id, FRONT);
      assert.deepEqual(others, []);
      assert.match(row?.identifier ?? "", /^reset-password:h1:[\w-]{43}$/);
      assert.ok(!JSON.stringify(row).includes(token));
      const lifeMs = (row?.expiresAt.getTime() ?? 0) - (row?.createdAt.getTime() ?? 0);
      assert.equal(lifeMs, 3_600_000);
      assert.deepEqual(row?.updatedAt, row?.createdAt);
    });

    it("when the address is in another letter case, then it is the same one", async () => {
      await ask({ email: user.email.toUpperCase() }).expect(200, ANSWER);
      assert.equal((await outbox.next()).user.id, user.id);
    });

    it("when the user has no password, then the mail is sent all the same", async () => {
      await t.auth.models.Account.deleteMany({ userId: parseId(user.id) ?? "" });
      assert.equal((await mailFor({})).user.id, user.id);
    });

    const addresses = [
      ["redirectTo", { redirectTo: "/new-password?lang=de" }, "%2Fnew-password%3Flang%3Dde"],
      [
        "a trusted absolute redirectTo",
        { redirectTo: "https://www.app.example/new" },
        "https%3A%2F%2Fwww.app.example%2Fnew",
      ],
      ["the misspelt redirctTo", { redirctTo: "/new" }, "%2Fnew"],
      ["both", { redirectTo: "/right", redirctTo: "/wrong" }, "%2Fright"],
      ["an empty redirectTo", { redirectTo: "" }, ""],
    ] as const;
    for (const [what, body, callbackURL] of addresses) {
      it(`when ${what} is given, then the link carries it`, async () => {
        const { url, token } = await mailFor(body);
        const expected = `${TEST_ORIGIN}/auth/reset-password/${token}?callbackURL=${callbackURL}`;
        assert.equal(url, expected);
      });
    }

    for (const field of ["redirectTo", "redirctTo"]) {
      it(`when ${field} is another site, then it is refused and nothing is mailed`, async () => {
        const response = await ask({ email: user.email, [field]: "https://evil.example/" });
        assertRefusal(response, [403, "INVALID_REDIRECT_URL", "Invalid redirectURL"]);
        await outbox.assertEmpty();
        assert.deepEqual(await findVerifications(t, user.id), []);
      });
    }
  });

  describe("given an earlier token", () => {
    it("when another is asked for, then only the newer one is live", async () => {
      const first = await mailFor({});
      const second = await mailFor({});
      assert.deepEqual([await isLive(first), await isLive(second)], [false, true]);
      assert.equal((await findVerifications(t, user.id, FRONT)).length, 1);
    });

    it("when the next is asked of a process whose clock is behind, then it is the live one", async () => {
      const first = await mailFor({});
      t.clock.advance(-60);
      const second = await mailFor({});
      t.clock.advance(60);
      assert.deepEqual([await isLive(first), await isLive(second)], [false, true]);
    });

    it("when it is Better Auth's, then it ends too", async () => {
      const token = "O".repeat(24);
      await insertVerification(t, { identifier: FRONT + token, value: user.id });
      const mail = await mailFor({});
      assert.equal(await isLive({ ...mail, token }), false);
      assert.equal(await isLive(mail), true);
    });

    it("when another user asks, then it stays", async () => {
      const mail = await mailFor({});
      const { email } = await t.givenUser();
      await mailFor({ email });
      assert.equal(await isLive(mail), true);
    });

    it("when another is asked for, then proofs for other purposes stay", async () => {
      await insertVerification(t, { identifier: "trust-device-x", value: user.id });
      await mailFor({});
      assert.equal((await findVerifications(t, user.id)).length, 2);
    });

    it("when 20 are asked for at the same time, then exactly one is live", async () => {
      const answers = await inParallel(20, () => ask({ email: user.email }));
      assert.deepEqual(answers, { "200": 20 });
      const mails: Mail[] = [];
      for (let n = 0; n < 20; n += 1) mails.push(await outbox.next());
      const live = await Promise.all(mails.map(isLive));
      assert.equal(live.filter(Boolean).length, 1);
      assert.equal((await findVerifications(t, user.id, FRONT)).length, 1);
    });
  });

  describe("given an address that nobody has", () => {
    it("when it is asked, then the answer is the same, and nothing is mailed or left", async () => {
      const before = await t.auth.models.Verification.countDocuments();
      await ask({ email: "nobody@example.com" }).expect(200, ANSWER);
      await outbox.assertEmpty();
      assert.equal(await t.auth.models.Verification.countDocuments(), before);
    });

    it("when it is asked, then the database does the same work as for one that is known", async () => {
      const known = await t.commandsOf(() => ask({ email: user.email }));
      const unknown = await t.commandsOf(() => ask({ email: "nobody@example.com" }));
      await outbox.next();
      assert.deepEqual(known, ["find", "update", "delete"]);
      assert.deepEqual(unknown, known);
    });

    it("when it is asked, then headers are the same but for the date", async () => {
      const [known, unknown] = [
        await ask({ email: user.email }),
        await ask({ email: "nobody@example.com" }),
      ].map(({ headers }) => ({ ...(headers as object), date: "" }));
      await outbox.next();
      assert.deepEqual(unknown, known);
    });
  });

  describe("given input that is wrong", () => {
    const wrong = [{}, { email: "no address" }, { email: { $ne: "" } }, { email: ["a@b.co"] }];
    for (const body of wrong) {
      it(`when the body is ${JSON.stringify(body)}, then it answers VALIDATION_ERROR`, async () => {
        assertRefusal(await ask(body), [400, "VALIDATION_ERROR", /^\[body\.email\] /]);
      });
    }
  });

  itOutlivesACallback({
    option: "emailAndPassword.sendResetPassword",
    start: (callback) => startApp(withSender(callback)),
    async act(app) {
      const { email } = await app.givenUser();
      await request(app.server).post(PATH).send({ email }).expect(200, ANSWER);
    },
  });

  describe("given a callback that failed", () => {
    it("when the user asks again, then the mail is sent", async () => {
      let calls = 0;
      const later = await startApp(
        withSender((mail, sentFor) => {
          calls += 1;
          if (calls === 1) throw new Error("mail server is down");
          outbox.sender("retry")(mail, sentFor);
        }),
      );
      const { email } = await later.givenUser();
      for (let n = 0; n < 2; n += 1) await request(later.server).post(PATH).send({ email });
      const { token } = await outbox.next();
      await request(later.server).get(`/auth/reset-password/${token}`).expect(200, { token });
      await later.stop();
    });
  });

  describe("given options", () => {
    it("when there is no sender, then it answers RESET_PASSWORD_DISABLED", async () => {
      const without = await startApp();
      const response = await request(without.server).post(PATH).send({ email: user.email });
      assertRefusal(response, [400, "RESET_PASSWORD_DISABLED", "Reset password isn't enabled"]);
      await without.stop();
    });

    it("when resetPasswordTokenExpiresIn is given, then tokens live that long", async () => {
      const short = await startApp(
        withSender(outbox.sender("short"), {
          emailAndPassword: { resetPasswordTokenExpiresIn: 60 },
        }),
      );
      const { email } = await short.givenUser();
      await request(short.server).post(PATH).send({ email }).expect(200);
      const { token } = await outbox.next();
      const status = async () =>
        (await request(short.server).get(`/auth/reset-password/${token}`).redirects(0)).status;
      short.clock.advance(59);
      assert.equal(await status(), 200);
      short.clock.advance(2);
      assert.equal(await status(), 302);
      await short.stop();
    });
  });

  describe("given rate limits", () => {
    let limited: TestApp;
    beforeEach(async () => {
      const rateLimit = { enabled: true, customRules: { "/sign-up/*": false } } as const;
      limited = await startApp(withSender(outbox.sender("limited"), { rateLimit }));
    });
    afterEach(() => limited.stop());
    const post = (path: string, email: string) =>
      request(limited.server).post(path).send({ email });

    it("when both paths are used, then they share one bucket of 3 in 60 s", async () => {
      for (const path of [...PATHS, PATH]) await post(path, "nobody@example.com").expect(200);
      for (const path of PATHS) {
        assertRefusal(await post(path, "nobody@example.com"), [429, "TOO_MANY_REQUESTS"]);
      }
      limited.clock.advance(61);
      await post(PATH, "nobody@example.com").expect(200);
    });

    it("when a mailbox has had 5 mails in an hour, then the answer is the same without a mail", async () => {
      const { email } = await limited.givenUser();
      for (let n = 0; n < 5; n += 1) {
        await post(PATH, email).expect(200, ANSWER);
        limited.clock.advance(61);
        await outbox.next();
      }
      await post(PATH, email).expect(200, ANSWER);
      await outbox.assertEmpty();
      limited.clock.advance(3601);
      await post(PATH, email).expect(200, ANSWER);
      await outbox.next();
    });
  });
});
