import { z } from "zod";
import type { ErrorTable } from "../../errors.ts";
import { callback, flag as optionFlag, readFeatureOptions } from "../../option-fields.ts";
import type { Agreed, Difference, Names } from "../../option-names.ts";
import type { UserLike } from "../../options.ts";
import type { OwnCipher } from "../../services/backup-codes.ts";
import type { SendOTP, StoreOTP } from "../../services/one-time-code.ts";
import type { TwoFactorRules } from "../../services/second-factor.ts";
import { flag, publicUser } from "../core/schemas.ts";

/** Options of `twoFactor()`, under Better Auth's names. */
export interface TwoFactorOptions {
  /** Name of the app in an authenticator. Default: `appName`. */
  readonly issuer?: string | undefined;
  /** Codes of an authenticator. Default: as below. */
  readonly totpOptions?:
    | {
        /** Number of digits, 6 or 8. Default: 6. */
        readonly digits?: 6 | 8 | undefined;
        /** Seconds of one code. Default: 30. */
        readonly period?: number | undefined;
        /** Takes no such codes. Default: false. */
        readonly disable?: boolean | undefined;
        /** For `/two-factor/get-totp-uri` alone. Default: the option of that name outside. */
        readonly allowPasswordless?: boolean | undefined;
      }
    | undefined;
  /** Codes that the app sends. Default: as below. */
  readonly otpOptions?:
    | {
        /** Sends a code, by mail say. Never waited for. Default: none; `/two-factor/send-otp` is refused. */
        readonly sendOTP?: SendOTP | undefined;
        /** Minutes (not seconds) that a code lasts. Default: 3. */
        readonly period?: number | undefined;
        /** Number of digits, 4 to 10. Default: 6. */
        readonly digits?: number | undefined;
        /** Number of wrong tries after which a code is void. Default: 5. */
        readonly allowedAttempts?: number | undefined;
        /** Form in the database. Default: `"hashed"`; `"plain"` with `advanced.compatibility`, as in Better Auth. */
        readonly storeOTP?: StoreOTP | undefined;
      }
    | undefined;
  /** Codes for the day on which the authenticator is lost; each works once. Default: as below. */
  readonly backupCodeOptions?:
    | {
        /** Number of codes. Default: 10. */
        readonly amount?: number | undefined;
        /** Characters of one, letters and digits. Default: 10. */
        readonly length?: number | undefined;
        /** Makes the codes. Default: random ones of `length`. */
        readonly customBackupCodesGenerate?: (() => string[]) | undefined;
        /** For `/two-factor/generate-backup-codes` alone. Default: the option of that name outside. */
        readonly allowPasswordless?: boolean | undefined;
        /** Form in the database. Default: `"encrypted"`. */
        readonly storeBackupCodes?: "encrypted" | "plain" | OwnCipher | undefined;
      }
    | undefined;
  /** Switches on before a code has confirmed that the authenticator works. Default: false. */
  readonly skipVerificationOnEnable?: boolean | undefined;
  /** Seconds that a sign-in waits for its code. Default: 600. */
  readonly twoFactorCookieMaxAge?: number | undefined;
  /** Seconds that a browser is trusted, from its last sign-in. Default: 2592000 (30 days). */
  readonly trustDeviceMaxAge?: number | undefined;
  /** Asks users without a password for none. Default: false; they are refused. */
  readonly allowPasswordless?: boolean | undefined;
  /**
   * Who has to have a second factor. Once `gracePeriod` is over, guards and endpoints refuse such a user without one
   * (`TWO_FACTOR_ENROLMENT_REQUIRED`); social sign-in asks those with one for a code too. Default: nobody.
   */
  readonly required?: ((user: UserLike) => boolean | Promise<boolean>) | undefined;
  /** From when it is required of users who were there before. Default: always. */
  readonly requiredFrom?: Date | undefined;
  /** Seconds from sign-up, or from `requiredFrom` if that is later. Default: 604800 (7 days). */
  readonly gracePeriod?: number | undefined;
  /** Seconds for which a code satisfies `requireSession({ twoFactor: true })`. Default: 900. */
  readonly stepUpMaxAge?: number | undefined;
  /** Without effect here; named once in a warning at start. Default: none. */
  readonly schema?: unknown;
  /** Without effect here; named once in a warning at start. Default: none. */
  readonly twoFactorTable?: unknown;
  /** Guard against guessing, across sign-ins. Default: as below. */
  readonly accountLockout?:
    | {
        /** Locks at all. Default: true. */
        readonly enabled?: boolean | undefined;
        /** Number of wrong codes in a row; five times as many in four times the duration for someone who is signed in. Default: 10. */
        readonly maxFailedAttempts?: number | undefined;
        /** Seconds of the lock. Default: 900. */
        readonly durationSeconds?: number | undefined;
      }
    | undefined;
}

const MAX_ISSUER_LENGTH = 256;
const MAX_PASSWORD_LENGTH = 10_000;

/** A code as typed; whether it has the right form is the endpoint's to say. */
export const codeField = z.string();
/** Shown by an authenticator; empty is as if absent. */
export const issuerField = z
  .string()
  .max(MAX_ISSUER_LENGTH)
  .refine((text) => !/\p{Surrogate}/u.test(text), { error: "Must be well-formed Unicode" });
/** Body of every endpoint that verifies a code. */
export const codeBody = z.object({
  code: codeField,
  trustDevice: flag.optional().describe("Asks this browser for no code for `trustDeviceMaxAge`"),
});
/** Answer to a right code that signs in, or switches on. */
export const verified = z.object({ token: z.string(), user: publicUser });

/** Answer of a sign-in that waits for its second factor. */
export const challenged = z.object({
  twoFactorRedirect: z.literal(true),
  twoFactorMethods: z.array(z.enum(["totp", "otp"])),
});

/** The caller's password; users without one need none where the options say so. */
export function passwordField({ allowPasswordless }: Pick<TwoFactorRules, "allowPasswordless">) {
  const password = z.string().max(MAX_PASSWORD_LENGTH);
  return allowPasswordless ? password.optional() : password;
}

/** Codes that more than one endpoint answers. */
export const refusals = {
  INVALID_CODE: [401, "Invalid code"],
  TOTP_NOT_ENABLED: [400, "TOTP not enabled"],
  BACKUP_CODES_NOT_ENABLED: [400, "Backup codes aren't enabled"],
  // No code of that kind is taken; `/two-factor/enable` has texts of its own, as in Better Auth.
  TOTP_NOT_CONFIGURED: [400, "totp isn't configured"],
  OTP_NOT_CONFIGURED: [400, "otp isn't configured"],
} as const satisfies ErrorTable;

const whole = (least: number, most: number, unit: string) =>
  z
    .int(`a whole number of ${unit}`)
    .min(least, `${String(least)} or more`)
    .max(most, `at most ${String(most)}`);
const ownCipher = z.strictObject({
  encrypt: callback<OwnCipher["encrypt"]>(),
  decrypt: callback<OwnCipher["decrypt"]>(),
});
const YEAR = 31_536_000;

const optionsSchema = z.strictObject(
  {
    issuer: z.string("a text").min(1, "a text").max(MAX_ISSUER_LENGTH, "shorter").optional(),
    totpOptions: z
      .strictObject(
        {
          digits: z.union([z.literal(6), z.literal(8)], "6 or 8").default(6),
          period: whole(1, 3600, "seconds").default(30),
          disable: optionFlag.default(false),
          allowPasswordless: optionFlag.optional(),
        },
        "an object",
      )
      .prefault({}),
    otpOptions: z
      .strictObject(
        {
          sendOTP: callback<SendOTP>().optional(),
          period: z
            .number("a number of minutes")
            .positive("more than 0")
            .max(60, "at most 60")
            .default(3),
          digits: whole(4, 10, "digits").default(6),
          allowedAttempts: whole(1, 100, "tries").default(5),
          storeOTP: z
            .union(
              [
                z.enum(["hashed", "encrypted", "plain"]),
                z.strictObject({ hash: callback<(code: string) => Promise<string> | string>() }),
                ownCipher,
              ],
              '"hashed", "encrypted", "plain", { hash } or { encrypt, decrypt }',
            )
            .optional(),
        },
        "an object",
      )
      .prefault({}),
    backupCodeOptions: z
      .strictObject(
        {
          amount: whole(1, 100, "codes").default(10),
          length: whole(6, 64, "characters").default(10),
          allowPasswordless: optionFlag.optional(),
          customBackupCodesGenerate: callback<() => string[]>().optional(),
          storeBackupCodes: z
            .union(
              [z.enum(["encrypted", "plain"]), ownCipher],
              '"encrypted", "plain" or { encrypt, decrypt }',
            )
            .default("encrypted"),
        },
        "an object",
      )
      .prefault({}),
    skipVerificationOnEnable: optionFlag.default(false),
    twoFactorCookieMaxAge: whole(1, 86_400, "seconds").default(600),
    trustDeviceMaxAge: whole(1, YEAR, "seconds").default(2_592_000),
    allowPasswordless: optionFlag.default(false),
    schema: z.unknown().optional(),
    twoFactorTable: z.unknown().optional(),
    required: callback<(user: UserLike) => boolean | Promise<boolean>>().optional(),
    requiredFrom: z.date("a Date").optional(),
    gracePeriod: whole(0, YEAR, "seconds").default(604_800),
    stepUpMaxAge: whole(1, YEAR, "seconds").default(900),
    accountLockout: z
      .strictObject(
        {
          enabled: optionFlag.default(true),
          maxFailedAttempts: whole(1, 1000, "tries").default(10),
          durationSeconds: whole(1, YEAR, "seconds").default(900),
        },
        "an object",
      )
      .prefault({}),
  },
  "an object",
) satisfies z.ZodType<unknown, TwoFactorOptions>;
type Parsed = Agreed<
  z.output<typeof optionsSchema>,
  Difference<Names<TwoFactorOptions>, Names<z.input<typeof optionsSchema>>>
>;

/**
 * Reads the options.
 *
 * @throws TypeError naming the option that is wrong
 */
export function createRules(options: TwoFactorOptions): TwoFactorRules {
  const data: Parsed = readFeatureOptions("twoFactor()", optionsSchema, options);
  const { totpOptions, otpOptions, backupCodeOptions, ...rest } = data;
  const { issuer, required, requiredFrom, allowPasswordless } = rest;
  const { sendOTP, storeOTP } = otpOptions;
  const { customBackupCodesGenerate } = backupCodeOptions;
  return {
    ...rest,
    issuer,
    required,
    requiredFrom,
    totp: { ...totpOptions, allowPasswordless: totpOptions.allowPasswordless ?? allowPasswordless },
    otp: { ...otpOptions, sendOTP, storeOTP },
    backupCodes: {
      ...backupCodeOptions,
      allowPasswordless: backupCodeOptions.allowPasswordless ?? allowPasswordless,
      customBackupCodesGenerate,
    },
  };
}

/** Lines for the log about options that have no effect. */
export function warningsAbout(options: TwoFactorOptions): string[] {
  const idle = namesOf(options, ["schema", "twoFactorTable"]);
  const policy = options.required === undefined ? namesOf(options, POLICY) : "";
  const isEmpty =
    options.totpOptions?.disable === true && options.otpOptions?.sendOTP === undefined;
  return [
    ...(isEmpty
      ? ["twoFactor(): totpOptions.disable leaves no codes without otpOptions.sendOTP"]
      : []),
    ...(idle === "" ? [] : [`twoFactor(): these options have no effect here: ${idle}`]),
    ...(policy === "" ? [] : [`twoFactor(): without required, ${policy} has no effect`]),
  ];
}

/** Options about whom `required` names. */
const POLICY = ["requiredFrom", "gracePeriod"] as const;

/** Those of the options that are given. */
function namesOf(options: TwoFactorOptions, names: readonly (keyof TwoFactorOptions)[]): string {
  return names.filter((name) => options[name] !== undefined).join(", ");
}
