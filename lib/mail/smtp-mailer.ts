import type { Mail, UserLike } from "../options.ts";
import { isAddress } from "./address.ts";
import { openGate } from "./gate.ts";
import { inWords, pickLanguage } from "./language.ts";
import { layOut, oneLine } from "./layout.ts";
import { greetingName, lifetimeOf } from "./mail-data.ts";
import { readOptions, type Settings, type SmtpMailerOptions } from "./options.ts";
import type {
  CodeData,
  Letter,
  Lifetime,
  LinkData,
  MailExtras,
  MessageName,
  WholeMail,
} from "./templates.ts";
import { openTransport } from "./transport.ts";

/**
 * Sends the mails of the library. Each function fits the option named beside it; it rejects with the reason when the
 * mail could not be handed to the server.
 */
export interface SmtpMailer {
  /** `emailAndPassword.sendResetPassword` */
  readonly resetPassword: (mail: Mail, request?: Request) => Promise<void>;
  /** `emailVerification.sendVerificationEmail` */
  readonly verification: (mail: Mail, request?: Request) => Promise<void>;
  /** `user.changeEmail.sendChangeEmailConfirmation` */
  readonly changeEmailConfirmation: (
    mail: Mail & { readonly newEmail: string },
    request?: Request,
  ) => Promise<void>;
  /** `user.deleteUser.sendDeleteAccountVerification` */
  readonly deleteAccountVerification: (mail: Mail, request?: Request) => Promise<void>;
  /** `emailAndPassword.onExistingUserSignUp` */
  readonly existingUserSignUp: (
    event: { readonly user: UserLike },
    request?: Request,
  ) => Promise<void>;
  /** `otpOptions.sendOTP` of `twoFactor()` */
  readonly twoFactorOTP: (
    event: { readonly user: UserLike; readonly otp: string },
    request?: Request,
  ) => Promise<void>;
  /** Connects and signs in once, to find a wrong `url` at start. Rejects with the reason. */
  readonly verify: () => Promise<void>;
  /** Waits for the mails under way, then ends the connections; mails handed in later are rejected. */
  readonly close: () => Promise<void>;
}

/** What a message is about. */
interface Occasion<M extends MessageName> {
  readonly user: UserLike;
  readonly request: Request | undefined;
  /** Where the button leads. Default: a mail without link. */
  readonly url?: string;
  /** Parts of the mail that no log may show. Default: none. */
  readonly secrets?: readonly string[];
  readonly extras: (language: string) => MailExtras[M];
}

/**
 * Makes the mail callbacks of the library from an SMTP server: HTML and text, in the language of the reader's browser.
 *
 * Nothing is connected before the first mail. Connections are kept for further mails until `close()`.
 *
 * @throws TypeError naming the option that is wrong
 */
export function smtpMailer(options: SmtpMailerOptions): SmtpMailer {
  const settings = readOptions(options);
  const transport = openTransport(settings);
  const gate = openGate("the mailer is closed");

  const send = <M extends MessageName>(message: M, occasion: Occasion<M>): Promise<void> =>
    gate.pass(() => write(message, occasion));

  async function write<M extends MessageName>(message: M, occasion: Occasion<M>): Promise<void> {
    const { user, request, url, secrets = [], extras } = occasion;
    if (!isAddress(user.email)) throw new Error("the user has an address that cannot be mailed to");
    const language = languageOf(settings, message, request);
    const template = settings.templates[message].get(language);
    if (template === undefined) throw new Error(`there is no ${message} mail in ${language}`);
    const { appName } = settings;
    const data = { appName, language, user, name: greetingName(user.name), ...extras(language) };
    const written = checked(await template(data), `templates.${message}.${language}`);
    const mail = "text" in written ? written : layOut(written, { appName, language, url });
    await transport.send({ ...mail, subject: oneLine(mail.subject), to: user.email, secrets });
  }

  /** What all mails with a link have in common. */
  function about(message: MessageName, { user, url, token }: Mail, request: Request | undefined) {
    const expiresIn = settings.expiresIn[message] ?? lifetimeOf(token);
    const extras = (language: string): LinkData => {
      return { url, token, ...lifetimeIn(language, expiresIn) };
    };
    return { user, request, url, secrets: [url, token], extras };
  }

  const sendLink =
    (message: "resetPassword" | "verification" | "deleteAccountVerification") =>
    (mail: Mail, request?: Request) =>
      send(message, about(message, mail, request));

  return {
    resetPassword: sendLink("resetPassword"),
    verification: sendLink("verification"),
    changeEmailConfirmation(mail, request) {
      const occasion = about("changeEmailConfirmation", mail, request);
      const { newEmail } = mail;
      const extras = (language: string) => ({ ...occasion.extras(language), newEmail });
      return send("changeEmailConfirmation", { ...occasion, extras });
    },
    deleteAccountVerification: sendLink("deleteAccountVerification"),
    existingUserSignUp: ({ user }, request) =>
      send("existingUserSignUp", { user, request, extras: () => ({}) }),
    twoFactorOTP({ user, otp }, request) {
      const { twoFactorOTP: expiresIn } = settings.expiresIn;
      const extras = (language: string): CodeData => {
        return { otp, ...lifetimeIn(language, expiresIn) };
      };
      return send("twoFactorOTP", { user, request, secrets: [otp], extras });
    },
    verify: () => gate.pass(transport.verify),
    async close() {
      await gate.close();
      transport.close();
    },
  };
}

function lifetimeIn(language: string, expiresIn: number | undefined): Lifetime {
  return {
    expiresIn,
    duration: expiresIn === undefined ? undefined : inWords(expiresIn, language),
  };
}

/** The reader's language if the message is there in it, else the first of `languages`, at last English. */
function languageOf(
  { languages, templates }: Settings,
  message: MessageName,
  request: Request | undefined,
): string {
  const available = languages.filter((tag) => templates[message].has(tag));
  return (
    pickLanguage(request?.headers.get("accept-language"), available) ?? available[0] ?? LAST_RESORT
  );
}

/** There every message is built in. */
const LAST_RESORT = "en";

/**
 * What a template of the app returned.
 *
 * @throws TypeError naming the template, when a part is missing
 */
function checked(mail: Letter | WholeMail | undefined, name: string): Letter | WholeMail {
  const must = (what: string) => new TypeError(`smtpMailer(): ${name} must return ${what}`);
  if (mail === undefined) throw must("a mail");
  if (typeof mail.subject !== "string" || oneLine(mail.subject) === "") throw must("a subject");
  const isComplete =
    "text" in mail ? typeof mail.text === "string" : Array.isArray(mail.paragraphs);
  if (!isComplete) throw must("text or paragraphs");
  return mail;
}
