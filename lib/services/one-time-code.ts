import { hash } from "node:crypto";
import type { ActiveSession, AuthContext, PendingSignIn } from "../context.ts";
import { decrypt, encrypt } from "../crypto/cipher.ts";
import { hmacBase64url, isHmacBase64url, isSameText } from "../crypto/signature.ts";
import { randomToken } from "../crypto/token.ts";
import { formatId } from "../models/id.ts";
import type { Awaitable, UserLike } from "../options.ts";
import { decryptBy, type OwnCipher } from "./backup-codes.ts";
import { addKeyed, consumeKeyed, putKeyed, type VerificationKey } from "./verification.ts";
import { isPending } from "./pending-sign-in.ts";

/** Form in which a code waits in the database. */
export type StoreOTP =
  | "hashed"
  | "encrypted"
  | "plain"
  | { readonly hash: (code: string) => Awaitable<string> }
  | OwnCipher;

/** Sends a code. Never waited for; a failure is logged and changes no answer. */
export type SendOTP = (
  data: { readonly user: UserLike; readonly otp: string },
  request?: Request,
) => Awaitable<void>;

/** What the options say about codes that are sent. */
export interface OneTimeCodeRules {
  readonly sendOTP: SendOTP | undefined;
  /** Minutes. */
  readonly period: number;
  readonly digits: number;
  readonly allowedAttempts: number;
  /** Undefined: hashed; plain in compatibility mode. */
  readonly storeOTP: StoreOTP | undefined;
}

type Holder = ActiveSession | PendingSignIn;

/** How a code was received. */
export type CodeCheck = "right" | "wrong" | "too-many" | "none";

/** Makes a code that waits for its user, in place of the one before. */
export async function issueCode(
  auth: AuthContext,
  holder: Holder,
  rules: OneTimeCodeRules,
): Promise<string> {
  const code = randomToken(rules.digits, "0123456789", auth.config.randomBytes);
  const by = keyOf(holder);
  const expiresAt = new Date(auth.now().getTime() + rules.period * 60_000);
  await putKeyed(auth, by, { value: `${await storedCode(auth, by, code, rules)}:0`, expiresAt });
  return code;
}

/**
 * Uses the waiting code up, of parallel calls one; a wrong try puts it back with one more on its count.
 *
 * @param beforeLook runs once there is a code to look at; what it throws leaves the code as it is
 */
export async function checkCode(
  auth: AuthContext,
  holder: Holder,
  code: string,
  rules: OneTimeCodeRules,
  beforeLook: () => Promise<void>,
): Promise<CodeCheck> {
  const by = keyOf(holder);
  const row = await consumeKeyed(auth, by);
  if (row === null) return "none";
  const at = row.value.lastIndexOf(":");
  const stored = row.value.slice(0, at);
  const count = Number(row.value.slice(at + 1));
  if (!(count < rules.allowedAttempts)) return "too-many";
  const { expiresAt } = row;
  await beforeLook().catch(async (error: unknown) => {
    await addKeyed(auth, by, { value: row.value, expiresAt });
    throw error;
  });
  if (await matchesCode(auth, by, stored, code, rules)) return "right";
  await addKeyed(auth, by, { value: `${stored}:${String(count + 1)}`, expiresAt });
  return "wrong";
}

function keyOf(holder: Holder): VerificationKey {
  const prefix = "2fa-otp-";
  if (isPending(holder)) return { prefix, key: holder.identifier };
  return { prefix, key: `${formatId(holder.user._id)}!${formatId(holder.session._id)}` };
}

async function storedCode(
  auth: AuthContext,
  by: VerificationKey,
  code: string,
  rules: OneTimeCodeRules,
): Promise<string> {
  const isOfficial = auth.config.advanced.compatibility === "better-auth";
  const form = rules.storeOTP ?? (isOfficial ? "plain" : "hashed");
  if (form === "plain") return code;
  if (form === "hashed") return hmacBase64url(bound(by, code), auth.keys.signing[0]);
  if (form === "encrypted") return encrypt(code, auth.keys.cipher, auth.config.randomBytes);
  return "hash" in form ? form.hash(code) : form.encrypt(code);
}

/** The form of the option; unless that is the app's own, also those in which Better Auth may have left a code a moment ago. */
async function matchesCode(
  auth: AuthContext,
  by: VerificationKey,
  stored: string,
  code: string,
  { storeOTP: form, digits }: OneTimeCodeRules,
): Promise<boolean> {
  if (code.length !== digits || !/^[0-9]+$/.test(code)) return false;
  if (typeof form === "object") {
    if ("hash" in form) return isSameText(stored, await form.hash(code));
    return isText(await decryptBy(form, stored), code);
  }
  if (isHmacBase64url(stored, bound(by, code), auth.keys.signing)) return true;
  if (/^[0-9]{1,10}$/.test(stored)) return isSameText(stored, code);
  if (isSameText(stored, hash("sha256", code, "base64url"))) return true;
  return isText(await decrypt(stored, auth.keys.cipher), code);
}

/** What cannot be decrypted is like no code. */
function isText(decrypted: string | null, code: string): boolean {
  return decrypted !== null && isSameText(decrypted, code);
}

/** The MAC of a code serves the one it was made for. */
function bound({ prefix, key }: VerificationKey, code: string): string {
  return `${prefix}${key}:${code}`;
}
