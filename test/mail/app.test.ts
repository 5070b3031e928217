import assert from "node:assert/strict";
import request from "supertest";
import { twoFactor } from "../../lib/index.ts";
import { smtpMailer, type SmtpMailer } from "../../lib/mail/index.ts";
import { startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { startMailServer, type MailServer } from "../support/mail.ts";
import { call, cookiesAfter, givenPending, givenSentCodes, userOf } from "../support/two-factor.ts";

describe("smtpMailer() in an app", () => {
  let server: MailServer;
  let mailer: SmtpMailer;
  let t: TestApp;
  before(async () => {
    server = await startMailServer();
    mailer = smtpMailer({ url: server.url, from: "Orchard <no-reply@orchard.example>" });
    t = await startApp({
      emailVerification: { sendVerificationEmail: mailer.verification, sendOnSignUp: true },
      plugins: [twoFactor({ otpOptions: { sendOTP: mailer.twoFactorOTP } })],
    });
  });
  after(async () => {
    await t.stop();
    await mailer.close();
    await server.stop();
  });

  const signUp = (email: string) =>
    request(t.server)
      .post("/auth/sign-up/email")
      .set("accept-language", "de-CH, de;q=0.9, en;q=0.5")
      .send({ name: "Ada", email, password: TEST_PASSWORD });

  it("when someone signs up, then the mail is in their language, and its link verifies them", async () => {
    await signUp("ada@example.com").expect(200);
    const { subject, text, link, envelope } = await server.next();
    assert.deepEqual(envelope.to, ["ada@example.com"]);
    assert.equal(subject, "Bestätigen Sie Ihre E-Mail-Adresse für Orchard");
    assert.match(text, /Der Link gilt 1 Stunde lang/);
    assert(link.startsWith(`${TEST_ORIGIN}/auth/verify-email?token=`), link);
    await request(t.server).get(link.slice(TEST_ORIGIN.length)).redirects(0).expect(302);
    const [user] = await t.database.collection("user").find({ email: "ada@example.com" }).toArray();
    assert.equal(user?.["emailVerified"], true);
  });

  it("when a sign-in asks for a code, then the mail has it in their language, and it signs in", async () => {
    const user = await givenSentCodes(t);
    assert.match((await server.next()).subject, /^Confirm your e-mail address/);
    const pending = await givenPending(t, user);
    const asked = call(t, "send-otp", pending).set("accept-language", "fr-CA");
    await asked.expect(200, { status: true });
    const { subject, link, envelope } = await server.next();
    assert.deepEqual(envelope.to, [user.email]);
    const [code = ""] = /^\d{6}(?= est votre code pour Orchard$)/.exec(subject) ?? [];
    assert.equal(link, "");
    const answer = await call(t, "verify-otp", pending, { code }).expect(200);
    assert.equal(await userOf(t, cookiesAfter(pending, answer)), user.id);
  });

  it("when the server refuses the mail, then the answer is the same and the log names the option", async () => {
    server.refuse({ code: 451, text: "try again later" });
    await signUp("bob@example.com").expect(200);
    const end = Date.now() + 3000;
    while (t.logged.length === 0 && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.match(t.logged.join("\n"), /error: emailVerification\.sendVerificationEmail failed/);
  });
});
