import type { AuthContext } from "../context.ts";
import { decrypt, encrypt } from "../crypto/cipher.ts";
import { isSameText } from "../crypto/signature.ts";
import { ALPHANUMERIC, randomToken } from "../crypto/token.ts";
import { formatId, type Id } from "../models/id.ts";
import type { TwoFactor } from "../models/two-factor.ts";
import type { Awaitable } from "../options.ts";

/** A reversible form in which texts are stored, by the app. */
export interface OwnCipher {
  readonly encrypt: (text: string) => Awaitable<string>;
  readonly decrypt: (stored: string) => Awaitable<string>;
}

/** What the options say about backup codes. */
export interface BackupCodeRules {
  readonly amount: number;
  /** Characters, without the dash. */
  readonly length: number;
  readonly storeBackupCodes: "encrypted" | "plain" | OwnCipher;
  readonly allowPasswordless: boolean;
  readonly customBackupCodesGenerate: (() => readonly string[]) | undefined;
}

/** Characters before the dash. */
const FIRST_PART = 5;

/** Makes codes, and their stored form. */
export async function newBackupCodes(
  auth: AuthContext,
  rules: BackupCodeRules,
): Promise<{ readonly codes: string[]; readonly stored: string }> {
  const { amount, length, customBackupCodesGenerate } = rules;
  const codes =
    customBackupCodesGenerate === undefined
      ? Array.from({ length: amount }, () => newCode(auth, length))
      : [...customBackupCodesGenerate()];
  return { codes, stored: await storedCodes(auth, codes, rules) };
}

/** The form in which codes are stored. */
export async function storedCodes(
  auth: AuthContext,
  codes: readonly string[],
  { storeBackupCodes: form }: BackupCodeRules,
): Promise<string> {
  const json = JSON.stringify(codes);
  if (form === "plain") return json;
  if (form !== "encrypted") return form.encrypt(json);
  return encrypt(json, auth.keys.cipher, auth.config.randomBytes);
}

/**
 * The codes of a row that are not used yet, also of one that was written in another form; null, and a line in the log,
 * when it cannot be read.
 */
export async function readBackupCodes(
  auth: AuthContext,
  { backupCodes: stored, userId }: TwoFactor,
  { storeBackupCodes: form }: BackupCodeRules,
): Promise<readonly string[] | null> {
  const json = stored.startsWith("[")
    ? stored
    : ((await decrypt(stored, auth.keys.cipher)) ?? (await decryptBy(form, stored)));
  const codes = json === null ? null : parseCodes(json);
  if (codes === null) auth.log.error(unreadable("the list of backup codes", userId));
  return codes;
}

/** For the log: what no configured secret decrypts. */
export function unreadable(what: string, userId: Id): string {
  return `${what} of user ${formatId(userId)} cannot be read: add the secret that encrypted it to \`secrets\``;
}

/** What the app's own cipher makes of it; null when it throws, as for a text that it did not write. */
export async function decryptBy(form: unknown, stored: string): Promise<string | null> {
  if (!isCipher(form)) return null;
  try {
    return await form.decrypt(stored);
  } catch {
    return null;
  }
}

function isCipher(form: unknown): form is OwnCipher {
  return typeof form === "object" && form !== null && "decrypt" in form;
}

/** Whether a code is among these, in the same time whichever it is. */
export function includesCode(codes: readonly string[], code: string): boolean {
  return codes.filter((known) => isSameText(known, code)).length > 0;
}

function newCode({ config }: AuthContext, length: number): string {
  const text = randomToken(length, ALPHANUMERIC, config.randomBytes);
  return `${text.slice(0, FIRST_PART)}-${text.slice(FIRST_PART)}`;
}

function parseCodes(json: string): readonly string[] | null {
  try {
    const codes: unknown = JSON.parse(json);
    if (!Array.isArray(codes)) return null;
    return codes.every((code) => typeof code === "string") ? codes : null;
  } catch {
    return null;
  }
}
