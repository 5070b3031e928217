import { hash, randomBytes } from "node:crypto";

/** Where random bytes come from; must be a CSPRNG outside tests and must return `size` bytes. */
export type RandomSource = (size: number) => Buffer;

/** Letters and digits, the alphabet of session tokens: 5.95 bits a character. */
export const ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Marks a stored token as hashed; no issued token contains a colon. */
const HASH_PREFIX = "h1:";

/**
 * Makes a secret text of independent, equally likely characters. 32 of the default alphabet have 190 bits.
 *
 * @param length characters, at least 1
 * @param alphabet 2 to 256 different characters
 * @throws RangeError when the length or the alphabet is out of range
 */
export function randomToken(
  length: number,
  alphabet: string = ALPHANUMERIC,
  randomSource: RandomSource = randomBytes,
): string {
  if (!Number.isSafeInteger(length) || length < 1) {
    throw new RangeError(`randomToken: length must be a positive integer, got ${String(length)}`);
  }
  if (alphabet.length < 2 || alphabet.length > 256 || new Set(alphabet).size !== alphabet.length) {
    throw new RangeError("randomToken: alphabet must be 2 to 256 different characters");
  }
  // A byte at or above the largest multiple of the alphabet's size would favour its first characters.
  const limit = 256 - (256 % alphabet.length);
  let token = "";
  while (token.length < length) {
    for (const byte of randomSource(length - token.length)) {
      if (byte < limit) token += alphabet.charAt(byte % alphabet.length);
    }
  }
  return token;
}

/**
 * What is stored in place of a token, so that a copy of the database opens nothing. A plain hash is enough
 * because tokens have 190 bits; short codes need `hmacBase64url`.
 *
 * @returns `h1:` and 43 characters of base64url without padding: SHA-256 of the UTF-8 text
 */
export function hashToken(token: string): string {
  return HASH_PREFIX + hash("sha256", token, "base64url");
}
