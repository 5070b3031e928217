import { z } from "zod";
import { AuthError, type ErrorTable } from "../../errors.ts";
import { callback, flag, readFeatureOptions } from "../../option-fields.ts";
import type { Agreed, Difference, Names } from "../../option-names.ts";
import type { Awaitable } from "../../options.ts";

type Order = "pre-normalization" | "post-normalization";

/** Options of `username()`, under Better Auth's names. */
export interface UsernameOptions {
  /** Least length in characters (UTF-16 units). Default: 3. */
  readonly minUsernameLength?: number | undefined;
  /** Greatest length in characters (UTF-16 units). Default: 30. */
  readonly maxUsernameLength?: number | undefined;
  /** Says whether a username may be used. Default: letters, digits, `_` and `.`. */
  readonly usernameValidator?: ((username: string) => Awaitable<boolean>) | undefined;
  /** Makes the form that is stored and compared; false leaves it as typed. Default: lower case. */
  readonly usernameNormalization?: ((username: string) => string) | false | undefined;
  /** Says whether a display username may be used. Default: every one. */
  readonly displayUsernameValidator?: ((displayUsername: string) => Awaitable<boolean>) | undefined;
  /** Makes the form that is stored; false leaves it as typed. Default: false. */
  readonly displayUsernameNormalization?: ((displayUsername: string) => string) | false | undefined;
  /** A username that is set stays. Default: false. */
  readonly immutableUsername?: boolean | undefined;
  /** Keeps the name as typed besides. Default: true. */
  readonly displayUsername?: boolean | undefined;
  /** Whether names are checked as typed or as stored. Default: as typed. */
  readonly validationOrder?:
    | {
        /** Of the username. Default: `"pre-normalization"`, as typed. */
        readonly username?: Order | undefined;
        /** Of the display username. Default: `"pre-normalization"`, as typed. */
        readonly displayUsername?: Order | undefined;
      }
    | undefined;
}

/** Characters that the options can allow at most. */
const MAX_LENGTH = 256;

/** A username as typed; its rules, and its length, are the feature's to check. */
export const usernameField = z.string();
/** As typed; without a validator of the app's only its length is limited. */
export const displayUsernameField = z.string().max(MAX_LENGTH);

/** Codes about the form of a name; the protocol gives them another status where one signs in. */
export function nameErrors<const S extends number>(status: S) {
  return {
    USERNAME_TOO_SHORT: [status, "Username is too short"],
    USERNAME_TOO_LONG: [status, "Username is too long"],
    INVALID_USERNAME: [status, "Username is invalid"],
  } as const satisfies ErrorTable;
}

const length = (least: number) =>
  z
    .int("a whole number of characters")
    .min(least, `${String(least)} or more`)
    .max(MAX_LENGTH, `at most ${String(MAX_LENGTH)}`);
const order = z.enum(
  ["pre-normalization", "post-normalization"],
  '"pre-normalization" or "post-normalization"',
);

const optionsSchema = z.strictObject(
  {
    minUsernameLength: length(1).default(3),
    maxUsernameLength: length(1).default(30),
    usernameValidator: callback<(username: string) => Awaitable<boolean>>().optional(),
    usernameNormalization: z
      .union([z.literal(false), callback<(username: string) => string>()], "a function or false")
      .optional(),
    displayUsernameValidator: callback<(name: string) => Awaitable<boolean>>().optional(),
    displayUsernameNormalization: z
      .union([z.literal(false), callback<(name: string) => string>()], "a function or false")
      .optional(),
    immutableUsername: flag.default(false),
    displayUsername: flag.default(true),
    validationOrder: z
      .strictObject(
        { username: order.optional(), displayUsername: order.optional() },
        "an object with username and displayUsername",
      )
      .default({}),
  },
  "an object",
) satisfies z.ZodType<unknown, UsernameOptions>;
type Parsed = Agreed<
  z.output<typeof optionsSchema>,
  Difference<Names<UsernameOptions>, Names<z.input<typeof optionsSchema>>>
>;

/** What the options say about names. */
export interface UsernameRules {
  readonly keepsDisplayUsername: boolean;
  readonly isImmutable: boolean;
  /** The form that is stored and compared. */
  readonly normalize: (username: string) => string;
  readonly normalizeDisplay: (displayUsername: string) => string;
  /** @throws AuthError USERNAME_TOO_SHORT, USERNAME_TOO_LONG, INVALID_USERNAME with this status */
  readonly check: (username: string, status: 400 | 422) => Promise<void>;
  readonly isValid: (username: string) => Promise<boolean>;
  readonly isValidDisplay: (displayUsername: string) => Promise<boolean>;
}

/**
 * Reads the options.
 *
 * @throws TypeError naming the option that is wrong
 */
export function createRules(options: UsernameOptions): UsernameRules {
  const data: Parsed = readFeatureOptions("username()", optionsSchema, options);
  const { minUsernameLength: min, maxUsernameLength: max, validationOrder } = data;
  if (min > max)
    throw new TypeError("username(): minUsernameLength must be at most maxUsernameLength");
  const normalize = normalizerOf(data.usernameNormalization, (text) => text.toLowerCase());
  const normalizeDisplay = normalizerOf(data.displayUsernameNormalization, (text) => text);
  const { usernameValidator = isPlain, displayUsernameValidator = () => true } = data;

  const refusalOf = async (username: string) => {
    // Before the app's own normaliser sees it.
    if (username.length > MAX_LENGTH) return "USERNAME_TOO_LONG";
    const text = validationOrder.username === "post-normalization" ? normalize(username) : username;
    if (text.length < min) return "USERNAME_TOO_SHORT";
    if (text.length > max) return "USERNAME_TOO_LONG";
    return (await usernameValidator(text)) ? null : "INVALID_USERNAME";
  };
  return {
    keepsDisplayUsername: data.displayUsername,
    isImmutable: data.immutableUsername,
    normalize,
    normalizeDisplay,
    async check(username, status) {
      const code = await refusalOf(username);
      if (code !== null) throw new AuthError(status, code, nameErrors(status)[code][1]);
    },
    isValid: async (username) => (await refusalOf(username)) === null,
    async isValidDisplay(name) {
      const isAfter = validationOrder.displayUsername === "post-normalization";
      return displayUsernameValidator(isAfter ? normalizeDisplay(name) : name);
    },
  };
}

function isPlain(username: string): boolean {
  return /^[a-zA-Z0-9_.]+$/.test(username);
}

function normalizerOf(
  option: ((text: string) => string) | false | undefined,
  standard: (text: string) => string,
): (text: string) => string {
  if (option === false) return (text) => text;
  return option ?? standard;
}
