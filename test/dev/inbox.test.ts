import assert from "node:assert/strict";
import express from "express";
import request from "supertest";
import { devInbox, type DevInbox } from "../../lib/dev/index.ts";
import type { SmtpMailer } from "../../lib/mail/index.ts";

const user = {
  id: "0123456789abcdef01234567",
  name: "Ada",
  email: "ada@example.com",
  emailVerified: false,
  image: null,
  createdAt: new Date(0),
  updatedAt: new Date(0),
};
const mail = { user, url: "https://app.example/auth/x?token=abc&callbackURL=%2F", token: "abc" };

describe("devInbox()", () => {
  let inbox: DevInbox;
  beforeEach(() => {
    inbox = devInbox();
  });

  function open() {
    return request(express().use("/dev/inbox", inbox.router)).get("/dev/inbox");
  }

  it("when an app takes it for a mailer, then it has the same functions", async () => {
    const mailer: SmtpMailer = inbox;
    await mailer.resetPassword(mail);
    await mailer.verification(mail);
    await mailer.changeEmailConfirmation({ ...mail, newEmail: "new@example.com" });
    await mailer.deleteAccountVerification(mail);
    await mailer.existingUserSignUp({ user });
    await mailer.twoFactorOTP({ user, otp: "402817" });
    await mailer.verify();
    await mailer.close();
    assert.deepEqual(
      inbox.mails().map(({ kind, to, url, newEmail, otp }) => [kind, to, url, newEmail, otp]),
      [
        ["twoFactorOTP", user.email, undefined, undefined, "402817"],
        ["existingUserSignUp", user.email, undefined, undefined, undefined],
        ["deleteAccountVerification", user.email, mail.url, undefined, undefined],
        ["changeEmailConfirmation", user.email, mail.url, "new@example.com", undefined],
        ["verification", user.email, mail.url, undefined, undefined],
        ["resetPassword", user.email, mail.url, undefined, undefined],
      ],
    );
  });

  it("when there are more than 50 mails, then the newest are kept", async () => {
    for (let index = 0; index < 52; index += 1) {
      await inbox.verification({ ...mail, url: `https://app.example/${index}` });
    }
    const urls = inbox.mails().map(({ url }) => url);
    assert.equal(urls.length, 50);
    assert.equal(urls[0], "https://app.example/51");
    assert.equal(urls[49], "https://app.example/2");
  });

  it("when it is opened without mails, then it says so", async () => {
    assert.match((await open().expect(200)).text, /No mails yet/);
  });

  it("when it is opened, then each mail has its subject, address, link and time", async () => {
    await inbox.changeEmailConfirmation({ ...mail, newEmail: "new@example.com" });
    const { text } = await open()
      .expect(200)
      .expect("Content-Type", /^text\/html/);
    const href = mail.url.replace("&", "&amp;");
    assert.ok(text.includes("<h2>Confirm the change of your e-mail address</h2>"));
    assert.ok(text.includes(`<a href="${href}">${href}</a>`));
    assert.ok(text.includes("To ada@example.com, <time"));
    assert.ok(text.includes(String(inbox.mails()[0]?.at.toISOString())));
    assert.ok(text.includes("New address: new@example.com"));
  });

  it("when it is a code, then the page shows it as text that a click selects", async () => {
    await inbox.twoFactorOTP({ user, otp: "402817" });
    const { text } = await open();
    assert.ok(text.includes("<h2>Your code</h2>"));
    assert.ok(text.includes("<code>402817</code>"));
    assert.match(text, /code \{[^}]*user-select: all/);
    await inbox.twoFactorOTP({ user, otp: "<script>" });
    assert.doesNotMatch((await open()).text, /<script>/);
  });

  it("when a mail holds markup, then the page shows it as text", async () => {
    const markup = `"><script>alert('1')</script>`;
    await inbox.changeEmailConfirmation({
      ...mail,
      user: { ...user, email: markup },
      url: `https://app.example/${markup}`,
      newEmail: markup,
    });
    const { text } = await open();
    assert.doesNotMatch(text, /<script|"><s|'1'/);
    assert.equal(text.split("&quot;&gt;&lt;script&gt;").length, 5);
  });

  it("when a link would run a script, then it is no link", async () => {
    await inbox.verification({ ...mail, url: "javascript:alert(1)" });
    assert.doesNotMatch((await open()).text, /href="javascript/);
  });

  it("when it is opened, then nothing may keep, frame or add to it", async () => {
    const { headers, text } = await open();
    const policy = String(headers["content-security-policy"]);
    const [, nonce = ""] = /style-src 'nonce-([^']+)'/.exec(policy) ?? [];
    assert.ok(nonce !== "" && text.includes(`<style nonce="${nonce}">`));
    assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["referrer-policy"], "no-referrer");
  });

  it("when it is opened twice, then the nonce is another one", async () => {
    const policies = [await open(), await open()].map(
      ({ headers }) => headers["content-security-policy"],
    );
    assert.notEqual(policies[0], policies[1]);
  });

  describe("given production", () => {
    const before = process.env["NODE_ENV"];
    afterEach(() => {
      if (before === undefined) delete process.env["NODE_ENV"];
      else process.env["NODE_ENV"] = before;
    });

    it("when it is made, then it refuses and names what to use", () => {
      process.env["NODE_ENV"] = "production";
      assert.throws(devInbox, { name: "TypeError", message: /not for production.*smtpMailer/ });
    });
  });
});
