import type { KeyObject } from "node:crypto";
import { hmacBase64url, isHmacBase64url } from "./signature.ts";

const BASE64URL = /^[A-Za-z0-9_-]+$/;

type Claims = Readonly<Record<string, unknown>>;

/**
 * Signs claims in Better Auth's compact form (docs/protocol.md §9).
 *
 * @param expiresIn seconds
 * @returns base64url without padding of JSON `{session, expiresAt, signature}`
 */
export function signCompact(
  claims: Claims,
  key: KeyObject,
  { expiresIn, now }: { readonly expiresIn: number; readonly now: Date },
): string {
  const expiresAt = now.getTime() + expiresIn * 1000;
  const signature = hmacBase64url(signedText(claims, expiresAt), key);
  return Buffer.from(JSON.stringify({ session: claims, expiresAt, signature })).toString(
    "base64url",
  );
}

/**
 * Checks form, signature and life of a compact text.
 *
 * @param keys the current key first
 * @returns its claims, null when it is refused
 */
export function verifyCompact(text: string, keys: readonly KeyObject[], now: Date): Claims | null {
  const { session: claims, expiresAt, signature } = parsed(text);
  if (!isRecord(claims) || typeof expiresAt !== "number" || typeof signature !== "string") {
    return null;
  }
  if (!isHmacBase64url(signature, signedText(claims, expiresAt), keys)) return null;
  return expiresAt > now.getTime() ? claims : null;
}

function signedText(claims: Claims, expiresAt: number): string {
  return JSON.stringify({ ...claims, expiresAt });
}

function parsed(text: string): Claims {
  if (!BASE64URL.test(text)) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function isRecord(value: unknown): value is Claims {
  return typeof value === "object" && value !== null;
}
