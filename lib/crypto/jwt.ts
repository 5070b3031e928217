import type { KeyObject } from "node:crypto";
import jsonwebtoken, { type JwtPayload } from "jsonwebtoken";

/** The one algorithm that is written and accepted; `none` and everything else is refused (RFC 8725 §3.1). */
const ALGORITHM = "HS256";

/** Why a token was refused. */
export type JwtRefusal = "expired" | "invalid";

/**
 * Signs claims.
 *
 * @param expiresIn seconds
 * @param now for `iat` and `exp`
 * @returns a compact JWS, header `{"alg":"HS256","typ":"JWT"}`
 */
export function signJwt(
  claims: Readonly<Record<string, unknown>>,
  key: KeyObject,
  { expiresIn, now }: { readonly expiresIn: number; readonly now: Date },
): string {
  const iat = Math.floor(now.getTime() / 1000);
  return jsonwebtoken.sign({ ...claims, iat, exp: iat + expiresIn }, key, { algorithm: ALGORITHM });
}

/**
 * Checks signature and life of a token.
 *
 * @param keys the current key first
 * @returns its claims, or why it is refused; a token without `exp` is refused
 */
export function verifyJwt(
  token: string,
  keys: readonly KeyObject[],
  now: Date,
): JwtPayload | JwtRefusal {
  const clockTimestamp = Math.floor(now.getTime() / 1000);
  let refusal: JwtRefusal = "invalid";
  for (const key of keys) {
    try {
      const claims = jsonwebtoken.verify(token, key, { algorithms: [ALGORITHM], clockTimestamp });
      return typeof claims === "object" && claims.exp !== undefined ? claims : "invalid";
    } catch (error) {
      if (error instanceof jsonwebtoken.TokenExpiredError) refusal = "expired";
    }
  }
  return refusal;
}
