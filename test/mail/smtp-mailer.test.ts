import assert from "node:assert/strict";
import { betterAuth, twoFactor, type AuthOptions } from "../../lib/index.ts";
import { smtpMailer, type SmtpMailer, type SmtpMailerOptions } from "../../lib/mail/index.ts";
import { startMailServer, type MailServer } from "../support/mail.ts";

const user = {
  id: "0123456789abcdef01234567",
  name: "Ada Lovelace",
  email: "ada@example.com",
  emailVerified: false,
  image: null,
  createdAt: new Date(0),
  updatedAt: new Date(0),
};
const token = "Zk3pQ9vT1xLw7rBn5cHd8sJf";
const url = `https://app.example/auth/reset-password/${token}?callbackURL=%2Fnew&x=1`;
const mail = { user, url, token };
const otp = "402817";
/** Says that it lives for two hours. */
const jwt = `e30.${Buffer.from('{"iat":1000,"exp":8200}').toString("base64url")}.c2ln`;

const asking = (languages: string) =>
  new Request("https://app.example/auth", { headers: { "accept-language": languages } });

describe("smtpMailer()", () => {
  let server: MailServer;
  let mailer: SmtpMailer;
  const mailers: SmtpMailer[] = [];

  /** A mailer for this server, closed at the end. */
  function make(options: Partial<SmtpMailerOptions> = {}): SmtpMailer {
    const made = smtpMailer({
      url: server.url,
      from: "Orchard <no-reply@orchard.example>",
      ...options,
    });
    mailers.push(made);
    return made;
  }

  before(async () => {
    server = await startMailServer();
    mailer = make();
  });
  afterEach(() => {
    server.refuse(null);
    server.delayMs = 0;
  });
  after(async () => {
    await Promise.all(mailers.map((made) => made.close()));
    await server.stop();
  });

  describe("given each message", () => {
    const messages: [string, (to: SmtpMailer) => Promise<void>, RegExp, RegExp, boolean][] = [
      [
        "resetPassword",
        (to) => to.resetPassword(mail),
        /^Reset your password for Orchard$/,
        /works once, and for a limited time only/,
        true,
      ],
      [
        "verification",
        (to) => to.verification({ ...mail, token: jwt }),
        /^Confirm your e-mail address for Orchard$/,
        /works for 2 hours/,
        true,
      ],
      [
        "changeEmailConfirmation",
        (to) => to.changeEmailConfirmation({ ...mail, newEmail: "ada@new.example" }),
        /^Confirm the change of your e-mail address at Orchard$/,
        /from ada@example\.com to ada@new\.example/,
        true,
      ],
      [
        "deleteAccountVerification",
        (to) => to.deleteAccountVerification(mail),
        /^Confirm the deletion of your account at Orchard$/,
        /cannot be undone/,
        true,
      ],
      [
        "existingUserSignUp",
        (to) => to.existingUserSignUp({ user }),
        /^You already have an account at Orchard$/,
        /tried to sign up at Orchard with your address ada@example\.com/,
        false,
      ],
      [
        "twoFactorOTP",
        (to) => to.twoFactorOTP({ user, otp }),
        /^402817 is your code for Orchard$/,
        /works once, and for a limited time only/,
        false,
      ],
    ];
    for (const [name, send, subject, says, hasLink] of messages) {
      it(`when it is ${name}, then it arrives complete`, async () => {
        await send(mailer);
        const got = await server.next();
        assert.deepEqual(got.envelope, {
          from: "no-reply@orchard.example",
          to: ["ada@example.com"],
        });
        assert.equal(got.from, "Orchard <no-reply@orchard.example>");
        assert.deepEqual(got.to, ["ada@example.com"]);
        assert.match(got.subject, subject);
        assert.match(got.text, /^Hello Ada Lovelace,\n/);
        assert.match(got.text, says);
        assert.match(got.text, /If (you did|it was) not/);
        assert.match(got.html, says);
        assert.equal(got.link, hasLink ? url : "");
        const buttons = [...got.html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);
        const escaped = url.replace("&", "&amp;");
        assert.deepEqual(buttons, hasLink ? [escaped, escaped] : []);
      });
    }

    it("when it is read by a machine, then it is known as one that nobody should answer", async () => {
      await mailer.resetPassword(mail);
      const { headers, html } = await server.next();
      assert.equal(headers["auto-submitted"], "auto-generated");
      assert.match(headers["content-type"] ?? "", /^multipart\/alternative/);
      assert.equal(headers["x-mailer"], undefined);
      assert.doesNotMatch(html, /<(img|script|link|iframe|table)|src=|url\(/i);
    });

    it("when the lifetimes were given, then the mail says them", async () => {
      const telling = make({
        expiresIn: { resetPassword: 3600, deleteAccountVerification: 1800, twoFactorOTP: 180 },
      });
      await telling.resetPassword(mail);
      assert.match((await server.next()).text, /works once, and for 1 hour only/);
      await telling.deleteAccountVerification(mail);
      assert.match((await server.next()).text, /works once, and for 30 minutes only/);
      await telling.twoFactorOTP({ user, otp });
      assert.match((await server.next()).text, /works once, and for 3 minutes only/);
    });

    it("when it is a code, then that stands on a line of its own, and nothing is a link", async () => {
      await mailer.twoFactorOTP({ user, otp });
      const { text, html } = await server.next();
      assert.match(text, /\n\n402817\n\n/);
      assert.match(html, /<p [^>]*>402817<\/p>/);
      assert.match(text, /If you did not try to sign in, change your password/);
      assert.doesNotMatch(text + html, /href|https?:/);
    });

    it("when it goes into the options of betterAuth(), then it fits", () => {
      const options = {
        emailAndPassword: {
          sendResetPassword: mailer.resetPassword,
          onExistingUserSignUp: mailer.existingUserSignUp,
        },
        emailVerification: { sendVerificationEmail: mailer.verification },
        user: {
          changeEmail: { sendChangeEmailConfirmation: mailer.changeEmailConfirmation },
          deleteUser: { sendDeleteAccountVerification: mailer.deleteAccountVerification },
        },
        plugins: [twoFactor({ otpOptions: { sendOTP: mailer.twoFactorOTP } })],
      } satisfies AuthOptions;
      assert.doesNotThrow(() => betterAuth({ ...options, logger: { disabled: true } }));
    });
  });

  describe("given hostile input", () => {
    it("when the name is HTML, then it is shown as it was typed", async () => {
      await mailer.resetPassword({ ...mail, user: { ...user, name: `<img src=x "o'n">&` } });
      const { text, html } = await server.next();
      assert.match(text, /^Hello <img src=x "o'n">&,/);
      assert(html.includes("Hello &lt;img src=x &quot;o&#39;n&quot;&gt;&amp;,"));
      assert(!html.includes("<img"));
    });

    it("when the name is an advertisement with a link, then it is left out", async () => {
      await mailer.verification({ ...mail, user: { ...user, name: "Win at www.evil.example" } });
      const { text, html, raw } = await server.next();
      assert.match(text, /^Hello,\n/);
      for (const part of [text, html, raw]) assert(!part.includes("evil"));
    });

    it("when name and app name hold header lines, then there is no such header", async () => {
      const evil = "Ada\r\nBcc: eve@evil.example\r\n\r\nHi";
      const named = make({ appName: `Orchard\r\nBcc: eve@evil.example\u2028x` });
      await named.resetPassword({ ...mail, user: { ...user, name: evil } });
      const { headers, envelope, subject } = await server.next();
      assert.equal(headers["bcc"], undefined);
      assert.deepEqual(envelope.to, ["ada@example.com"]);
      assert.equal(subject, "Reset your password for Orchard Bcc: eve@evil.example x");
    });

    it("when a template's subject holds header lines, then it is one line", async () => {
      const own = make({
        templates: {
          verification: {
            en: () => ({ subject: "Hi\r\nBcc: eve@evil.example\r\n\r\nbody", text: "Hello" }),
          },
        },
      });
      await own.verification(mail);
      const { headers, envelope, subject, text } = await server.next();
      assert.equal(subject, "Hi Bcc: eve@evil.example body");
      assert.equal(headers["bcc"], undefined);
      assert.deepEqual(envelope.to, ["ada@example.com"]);
      assert.equal(text.trim(), "Hello");
    });

    const addresses = [
      "ada@example.com, eve@evil.example",
      "ada@example.com>\r\nRCPT TO:<eve@evil.example",
      "Eve <eve@evil.example>",
      "friends: eve@evil.example;",
      "ada",
      "",
    ];
    for (const email of addresses) {
      it(`when the address is ${JSON.stringify(email)}, then nothing is sent`, async () => {
        const before = server.messages.length;
        await assert.rejects(mailer.resetPassword({ ...mail, user: { ...user, email } }), {
          message: "the user has an address that cannot be mailed to",
        });
        assert.equal(server.messages.length, before);
      });
    }
  });

  describe("given the reader's languages", () => {
    const cases: [string, string | undefined, RegExp][] = [
      ["nothing", undefined, /^Reset your password/],
      ["German of Austria", "de-AT,en;q=0.5", /^Neues Passwort für Orchard$/],
      ["French after an unknown one", "tlh, fr;q=0.9, en;q=0.8", /^Réinitialisation de votre/],
      ["an unknown one", "tlh", /^Reset your password/],
    ];
    for (const [name, header, subject] of cases) {
      it(`when they ask for ${name}, then the mail is in the best there is`, async () => {
        await mailer.resetPassword(mail, header === undefined ? undefined : asking(header));
        assert.match((await server.next()).subject, subject);
      });
    }

    it("when it is German or French, then every message is there and says how long it lasts", async () => {
      for (const [language, lasts] of [
        ["de", /2 Stunden lang/],
        ["fr", /2\u00a0heures/],
      ] as const) {
        const links = [
          mailer.resetPassword,
          mailer.verification,
          mailer.deleteAccountVerification,
          (from: typeof mail, request: Request) =>
            mailer.changeEmailConfirmation({ ...from, newEmail: "ada@new.example" }, request),
        ];
        for (const send of links) {
          await send({ ...mail, token: jwt }, asking(language));
          const { text, html, link } = await server.next();
          assert.match(text, lasts);
          assert.equal(link, url);
          assert(html.includes(`<html lang="${language}" dir="ltr">`));
        }
        await mailer.existingUserSignUp({ user }, asking(language));
        assert.match((await server.next()).text, /^(Guten Tag|Bonjour) Ada Lovelace,/);
      }
    });

    const codes: [string, RegExp, RegExp, RegExp][] = [
      ["de", /^402817 ist Ihr Code für Orchard$/, /nur 3 Minuten lang/, /für begrenzte Zeit/],
      ["fr", /^402817 est votre code pour Orchard$/, /3\sminutes seulement/, /une durée limitée/],
    ];
    for (const [language, says, lasts, unknown] of codes) {
      it(`when it is a code in ${language}, then it comes first, with a lifetime if that is known`, async () => {
        const telling = make({ expiresIn: { twoFactorOTP: 180 } });
        await telling.twoFactorOTP({ user, otp }, asking(language));
        const known = await server.next();
        assert.match(known.subject, says);
        assert.match(known.text, /^(Guten Tag|Bonjour) Ada Lovelace,\n[^]*\n\n402817\n\n/);
        assert.match(known.text, lasts);
        assert.match(known.text, /ändern Sie Ihr Passwort|changez votre mot de passe/);
        assert.equal(known.link, "");
        await mailer.twoFactorOTP({ user, otp }, asking(language));
        const { text } = await server.next();
        assert.match(text, unknown);
        assert.doesNotMatch(text, /minute/i);
      });
    }

    it("when only German is offered, then everyone gets German", async () => {
      await make({ languages: ["de"] }).resetPassword(mail, asking("en"));
      assert.match((await server.next()).subject, /^Neues Passwort/);
    });
  });

  describe("given templates of the app", () => {
    it("when one returns a letter, then it is laid out and escaped", async () => {
      const own = make({
        templates: {
          resetPassword: {
            it: ({ name, duration, appName }) => ({
              subject: `Nuova password per ${appName}`,
              paragraphs: [`Ciao ${name ?? ""} <3`],
              button: "Scegli",
              notes: [`Valido per ${duration ?? "?"}`],
            }),
          },
        },
        expiresIn: { resetPassword: 3600 },
      });
      await own.resetPassword(mail, asking("it-IT"));
      const { subject, text, html, link } = await server.next();
      assert.equal(subject, "Nuova password per Orchard");
      assert.match(text, /^Ciao Ada Lovelace <3\n\nScegli\nhttps/);
      assert.match(text, /Valido per 1 ora/);
      assert(html.includes("Ciao Ada Lovelace &lt;3"));
      assert.equal(link, url);
    });

    it("when one is for a code, then it is told the code and its lifetime, and shown with it", async () => {
      const own = make({
        templates: {
          twoFactorOTP: {
            it: (data) => ({
              subject: `${data.otp} per ${data.appName}`,
              paragraphs: [
                `${data.name ?? "?"}: ${data.duration ?? "?"}, ${data.expiresIn ?? "?"} s`,
              ],
              code: `<${data.otp}>`,
              notes: ["Nota"],
            }),
          },
        },
        expiresIn: { twoFactorOTP: 90 },
      });
      await own.twoFactorOTP({ user, otp }, asking("it"));
      const { subject, text, html } = await server.next();
      assert.equal(subject, "402817 per Orchard");
      assert.match(text, /^Ada Lovelace: 1 minuto, 90 s\n\n<402817>\n\nNota\n/);
      assert.match(html, /<p [^>]*>&lt;402817&gt;<\/p>/);
    });

    it("when one returns a whole mail, then it goes out as it is", async () => {
      const own = make({
        templates: {
          changeEmailConfirmation: {
            EN: (data) =>
              Promise.resolve({
                subject: `To ${data.newEmail}`,
                text: `Open https://app.example/change/${data.token}`,
                html: `<p>${data.user.name}</p>`,
              }),
          },
        },
      });
      await own.changeEmailConfirmation({ ...mail, newEmail: "ada@new.example" });
      const { subject, html, link } = await server.next();
      assert.equal(subject, "To ada@new.example");
      assert.equal(html.trim(), "<p>Ada Lovelace</p>");
      assert.equal(link, `https://app.example/change/${token}`);
    });

    it("when one returns no HTML, then the mail is text alone", async () => {
      const own = make({
        templates: { verification: { en: ({ url: to }) => ({ subject: "Hi", text: to }) } },
      });
      await own.verification(mail);
      const { headers, html, link } = await server.next();
      assert.match(headers["content-type"] ?? "", /^text\/plain/);
      assert.equal(html, "");
      assert.equal(link, url);
    });

    it("when a language has this message only, then the others fall back", async () => {
      const own = make({
        languages: ["it", "de"],
        templates: { verification: { it: () => ({ subject: "Ciao", text: "Ciao" }) } },
      });
      await own.verification(mail, asking("fr"));
      assert.equal((await server.next()).subject, "Ciao");
      await own.resetPassword(mail, asking("it"));
      assert.match((await server.next()).subject, /^Neues Passwort/);
    });

    it("when one forgets its subject, then the error names it", async () => {
      const own = make({ templates: { verification: { en: () => ({ subject: "", text: "x" }) } } });
      await assert.rejects(own.verification(mail), {
        name: "TypeError",
        message: "smtpMailer(): templates.verification.en must return a subject",
      });
    });
  });

  describe("given a server that refuses", () => {
    it("when it refuses the mail, then the reason is told, and the next mail goes out", async () => {
      server.refuse({ code: 554, text: "no more today" });
      await assert.rejects(mailer.resetPassword(mail), /127\.0\.0\.1:\d+: .*554 no more today/);
      server.refuse(null);
      await mailer.resetPassword(mail);
      assert.equal((await server.next()).link, url);
    });

    it("when it repeats the code, then the error hides it", async () => {
      server.refuse({ code: 554, text: `spam: "${otp} is your code"` });
      await assert.rejects(mailer.twoFactorOTP({ user, otp }), ({ message }: Error) => {
        assert.match(message, /554 spam: "\*\*\* is your code"$/);
        return true;
      });
    });

    it("when it repeats the link, then the error hides it", async () => {
      server.refuse({ code: 554, text: `spam: ${url} with ${token}` });
      await assert.rejects(mailer.resetPassword(mail), ({ message }: Error) => {
        assert.match(message, /554 spam: \*\*\* with \*\*\*$/);
        return true;
      });
    });
  });
});
