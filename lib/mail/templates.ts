import type { UserLike } from "../options.ts";

/** What every template is told. */
export interface MailData {
  readonly appName: string;
  /** The language asked for, lower case, e.g. `"de"`. */
  readonly language: string;
  /** As the callback of the library received it. Its name is whatever someone typed: greet with `name` instead. */
  readonly user: UserLike;
  /** The user's name; undefined when it is empty, very long, or looks like an address or a link. */
  readonly name: string | undefined;
}

/** How long the link or code of a mail lasts. */
export interface Lifetime {
  /** Seconds; undefined when unknown. */
  readonly expiresIn: number | undefined;
  /** The same in words of the language, never more than it is: `"1 hour"`. */
  readonly duration: string | undefined;
}

/** What templates of mails with a link are told besides. */
export interface LinkData extends Lifetime {
  /** Contains the token. */
  readonly url: string;
  /** For links of the app's own. */
  readonly token: string;
}

/** What templates of mails with a code are told besides. */
export interface CodeData extends Lifetime {
  /** Digits. */
  readonly otp: string;
}

/** Each message, and what its template is told besides {@link MailData}. */
export interface MailExtras {
  readonly resetPassword: LinkData;
  readonly verification: LinkData;
  /** Goes to the old address. */
  readonly changeEmailConfirmation: LinkData & { readonly newEmail: string };
  readonly deleteAccountVerification: LinkData;
  /** Has no link. */
  readonly existingUserSignUp: object;
  /** Has no link. */
  readonly twoFactorOTP: CodeData;
}

/** Name of a mail. */
export type MessageName = keyof MailExtras;

/** All of them. */
export const MESSAGES = [
  "resetPassword",
  "verification",
  "changeEmailConfirmation",
  "deleteAccountVerification",
  "existingUserSignUp",
  "twoFactorOTP",
] as const satisfies readonly MessageName[];

/** The words of a mail as plain text; HTML and text are made of them, and everything is escaped. */
export interface Letter {
  /** Line breaks in it become spaces. */
  readonly subject: string;
  /** Above code and button. */
  readonly paragraphs: readonly string[];
  /** Shown large below the paragraphs, on a line of its own. Default: none. */
  readonly code?: string | undefined;
  /** Words on the button that opens the link. Without them there is neither button nor link. */
  readonly button?: string | undefined;
  /** Introduces the link written out below the button. Default: none. */
  readonly linkNote?: string | undefined;
  /** Small print at the end, one paragraph each. Default: none. */
  readonly notes?: readonly string[] | undefined;
}

/** A mail that is complete as it is. */
export interface WholeMail {
  /** Line breaks in it become spaces. */
  readonly subject: string;
  readonly text: string;
  /** A whole HTML document; what comes from users must go through `escapeHtml`. Default: none, text alone. */
  readonly html?: string | undefined;
}

/** Writes one message in one language. */
export type Template<M extends MessageName> = (
  data: MailData & MailExtras[M],
) => Letter | WholeMail | Promise<Letter | WholeMail>;

/** Templates by message and language tag, e.g. `{ resetPassword: { it: (data) => ({ … }) } }`. */
export type Templates = {
  readonly [M in MessageName]?: Readonly<Record<string, Template<M>>> | undefined;
};

/** All messages in one language. */
export type Letters = { readonly [M in MessageName]: (data: MailData & MailExtras[M]) => Letter };
