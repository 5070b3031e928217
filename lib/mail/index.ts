/** Mails for the callbacks of the library, sent by SMTP; nothing of the library itself imports them. */
export { escapeHtml } from "./layout.ts";
export type { SmtpMailerOptions } from "./options.ts";
export { smtpMailer, type SmtpMailer } from "./smtp-mailer.ts";
export type {
  CodeData,
  Letter,
  Lifetime,
  LinkData,
  MailData,
  MailExtras,
  MessageName,
  Template,
  Templates,
  WholeMail,
} from "./templates.ts";
