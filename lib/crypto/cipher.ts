import { createHash } from "node:crypto";

/** Keys of the symmetric encryption (docs/protocol.md §9): what is encrypted survives a change of the secret. */
export interface Keyring {
  readonly current: CipherKey;
  /** Every key by the version of its secret. */
  readonly byVersion: ReadonlyMap<number, Uint8Array>;
  /** Key of texts that name no version. */
  readonly unversioned: Uint8Array | undefined;
}

/** The key that encrypts, and the version that its texts name; null: they name none. */
export interface CipherKey {
  readonly version: number | null;
  readonly key: Uint8Array;
}

/** Bytes of the nonce (XChaCha20) and of the tag (Poly1305) around the encrypted text. */
const NONCE_LENGTH = 24;
const TAG_LENGTH = 16;
const VERSIONED = /^\$ba\$(?<version>\d{1,15})\$(?<hex>[0-9a-f]*)$/;
const HEX = /^(?:[0-9a-f]{2})+$/;

/** The key of a secret: SHA-256 of its UTF-8 bytes, as in Better Auth. */
export function cipherKey(secret: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(secret, "utf8").digest());
}

/**
 * Encrypts a text with the current key: XChaCha20-Poly1305, as in Better Auth.
 *
 * @param randomSource makes the nonce
 * @returns lower-case hex of nonce, encrypted text and tag; with several secrets `$ba$<version>$` in front
 */
export async function encrypt(
  text: string,
  { current: { version, key } }: Keyring,
  randomSource: (size: number) => Uint8Array,
): Promise<string> {
  const { xchacha20poly1305 } = await loadCipher();
  const nonce = new Uint8Array(randomSource(NONCE_LENGTH));
  const sealed = xchacha20poly1305(key, nonce).encrypt(new TextEncoder().encode(text));
  const hex = Buffer.concat([nonce, sealed]).toString("hex");
  return version === null ? hex : `$ba$${String(version)}$${hex}`;
}

/** Decrypts what `encrypt` or Better Auth made; null when no key fits, or it is damaged or something else. */
export async function decrypt(stored: string, keyring: Keyring): Promise<string | null> {
  const { version, hex = stored } = VERSIONED.exec(stored)?.groups ?? {};
  const key = version === undefined ? keyring.unversioned : keyring.byVersion.get(Number(version));
  if (key === undefined || !HEX.test(hex) || hex.length < 2 * (NONCE_LENGTH + TAG_LENGTH)) {
    return null;
  }
  const bytes = new Uint8Array(Buffer.from(hex, "hex"));
  const { xchacha20poly1305 } = await loadCipher();
  const cipher = xchacha20poly1305(key, bytes.subarray(0, NONCE_LENGTH));
  try {
    return new TextDecoder().decode(cipher.decrypt(bytes.subarray(NONCE_LENGTH)));
  } catch {
    return null;
  }
}

/** Loaded by the first use: few apps need it, and all would wait for it at start. */
function loadCipher() {
  return import("@noble/ciphers/chacha.js");
}
