import assert from "node:assert/strict";
import request from "supertest";
import type { AuthOptions } from "../../lib/index.ts";
import { startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { createOutbox, until, type Outbox } from "../support/outbox.ts";
import { assertRefusal } from "../support/refusal.ts";

/** Of the contract, README §7. */
const MAX_MAILS = 5;
const HOUR = 3600;

type Limits = NonNullable<AuthOptions["rateLimit"]>;

interface MailingApp extends TestApp {
  readonly outbox: Outbox;
}

describe("mayMail", () => {
  const running: TestApp[] = [];
  /** For all tests that need no options; each has its own mailboxes. */
  let usual: MailingApp;
  before(async () => {
    usual = await start();
  });
  after(async () => {
    for (const t of running) await t.stop();
  });

  async function start(
    rateLimit: Limits = {},
    emailAndPassword: AuthOptions["emailAndPassword"] = {},
  ): Promise<MailingApp> {
    const outbox = createOutbox();
    const t = await startApp({
      emailAndPassword: { sendResetPassword: outbox.sender("reset"), ...emailAndPassword },
      emailVerification: { sendVerificationEmail: outbox.sender("verification") },
      user: { changeEmail: { enabled: true } },
      rateLimit: { enabled: true, customRules: { "/**": false }, ...rateLimit },
    });
    const app = { ...t, outbox };
    running.push(app);
    return app;
  }

  const ask = (t: TestApp, path: string, email: string) =>
    request(t.server).post(`/auth${path}`).send({ email });
  const askReset = (t: TestApp, email: string) => ask(t, "/request-password-reset", email);
  const askVerification = (t: TestApp, email: string) => ask(t, "/send-verification-email", email);

  const sentTo = ({ outbox }: MailingApp, email: string, name: string): number =>
    outbox.mails.filter((mail) => mail.name === name && mail.user.email === email).length;

  /** How many mails arrive when this many are asked for, one after the other. */
  async function countSent(t: MailingApp, name: "reset" | "verification", email: string) {
    const askOne = name === "reset" ? askReset : askVerification;
    for (let time = 0; time < MAX_MAILS + 3; time += 1) await askOne(t, email).expect(200);
    for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
    return sentTo(t, email, name);
  }

  for (const name of ["reset", "verification"] as const) {
    describe(`given ${name} mails to one mailbox`, () => {
      it("when more are asked for, then five are sent", async () => {
        const { email } = await usual.givenUser();
        assert.equal(await countSent(usual, name, email), MAX_MAILS);
      });

      it("when the address is written in other letters, then it is the same mailbox", async () => {
        const { email } = await usual.givenUser();
        await countSent(usual, name, email.toUpperCase());
        await countSent(usual, name, email);
        assert.equal(sentTo(usual, email, name), MAX_MAILS);
      });

      for (const storage of ["memory", "database"] as const) {
        it(`when fifty are asked for at once and ${storage} counts, then five are sent and all answers are the same`, async () => {
          const t = await start({ storage });
          const { email } = await t.givenUser();
          const askOne = name === "reset" ? askReset : askVerification;
          const answers = await Promise.all(Array.from({ length: 50 }, () => askOne(t, email)));
          assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
          assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
          await until(() => sentTo(t, email, name) >= MAX_MAILS, "too few mails");
          for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
          assert.equal(sentTo(t, email, name), MAX_MAILS);
        });
      }

      it("when the hour since the last counted one is over, then there are five more", async () => {
        const t = await start();
        const { email } = await t.givenUser();
        await countSent(t, name, email);
        t.clock.advance(HOUR - 60);
        await countSent(t, name, email);
        assert.equal(sentTo(t, email, name), MAX_MAILS);
        t.clock.advance(61);
        await countSent(t, name, email);
        assert.equal(sentTo(t, email, name), 2 * MAX_MAILS);
      });
    });
  }

  describe("given a mailbox whose reset mails are used up", () => {
    it("when verification mails are asked for, then they are counted apart", async () => {
      const { email } = await usual.givenUser();
      await countSent(usual, "reset", email);
      assert.equal(await countSent(usual, "verification", email), MAX_MAILS);
    });

    it("when another mailbox asks, then it has its own", async () => {
      const [first, second] = [await usual.givenUser(), await usual.givenUser()];
      await countSent(usual, "reset", first.email);
      assert.equal(await countSent(usual, "reset", second.email), MAX_MAILS);
    });

    it("when the other name of the path is asked, then nothing is sent either", async () => {
      const { email } = await usual.givenUser();
      await countSent(usual, "reset", email);
      await ask(usual, "/forget-password", email).expect(200);
      await new Promise(setImmediate);
      assert.equal(sentTo(usual, email, "reset"), MAX_MAILS);
    });

    it("when a further one is left out, then the last link that was mailed still works", async () => {
      const { email } = await usual.givenUser();
      await countSent(usual, "reset", email);
      const token = usual.outbox.mails.filter(({ user }) => user.email === email).at(-1)?.token;
      const body = { token, newPassword: "Pebble-9-lighthouse" };
      await request(usual.server).post("/auth/reset-password").send(body).expect(200);
    });

    it("when auth.api is asked, then nothing is sent either", async () => {
      const { email } = await usual.givenUser();
      await countSent(usual, "reset", email);
      await usual.auth.api.requestPasswordReset({ body: { email } });
      await new Promise(setImmediate);
      assert.equal(sentTo(usual, email, "reset"), MAX_MAILS);
    });
  });

  describe("given an address that nobody has", () => {
    it("when mails are asked for, then the answers are those of a known one, and no mail is sent", async () => {
      const { email } = await usual.givenUser();
      for (const askOne of [askReset, askVerification]) {
        for (let time = 0; time < MAX_MAILS + 2; time += 1) {
          const known = await askOne(usual, email);
          const unknown = await askOne(usual, "nobody@example.com");
          assert.deepEqual([unknown.status, unknown.text], [known.status, known.text]);
        }
      }
      assert.equal(sentTo(usual, "nobody@example.com", "reset"), 0);
    });

    it("when it is taken later, then what was asked for before counts", async () => {
      await countSent(usual, "reset", "later@example.com");
      const { email } = await usual.givenUser({ email: "later@example.com" });
      assert.equal(await countSent(usual, "reset", email), 0);
    });
  });

  describe("given verification mails of every kind", () => {
    it("when a new address is asked for by change-email, then they share the mailbox's count", async () => {
      const { cookie } = await usual.givenUser();
      const newEmail = "wanted@example.com";
      for (let time = 0; time < MAX_MAILS + 2; time += 1) {
        await request(usual.server)
          .post("/auth/change-email")
          .set({ cookie, origin: TEST_ORIGIN })
          .send({ newEmail })
          .expect(200);
      }
      for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
      assert.equal(sentTo(usual, newEmail, "verification"), MAX_MAILS);
    });

    it("when sign-up and sign-in mail too, then they share the mailbox's count, and the answers stay", async () => {
      const outbox = createOutbox();
      const t = await startApp({
        emailAndPassword: { requireEmailVerification: true },
        emailVerification: {
          sendVerificationEmail: outbox.sender("verification"),
          sendOnSignIn: true,
        },
        rateLimit: { enabled: true, customRules: { "/**": false } },
      });
      running.push(t);
      const credentials = { email: "new@example.com", password: TEST_PASSWORD };
      const body = { name: "Ada", ...credentials };
      await request(t.server).post("/auth/sign-up/email").send(body).expect(200);
      for (let time = 0; time < MAX_MAILS + 2; time += 1) {
        const answer = await request(t.server).post("/auth/sign-in/email").send(credentials);
        assertRefusal(answer, [403, "EMAIL_NOT_VERIFIED", "Email not verified"]);
      }
      for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
      assert.equal(outbox.mails.length, MAX_MAILS);
    });
  });

  describe("given sign-ups with a taken address, which are answered alike", () => {
    it("when there are many, then its owner is told no more often than that", async () => {
      const told: string[] = [];
      const onExistingUserSignUp = ({ user }: { readonly user: { readonly email: string } }) => {
        told.push(user.email);
      };
      const t = await start({}, { autoSignIn: false, onExistingUserSignUp });
      const body = { name: "Ada", email: "taken@example.com", password: TEST_PASSWORD };
      const bodies = new Set<string>();
      for (let time = 0; time < MAX_MAILS + 4; time += 1) {
        const response = await request(t.server).post("/auth/sign-up/email").send(body).expect(200);
        bodies.add(Object.keys((response.body as { user: object }).user).join());
      }
      // The first was the owner's own, which counts too: nobody shall see a difference.
      await until(() => told.length >= MAX_MAILS - 1, "too few");
      for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
      assert.deepEqual(
        told,
        Array.from({ length: MAX_MAILS - 1 }, () => body.email),
      );
      assert.equal(bodies.size, 1);
    });
  });

  describe("given other settings", () => {
    for (const [what, rateLimit, sent] of [
      ["rateLimit.mailbox is false", { mailbox: false }, MAX_MAILS + 3],
      ["rate limits are off", { enabled: false }, MAX_MAILS + 3],
      ["rateLimit.mailbox.max is 2", { mailbox: { max: 2 } }, 2],
    ] as const) {
      it(`when ${what}, then ${sent} of ${MAX_MAILS + 3} mails are sent`, async () => {
        const t = await start(rateLimit);
        const { email } = await t.givenUser();
        assert.equal(await countSent(t, "reset", email), sent);
      });
    }
  });

  describe("given a store that fails", () => {
    for (const [onStoreFailure, status, sent] of [
      ["closed", 503, 0],
      ["open", 200, 2],
    ] as const) {
      it(`when onStoreFailure is ${onStoreFailure}, then known and unknown addresses get ${status}`, async () => {
        const t = await start({ storage: "database", onStoreFailure });
        const { email } = await t.givenUser();
        const validator = { never: { $exists: true } };
        await t.database.db?.command({ collMod: "rateLimit", validator });
        for (const address of [email, "nobody@example.com", email]) {
          await askReset(t, address).expect(status);
        }
        for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
        assert.equal(sentTo(t, email, "reset"), sent);
      });
    }

    it("when someone signs up and onStoreFailure is closed, then it answers 503 and stores nobody", async () => {
      const t = await start({ storage: "database" }, { requireEmailVerification: true });
      await t.auth.ready();
      const validator = { never: { $exists: true } };
      await t.database.db?.command({ collMod: "rateLimit", validator });
      const body = { name: "Ada", email: "ada@example.com", password: TEST_PASSWORD };
      await request(t.server).post("/auth/sign-up/email").send(body).expect(503);
      assert.equal(await t.database.collection("user").countDocuments(), 0);
    });
  });
});
