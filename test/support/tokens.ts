import { signJwt } from "../../lib/crypto/jwt.ts";
import { signingKey } from "../../lib/crypto/signature.ts";
import { TEST_SECRET, type TestApp } from "./app.ts";

/** Claims of a token as a client may read them, without checking anything. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  return JSON.parse(payload) as Record<string, unknown>;
}

/** How a token differs from the usual one. */
export interface TokenSettings {
  /** Default: that of the test apps. */
  readonly secret?: string;
  /** Seconds. Default: 3600. */
  readonly expiresIn?: number;
}

/** A token as Better Auth signs it, when the claims are its: it knows no `sub`. */
export function signToken(
  { clock }: TestApp,
  claims: Readonly<Record<string, unknown>>,
  { secret = TEST_SECRET, expiresIn = 3600 }: TokenSettings = {},
): string {
  return signJwt(claims, signingKey(secret), { expiresIn, now: clock.now() });
}
