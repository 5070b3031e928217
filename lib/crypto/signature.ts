import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from "node:crypto";

/** HMAC-SHA-256 in standard base64: 43 characters and one `=`. */
const SIGNATURE = /^[A-Za-z0-9+/]{43}=$/;
/** The same in base64url without padding. */
const HMAC_BASE64URL = /^[A-Za-z0-9_-]{43}$/;

/**
 * Makes the key of a secret, once per secret: a key object spares every HMAC the copy of the bytes.
 *
 * @param secret its UTF-8 bytes are the key, as in Better Auth
 */
export function signingKey(secret: string): KeyObject {
  return createSecretKey(secret, "utf8");
}

/**
 * Signs the value of a cookie or Bearer token (docs/protocol.md §9).
 *
 * @returns `<value>.<signature>`, the signature standard base64 of 44 characters; not URL-encoded
 */
export function sign(value: string, key: KeyObject | Buffer): string {
  return `${value}.${signatureOf(value, key)}`;
}

/**
 * Reads a signed value; the signature is what follows the last dot.
 *
 * @param signed after URL-decoding
 * @param keys the current key first, then those that are still accepted
 * @returns the value, or null when no key made the signature
 */
export function unsign(signed: string, keys: readonly (KeyObject | Buffer)[]): string | null {
  const dot = signed.lastIndexOf(".");
  if (dot === -1) return null;
  const value = signed.slice(0, dot);
  const signature = signed.slice(dot + 1);
  if (!SIGNATURE.test(signature)) return null;
  // The texts are compared, not the bytes: a second spelling of the same bytes is no signature.
  const given = Buffer.from(signature, "ascii");
  const isMadeBy = (key: KeyObject | Buffer) =>
    timingSafeEqual(given, Buffer.from(signatureOf(value, key), "ascii"));
  return keys.some(isMadeBy) ? value : null;
}

/** HMAC-SHA-256 of a text in base64url without padding, 43 characters: MACs, stored codes, cookie cache. */
export function hmacBase64url(value: string, key: KeyObject | Buffer): string {
  return createHmac("sha256", key).update(value, "utf8").digest("base64url");
}

/**
 * Checks an HMAC of `hmacBase64url`.
 *
 * @param keys the current key first, then those that are still accepted
 */
export function isHmacBase64url(
  given: string,
  value: string,
  keys: readonly (KeyObject | Buffer)[],
): boolean {
  if (!HMAC_BASE64URL.test(given)) return false;
  const isMadeBy = (key: KeyObject | Buffer) =>
    timingSafeEqual(Buffer.from(given, "ascii"), Buffer.from(hmacBase64url(value, key), "ascii"));
  return keys.some(isMadeBy);
}

/** Whether two secret texts are the same, in a time that does not tell where they differ. */
export function isSameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, "utf8"), Buffer.from(other, "utf8")];
  return a.length === b.length && timingSafeEqual(a, b);
}

function signatureOf(value: string, key: KeyObject | Buffer): string {
  return createHmac("sha256", key).update(value, "utf8").digest("base64");
}
