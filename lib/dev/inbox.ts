import { randomBytes } from "node:crypto";
import { Router } from "express";
import { pagePolicy, securityHeaders } from "../middleware/security-headers.ts";
import type { Mail, UserLike } from "../options.ts";
import { escapeHtml, htmlPage } from "../services/page.ts";

/** What the mails are about, by the function that takes them. */
const SUBJECTS = {
  resetPassword: "Reset your password",
  verification: "Verify your e-mail address",
  changeEmailConfirmation: "Confirm the change of your e-mail address",
  deleteAccountVerification: "Confirm the deletion of your account",
  existingUserSignUp: "Someone tried to sign up with your address",
  twoFactorOTP: "Your code",
} as const;

/** A mail in the inbox. */
export interface InboxMail {
  /** Name of the function that took it. */
  readonly kind: keyof typeof SUBJECTS;
  readonly to: string;
  readonly subject: string;
  /** Undefined: a mail without link. */
  readonly url: string | undefined;
  /** The address that shall replace `to`; undefined when none shall. */
  readonly newEmail: string | undefined;
  /** Undefined: a mail without code. */
  readonly otp: string | undefined;
  readonly at: Date;
}

/** Keeps mails instead of sending them. Its functions are those of `smtpMailer()`, so either can stand for the other. */
export interface DevInbox {
  /** `emailAndPassword.sendResetPassword` */
  readonly resetPassword: (mail: Mail) => Promise<void>;
  /** `emailVerification.sendVerificationEmail` */
  readonly verification: (mail: Mail) => Promise<void>;
  /** `user.changeEmail.sendChangeEmailConfirmation` */
  readonly changeEmailConfirmation: (mail: Mail & { readonly newEmail: string }) => Promise<void>;
  /** `user.deleteUser.sendDeleteAccountVerification` */
  readonly deleteAccountVerification: (mail: Mail) => Promise<void>;
  /** `emailAndPassword.onExistingUserSignUp` */
  readonly existingUserSignUp: (event: { readonly user: UserLike }) => Promise<void>;
  /** `otpOptions.sendOTP` of `twoFactor()` */
  readonly twoFactorOTP: (event: {
    readonly user: UserLike;
    readonly otp: string;
  }) => Promise<void>;
  /** Nothing to connect to. */
  readonly verify: () => Promise<void>;
  /** Nothing to end. */
  readonly close: () => Promise<void>;
  /** Newest first. */
  readonly mails: () => readonly InboxMail[];
  /** The page with the mails: `app.use("/dev/inbox", inbox.router)`. Whoever can open it can use the links and codes. */
  readonly router: Router;
}

/** What the functions are handed, of which the inbox keeps a part. */
interface Content {
  readonly user: UserLike;
  readonly url?: string;
  readonly newEmail?: string;
  readonly otp?: string;
}

const MAX_MAILS = 50;

const STYLE = `body { max-width: 46rem; margin: auto; padding: 1.5rem 1rem; overflow-wrap: anywhere }
ol { list-style: none; padding: 0 }
li { padding: 1rem 0; border-top: 1px solid GrayText }
h2 { font-size: 1.1rem; margin: 0 }
p { margin: .25rem 0 }
code { font-size: 1.5rem; user-select: all }`;

/**
 * Makes an inbox for development: the last 50 mails of the library, in memory, and a page that shows them.
 *
 * @throws TypeError where NODE_ENV is production: the page would give every account away
 */
export function devInbox(): DevInbox {
  if (process.env["NODE_ENV"] === "production") {
    throw new TypeError(
      "devInbox() shows everyone's mails and is not for production: send them, e.g. with smtpMailer() of better-auth-express/mail",
    );
  }
  const mails: InboxMail[] = [];

  const keep = (kind: InboxMail["kind"]) => (content: Content) => {
    const { user, url, newEmail, otp } = content;
    mails.unshift({
      kind,
      to: user.email,
      subject: SUBJECTS[kind],
      url,
      newEmail,
      otp,
      at: new Date(),
    });
    mails.length = Math.min(mails.length, MAX_MAILS);
    return Promise.resolve();
  };

  return {
    resetPassword: keep("resetPassword"),
    verification: keep("verification"),
    changeEmailConfirmation: keep("changeEmailConfirmation"),
    deleteAccountVerification: keep("deleteAccountVerification"),
    existingUserSignUp: keep("existingUserSignUp"),
    twoFactorOTP: keep("twoFactorOTP"),
    verify: () => Promise.resolve(),
    close: () => Promise.resolve(),
    mails: () => [...mails],
    router: routerOf(mails),
  };
}

function routerOf(mails: readonly InboxMail[]): Router {
  const router = Router();
  router.use(securityHeaders());
  router.get("/", (req, res) => {
    const nonce = randomBytes(16).toString("base64");
    pagePolicy(nonce)(req, res, () => {
      res.type("html").send(pageOf(mails, nonce));
    });
  });
  return router;
}

function pageOf(mails: readonly InboxMail[], nonce: string): string {
  const list = mails.length === 0 ? "<p>No mails yet.</p>" : `<ol>${mails.map(row).join("")}</ol>`;
  const content = `<h1>Inbox</h1>
<p>Mails to everyone, newest first. They are kept in memory and sent to nobody. <a href="">Reload</a></p>
${list}`;
  return htmlPage({ title: "Inbox", nonce, style: STYLE, content });
}

function row({ subject, to, newEmail, otp, url, at }: InboxMail): string {
  const time = at.toISOString();
  return `<li>
<h2>${escapeHtml(subject)}</h2>
<p>To ${escapeHtml(to)}, <time datetime="${time}">${time}</time></p>
${newEmail === undefined ? "" : `<p>New address: ${escapeHtml(newEmail)}</p>`}
${otp === undefined ? "" : `<p><code>${escapeHtml(otp)}</code></p>`}
${url === undefined ? "" : `<p>${link(url)}</p>`}
</li>`;
}

/** Only what opens a page is a link. */
function link(url: string): string {
  const text = escapeHtml(url);
  return /^https?:\/\//i.test(url) ? `<a href="${text}">${text}</a>` : text;
}
