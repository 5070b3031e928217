import { timingSafeEqual } from "node:crypto";

/** How the codes of an authenticator are made (RFC 6238 §4). */
export interface TotpSettings {
  readonly digits: 6 | 8;
  /** Seconds of one step. */
  readonly period: number;
}

/** Steps before and after the present one whose codes are taken, for clocks that differ (RFC 6238 §5.2). */
const TOTP_WINDOW = 1;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The number of the step at an instant: whole periods since 1970 (RFC 6238 §4.2). */
export function totpStep(now: Date, { period }: TotpSettings): number {
  return Math.floor(now.getTime() / 1000 / period);
}

/**
 * Makes the code of a step, with HMAC-SHA-1.
 *
 * @param secret text whose UTF-8 bytes are the key
 */
export async function totpCode(
  secret: string,
  step: number,
  { digits }: TotpSettings,
): Promise<string> {
  const { hotp } = await loadSpeakeasy();
  const hex = Buffer.from(secret, "utf8").toString("hex");
  return hotp({ secret: hex, encoding: "hex", counter: step, digits });
}

/**
 * Finds the step whose code was given: the present one, one before or one after. The form is checked here, because
 * speakeasy's own check takes texts that only begin with digits.
 *
 * @returns null when it is the code of none, or no text of so many digits
 */
export async function findTotpStep(
  code: string,
  secret: string,
  now: Date,
  settings: TotpSettings,
): Promise<number | null> {
  if (code.length !== settings.digits || !/^[0-9]+$/.test(code)) return null;
  const given = Buffer.from(code, "ascii");
  const present = totpStep(now, settings);
  let found: number | null = null;
  // All of them, so that the time does not tell which one fits.
  for (let step = present - TOTP_WINDOW; step <= present + TOTP_WINDOW; step += 1) {
    const expected = Buffer.from(await totpCode(secret, step, settings), "ascii");
    if (timingSafeEqual(given, expected)) found = step;
  }
  return found;
}

/** The address that an authenticator reads, mostly as a QR code: `otpauth://totp/<issuer>:<account>?secret=…`. */
export function totpURI(
  secret: string,
  { issuer, account }: { readonly issuer: string; readonly account: string },
  { digits, period }: TotpSettings,
): string {
  const parameters = {
    secret: base32(Buffer.from(secret, "utf8")),
    issuer: encode(issuer),
    digits: String(digits),
    period: String(period),
  };
  const query = Object.entries(parameters).map((pair) => pair.join("="));
  return `otpauth://totp/${encode(issuer)}:${encode(account)}?${query.join("&")}`;
}

/** Half a character has no encoding. */
function encode(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd"));
}

/** RFC 4648 §6, without padding. */
function base32(bytes: Buffer): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => BASE32.charAt(parseInt(group.padEnd(5, "0"), 2))).join("");
}

/** Loaded by the first use: few apps need it, and all would wait for it at start. */
function loadSpeakeasy() {
  return import("speakeasy");
}
