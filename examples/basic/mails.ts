import { devInbox, type DevInbox } from "better-auth-express/dev";
import { smtpMailer, type SmtpMailer } from "better-auth-express/mail";

/** Where the inbox is shown. */
export const INBOX = "/dev/inbox";

/** Who takes the mails. */
export interface DemoMails {
  readonly mailer: SmtpMailer | DevInbox;
  /** Null when mails are sent. */
  readonly inbox: DevInbox | null;
}

/**
 * Sends mails through SMTP_URL; without it they are shown on a page.
 *
 * @throws TypeError in production without SMTP_URL, and for a wrong one
 */
export function demoMails(): DemoMails {
  const { SMTP_URL: url = "", MAIL_FROM: from = "Demo <no-reply@example.com>" } = process.env;
  if (url !== "") return { mailer: smtpMailer({ url, from }), inbox: null };
  const inbox = devInbox();
  return { mailer: inbox, inbox };
}
