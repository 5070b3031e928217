import { sign, signingKey } from "../../lib/crypto/signature.ts";
import { hashToken, randomToken } from "../../lib/crypto/token.ts";
import type { Session } from "../../lib/index.ts";
import { createId, parseId } from "../../lib/models/id.ts";
import { TEST_SECRET, type TestApp, type TestSession } from "./app.ts";

/** Session cookie names without `__Secure-`: the one that is set by default, and Better Auth's. */
export const OWN_COOKIE = "better-auth.session-token";
export const OFFICIAL_COOKIE = "better-auth.session_token";

const key = signingKey(TEST_SECRET);

/** `<token>.<signature>`, as `set-auth-token` carries it. */
export function signed(value: string): string {
  return sign(value, key);
}

/** One pair of a `Cookie` header, with a signed value. */
export function signedCookie(name: string, value: string): string {
  return `${name}=${encodeURIComponent(signed(value))}`;
}

/** The same session with a signature that no key made. */
export function tampered(value: string): string {
  const text = signed(value);
  const at = text.lastIndexOf(".") + 1;
  return text.slice(0, at) + (text.charAt(at) === "A" ? "B" : "A") + text.slice(at + 1);
}

/** A session that stands in the database without a sign-in. */
export interface StoredSession extends TestSession {
  readonly id: string;
}

/** Stores a session of this user, seven days long, as this package does; `fields` differ. */
export async function insertSession(
  { auth, clock }: TestApp,
  userId: string,
  fields: Partial<Session> = {},
): Promise<StoredSession> {
  const token = randomToken(32);
  const createdAt = clock.now();
  const row = {
    _id: createId(),
    token: hashToken(token),
    userId: parseId(userId) ?? userId,
    expiresAt: new Date(createdAt.getTime() + 604_800_000),
    ipAddress: "",
    userAgent: "",
    createdAt,
    updatedAt: createdAt,
    ...fields,
  };
  await new auth.models.Session(row).save();
  return { id: String(row._id), token, cookie: signedCookie(OWN_COOKIE, token) };
}

/** As `insertSession`, with the token as it was issued: the form of Better Auth's rows. */
export async function insertOfficialSession(
  t: TestApp,
  userId: string,
  fields: Partial<Session> = {},
): Promise<StoredSession> {
  const token = randomToken(32);
  const { id } = await insertSession(t, userId, { token, ...fields });
  return { id, token, cookie: signedCookie(OFFICIAL_COOKIE, token) };
}

/** The stored row of a token, null when there is none. */
export function findRow({ auth }: TestApp, token: string): Promise<Session | null> {
  return auth.models.Session.findOne({ token: hashToken(token) })
    .lean()
    .exec();
}

/** How many sessions a user has, expired ones included. */
export function countRows({ auth }: TestApp, userId: string): Promise<number> {
  return auth.models.Session.countDocuments({ userId: parseId(userId) ?? userId }).exec();
}
