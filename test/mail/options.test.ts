import assert from "node:assert/strict";
import { smtpMailer, type SmtpMailerOptions } from "../../lib/mail/index.ts";
import { readOptions } from "../../lib/mail/options.ts";

const given = {
  url: "smtp://ada:s3cret@mail.example.com:2525",
  from: "Orchard <no-reply@orchard.example>",
};

/** Lets anything through the compiler, as JavaScript callers can. */
function isUnchecked(options: unknown): options is SmtpMailerOptions {
  return options !== readOptions;
}

function messageOf(options: unknown): string {
  assert(isUnchecked(options));
  try {
    smtpMailer(options);
  } catch (error) {
    assert(error instanceof TypeError, String(error));
    return error.message;
  }
  return assert.fail("nothing was thrown");
}

describe("smtpMailer() options", () => {
  describe("given a URL", () => {
    const server = (url: string) => {
      const { host, port, secure, auth, requireTLS } = readOptions({ ...given, url }).server;
      return { host, port, secure, auth, requireTLS };
    };
    const none = { auth: undefined, requireTLS: false };
    const auth = { user: "a@b", pass: "p:/%" };
    const cases = [
      ["smtp://mail.example.com", { host: "mail.example.com", port: 587, secure: false, ...none }],
      ["smtps://mail.example.com/", { host: "mail.example.com", port: 465, secure: true, ...none }],
      ["smtp://[::1]:25", { host: "::1", port: 25, secure: false, ...none }],
      [
        "smtp://a%40b:p%3A%2F%25@mail.example.com",
        { host: "mail.example.com", port: 587, secure: false, auth, requireTLS: true },
      ],
      [
        "smtp://a%40b:p%3A%2F%25@127.0.0.1:1025",
        { host: "127.0.0.1", port: 1025, secure: false, auth, requireTLS: false },
      ],
    ] as const;
    for (const [url, expected] of cases) {
      it(`when it is ${url}, then it is read`, () => {
        assert.deepEqual(server(url), expected);
      });
    }

    const wrong = [
      undefined,
      "",
      "mail.example.com:587",
      "http://mail.example.com",
      "smtp://",
      "smtp://s3cret#@mail.example.com",
      "smtp://ada:s3cret%@mail.example.com",
      "smtp://ada:s3cret@mail.example.com/path",
      "smtp://ada:s3cret@mail.example.com?tls.rejectUnauthorized=false",
    ];
    for (const url of wrong) {
      it(`when it is ${JSON.stringify(url)}, then it is refused without being shown`, () => {
        const message = messageOf({ ...given, url });
        assert.match(message, /^smtpMailer\(\): url must be smtp:\/\/ or smtps:\/\//);
        assert.match(message, /such as smtp:\/\/user:password@smtp\.example\.com:587, got/);
        assert.doesNotMatch(message, /s3cret|mail\.example/);
      });
    }
  });

  describe("given a sender", () => {
    it("when it is an address alone, then its domain names the app", () => {
      const { from, appName } = readOptions({ ...given, from: "no-reply@orchard.example" });
      assert.deepEqual(from, { name: "", address: "no-reply@orchard.example" });
      assert.equal(appName, "orchard.example");
    });

    it("when it has a name, then that names the app, unless appName does", () => {
      assert.equal(readOptions(given).appName, "Orchard");
      assert.equal(readOptions({ ...given, appName: " Pear " }).appName, "Pear");
    });

    const wrong = [
      "",
      "Orchard",
      "a@b.example, c@d.example",
      "Friends: a@b.example;",
      "Orchard <a@b.example>\r\nBcc: c@d.example",
      "Orchard <a b@c.example>",
    ];
    for (const from of wrong) {
      it(`when it is ${JSON.stringify(from)}, then it is refused`, () => {
        assert.match(messageOf({ ...given, from }), /^smtpMailer\(\): from must be one address/);
      });
    }
  });

  describe("given other options", () => {
    const letter = () => ({ subject: "Ciao", paragraphs: [] });
    const wrong: [string, object, RegExp][] = [
      ["appName is empty", { appName: " " }, /appName must be a text that is not empty/],
      ["languages is empty", { languages: [] }, /languages must be an array of at least one/],
      ["a language is no tag", { languages: ["e!"] }, /languages\[0\] must be a language tag/],
      ["a language has no message", { languages: ["en", "it"] }, /languages contains "it"/],
      ["a message is unknown", { templates: { welcome: {} } }, /templates has no option "welcome"/],
      [
        "a template is no function",
        { templates: { resetPassword: { it: "Ciao" } } },
        /templates\.resetPassword\.it must be a function, got a text/,
      ],
      [
        "a template's language is no tag",
        { templates: { resetPassword: { "e!": letter } } },
        /templates\.resetPassword\["e!"\] must be a language tag/,
      ],
      ["a lifetime is 0", { expiresIn: { resetPassword: 0 } }, /expiresIn\.resetPassword must be/],
      [
        "a lifetime is in minutes",
        { expiresIn: { twoFactorOTP: 0.5 } },
        /twoFactorOTP must be a who/,
      ],
      ["a lifetime is for no message", { expiresIn: { reset: 1 } }, /expiresIn has no option "re/],
      ["requireTLS is a text", { requireTLS: "no" }, /requireTLS must be true or false/],
      ["tls is a text", { tls: "no" }, /tls must be an object/],
      ["timeoutMs is 0", { timeoutMs: 0 }, /timeoutMs must be at least 1/],
      ["timeoutMs is endless", { timeoutMs: Infinity }, /timeoutMs must be a whole number/],
      ["an option is unknown", { form: "x" }, /the options object has no option "form"/],
    ];
    for (const [name, options, message] of wrong) {
      it(`when ${name}, then it is refused by name`, () => {
        assert.match(messageOf({ ...given, ...options }), message);
      });
    }

    it("when several are wrong, then all are named", () => {
      assert.match(messageOf({ url: 1, from: 2 }), /url must be .* got 1; from must be .* got 2$/);
    });

    it("when templates add languages, then these come after the built-in ones", () => {
      const templates = { verification: { "pt-BR": letter, it: letter } };
      const { languages } = readOptions({ ...given, templates });
      assert.deepEqual(languages, ["en", "de", "fr", "pt-br", "it"]);
    });
  });
});
