import type { ConnectionOptions } from "node:tls";
import { z } from "zod";
import { parseMailbox } from "./address.ts";
import { builtIn } from "./letters/built-in.ts";
import { isLoopback, parseServerUrl, type MailServer } from "./server-url.ts";
import { MESSAGES, type MessageName, type Template, type Templates } from "./templates.ts";

/** Options of `smtpMailer()`. */
export interface SmtpMailerOptions {
  /**
   * `smtp://user:password@smtp.example.com:587` (STARTTLS where the server has it), or `smtps://…` (TLS from the first
   * byte). User name and password are percent-encoded. Default port: 587, with smtps 465. Default: none, required.
   */
  readonly url: string | undefined;
  /** Sender, `"App <no-reply@example.com>"` or the address alone. Default: none, required. */
  readonly from: string;
  /** Name of the app in the mails. Default: the name in `from`, else the domain of its address. */
  readonly appName?: string | undefined;
  /**
   * Languages that mails may have, the first for readers who ask for none of them. Default: `["en", "de", "fr"]`, and
   * those of `templates`. A message that lacks all of them goes out in English.
   */
  readonly languages?: readonly string[] | undefined;
  /** Replaces messages, or adds languages. Default: `{}`, the built-in ones. */
  readonly templates?: Templates | undefined;
  /**
   * Lifetimes of links and codes in seconds, for the words in the mail: what the library was given as
   * `emailAndPassword.resetPasswordTokenExpiresIn`, `user.deleteUser.deleteTokenExpiresIn` and, there in minutes,
   * `otpOptions.period` of `twoFactor()`. The other links say it themselves. Default: `{}`; the mail then says that
   * the time is limited.
   */
  readonly expiresIn?:
    | {
        /** Seconds. Default: unknown. */
        readonly resetPassword?: number | undefined;
        /** Seconds. Default: unknown. */
        readonly deleteAccountVerification?: number | undefined;
        /** Seconds. Default: unknown. */
        readonly twoFactorOTP?: number | undefined;
      }
    | undefined;
  /**
   * Sends nothing over a connection without TLS. Default: true when `url` has a password and its host is not this
   * machine, because whoever can drop the server's offer of STARTTLS could read the password.
   */
  readonly requireTLS?: boolean | undefined;
  /** For TLS, e.g. `{ ca }` of a private authority. Default: `{}`, known authorities and the host's own certificate. */
  readonly tls?: ConnectionOptions | undefined;
  /** Greatest time for one mail in milliseconds, with the wait for a free connection. Default: 10000. */
  readonly timeoutMs?: number | undefined;
}

/** The templates of one message by language, lower case. */
type ByLanguage<M extends MessageName> = ReadonlyMap<string, Template<M>>;

/** The options, checked, with every default filled in. */
export interface Settings {
  readonly server: MailServer & {
    readonly requireTLS: boolean;
    readonly tls: ConnectionOptions;
  };
  readonly from: { readonly name: string; readonly address: string };
  readonly appName: string;
  /** Lower case, at least one. */
  readonly languages: readonly string[];
  readonly templates: { readonly [M in MessageName]: ByLanguage<M> };
  readonly expiresIn: Partial<Readonly<Record<MessageName, number | undefined>>>;
  readonly timeoutMs: number;
}

/** Timers of Node count no further. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** A text that `parse` understands. */
function parsed<T>(parse: (text: string) => T | undefined, rule: string) {
  return z.string(rule).transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: rule, input: text });
    return z.NEVER;
  });
}

const language = parsed(
  (tag) => (isLanguageTag(tag) ? tag.toLowerCase() : undefined),
  'a language tag such as "de" or "pt-BR"',
);
const seconds = z.int("a whole number of seconds").min(1, "at least 1 second").optional();

function templatesOf<M extends MessageName>(_message: M) {
  const isTemplate = (value: unknown): boolean => typeof value === "function";
  return z
    .record(language, z.custom<Template<M>>(isTemplate, "a function"), "an object of functions")
    .optional();
}

const schema = z.strictObject(
  {
    url: parsed(
      parseServerUrl,
      "smtp:// or smtps:// with host, port and percent-encoded user name and password, such as " +
        "smtp://user:password@smtp.example.com:587",
    ),
    from: parsed(parseMailbox, 'one address, such as "App <no-reply@example.com>"'),
    appName: z.string("a text").trim().min(1, "a text that is not empty").optional(),
    languages: z.array(language, "an array").min(1, "an array of at least one language").optional(),
    templates: z
      .strictObject(
        {
          resetPassword: templatesOf("resetPassword"),
          verification: templatesOf("verification"),
          changeEmailConfirmation: templatesOf("changeEmailConfirmation"),
          deleteAccountVerification: templatesOf("deleteAccountVerification"),
          existingUserSignUp: templatesOf("existingUserSignUp"),
          twoFactorOTP: templatesOf("twoFactorOTP"),
        },
        "an object",
      )
      .default({}),
    expiresIn: z
      .strictObject(
        { resetPassword: seconds, deleteAccountVerification: seconds, twoFactorOTP: seconds },
        "an object",
      )
      .default({}),
    requireTLS: z.boolean("true or false").optional(),
    tls: z
      .custom<ConnectionOptions>(
        (value) => typeof value === "object" && value !== null,
        "an object",
      )
      .default({}),
    timeoutMs: z
      .int("a whole number of milliseconds")
      .min(1, "at least 1 millisecond")
      .max(MAX_TIMEOUT_MS, `at most ${MAX_TIMEOUT_MS} milliseconds`)
      .default(10_000),
  },
  "an object",
);

/**
 * Checks the options once.
 *
 * @throws TypeError naming each wrong option and what to pass; it never shows a text that was given
 */
export function readOptions(options: SmtpMailerOptions): Settings {
  const result = schema.safeParse(options, { reportInput: true, jitless: true });
  if (!result.success) throw wrong(result.error.issues.map(explain).join("; "));
  const {
    url: server,
    from,
    appName,
    languages,
    templates,
    requireTLS,
    tls,
    ...rest
  } = result.data;
  const all = mergeTemplates(templates);
  const known = [...new Set(MESSAGES.flatMap((message) => [...all[message].keys()]))];
  const unknown = languages?.find((tag) => !known.includes(tag));
  if (unknown !== undefined) {
    throw wrong(
      `languages contains "${unknown}", in which there is no message; add it to templates`,
    );
  }
  return {
    ...rest,
    server: {
      ...server,
      requireTLS: requireTLS ?? (server.auth !== undefined && !isLoopback(server.host)),
      tls,
    },
    from,
    appName: appName ?? (from.name === "" ? domainOf(from.address) : from.name),
    languages: languages ?? known,
    templates: all,
  };
}

/** The given templates over the built-in ones. */
function mergeTemplates(given: Templates): Settings["templates"] {
  const merge = <M extends MessageName>(message: M): ByLanguage<M> => {
    const merged = new Map<string, Template<M>>();
    for (const [tag, letters] of Object.entries(builtIn)) merged.set(tag, letters[message]);
    const own: Readonly<Record<string, Template<M>>> = given[message] ?? {};
    for (const [tag, template] of Object.entries(own)) merged.set(tag, template);
    return merged;
  };
  return {
    resetPassword: merge("resetPassword"),
    verification: merge("verification"),
    changeEmailConfirmation: merge("changeEmailConfirmation"),
    deleteAccountVerification: merge("deleteAccountVerification"),
    existingUserSignUp: merge("existingUserSignUp"),
    twoFactorOTP: merge("twoFactorOTP"),
  };
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

function isLanguageTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

function wrong(message: string): TypeError {
  return new TypeError(`smtpMailer(): ${message}`);
}

function explain(issue: z.core.$ZodIssue): string {
  const name = issue.path.length === 0 ? "the options object" : z.core.toDotPath(issue.path);
  if (issue.code === "unrecognized_keys")
    return `${name} has no option "${issue.keys.join('", "')}"`;
  // The rule for a key is inside, that for a value is the message itself.
  const rule = issue.code === "invalid_key" ? issue.issues[0]?.message : issue.message;
  return `${name} must be ${rule ?? issue.message}, got ${describe(issue.input)}`;
}

/** What was got, without what it says: it may hold a password. */
function describe(value: unknown): string {
  if (value === undefined || value === null || typeof value === "boolean") return String(value);
  if (value === "") return "an empty text";
  if (typeof value === "string") return `a text of length ${value.length}`;
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
