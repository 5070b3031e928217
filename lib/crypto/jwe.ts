import { hkdfSync, type KeyObject } from "node:crypto";

/** The one pair of algorithms that is written and accepted: the derived key itself encrypts. */
const ALGORITHM = "dir";
const ENCRYPTION = "A256CBC-HS512";
/** Bytes of a key of A256CBC-HS512 (RFC 7518 §5.2.5). */
const KEY_LENGTH = 64;
/** Of the derivation, as in Better Auth. */
const HKDF_INFO = "BetterAuth.js Generated Encryption Key";

/**
 * Encrypts claims.
 *
 * @param salt of the derivation: one per purpose, so that no text serves another one
 * @param expiresIn seconds
 * @returns a compact JWE; its `kid` is the thumbprint of the derived key (RFC 7638), by which Better Auth finds it
 */
export async function encryptJwt(
  claims: Readonly<Record<string, unknown>>,
  key: KeyObject,
  {
    salt,
    expiresIn,
    now,
  }: { readonly salt: string; readonly expiresIn: number; readonly now: Date },
): Promise<string> {
  const { calculateJwkThumbprint, EncryptJWT } = await loadJose();
  const derived = deriveKey(key, salt);
  const k = Buffer.from(derived).toString("base64url");
  const kid = await calculateJwkThumbprint({ kty: "oct", k }, "sha256");
  const iat = Math.floor(now.getTime() / 1000);
  return new EncryptJWT({ ...claims })
    .setProtectedHeader({ alg: ALGORITHM, enc: ENCRYPTION, kid })
    .setIssuedAt(iat)
    .setExpirationTime(iat + expiresIn)
    .encrypt(derived);
}

/**
 * Decrypts a token and checks its life.
 *
 * @param keys the current key first
 * @returns its claims, null when it is refused; a token without `exp` is refused
 */
export async function decryptJwt(
  token: string,
  keys: readonly KeyObject[],
  { salt, now }: { readonly salt: string; readonly now: Date },
): Promise<Readonly<Record<string, unknown>> | null> {
  const { jwtDecrypt } = await loadJose();
  const options = {
    keyManagementAlgorithms: [ALGORITHM],
    contentEncryptionAlgorithms: [ENCRYPTION],
    requiredClaims: ["exp"],
    currentDate: now,
  };
  for (const key of keys) {
    try {
      return (await jwtDecrypt(token, deriveKey(key, salt), options)).payload;
    } catch {
      // Made with another key, damaged or too old: the next key may still fit.
    }
  }
  return null;
}

function deriveKey(key: KeyObject, salt: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, salt, HKDF_INFO, KEY_LENGTH));
}

/** Loaded by the first use: few apps need it, and all would wait for it at start. */
function loadJose() {
  return import("jose");
}
