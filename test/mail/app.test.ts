import assert from "node:assert/strict";
import request from "supertest";
import { smtpMailer, type SmtpMailer } from "../../lib/mail/index.ts";
import { startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { startMailServer, type MailServer } from "../support/mail.ts";

describe("smtpMailer() in an app", () => {
  let server: MailServer;
  let mailer: SmtpMailer;
  let t: TestApp;
  before(async () => {
    server = await startMailServer();
    mailer = smtpMailer({ url: server.url, from: "Orchard <no-reply@orchard.example>" });
    t = await startApp({
      emailVerification: { sendVerificationEmail: mailer.verification, sendOnSignUp: true },
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
