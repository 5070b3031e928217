import type { ClientSession } from "mongoose";
import type { AuthContext } from "../context.ts";
import { hashToken, randomToken } from "../crypto/token.ts";
import { createId, formatId, type Id } from "../models/id.ts";
import type { Verification } from "../models/verification.ts";
import { after, anyOf, before, lessThan, startingWith } from "./filter.ts";
import { insert } from "./transaction.ts";

/** What a short-lived proof is for: the front of its identifier, and the form of its secret part. */
export interface Purpose {
  readonly prefix: string;
  readonly length: number;
  /** Characters of the secret part; letters and digits by default. */
  readonly alphabet?: string;
}

const LOWER_ALPHANUMERIC = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Contract data-model.md, "verification". */
export const PASSWORD_RESET: Purpose = { prefix: "reset-password:", length: 24 };
export const ACCOUNT_DELETION: Purpose = {
  prefix: "delete-account-",
  length: 32,
  alphabet: LOWER_ALPHANUMERIC,
};
/** Front of the identifiers of trusted devices (two-factor). */
export const TRUSTED_DEVICE_PREFIX = "trust-device-";

/** A secret that was issued, with the row that knows its hash. */
export interface Issued {
  /** For the mail; nowhere stored. */
  readonly secret: string;
  readonly row: Verification;
}

/**
 * Issues a short-lived proof.
 *
 * @param value what it stands for, usually the user's id
 * @param expiresIn seconds
 */
export async function issueVerification(
  auth: AuthContext,
  purpose: Purpose,
  { value, expiresIn }: { readonly value: string; readonly expiresIn: number },
): Promise<Issued> {
  const secret = randomToken(purpose.length, purpose.alphabet);
  const createdAt = auth.now();
  const row: Verification = {
    _id: createId(),
    identifier: purpose.prefix + storedSecret(auth, secret),
    value,
    expiresAt: new Date(createdAt.getTime() + expiresIn * 1000),
    createdAt,
    updatedAt: createdAt,
  };
  await insert(auth.models.Verification, row, undefined);
  return { secret, row };
}

function storedSecret({ config }: AuthContext, secret: string): string {
  return config.verification.storeIdentifier === "plain" ? secret : hashToken(secret);
}

/** The newest live row of a presented secret; null when it is unknown, used or expired. */
export async function findVerification(
  { models, now }: AuthContext,
  purpose: Purpose,
  secret: string,
): Promise<Verification | null> {
  const identifiers = identifiersOf(purpose, secret);
  if (identifiers === null) return null;
  return models.Verification.findOne({ identifier: anyOf(identifiers), expiresAt: after(now()) })
    .sort({ createdAt: -1 })
    .lean();
}

/** Uses a presented secret up: of parallel calls, one gets the row and the others null. */
export async function consumeVerification(
  { models, now }: AuthContext,
  purpose: Purpose,
  secret: string,
  transaction?: ClientSession,
): Promise<Verification | null> {
  const identifiers = identifiersOf(purpose, secret);
  if (identifiers === null) return null;
  const filter = { identifier: anyOf(identifiers), expiresAt: after(now()) };
  return models.Verification.findOneAndDelete(filter, { sort: { createdAt: -1 } })
    .session(transaction ?? null)
    .lean();
}

/**
 * Hashed, and plain as Better Auth stores it. A value with a colon is refused before any look-up, so that nothing
 * read from the database opens anything.
 */
function identifiersOf({ prefix, length }: Purpose, secret: string): string[] | null {
  if (secret.length !== length || !/^[A-Za-z0-9]+$/.test(secret)) return null;
  return [prefix + hashToken(secret), prefix + secret];
}

/** Ends the open proofs of a purpose that stand for this user. */
export async function deleteVerifications(
  { models }: AuthContext,
  prefix: string,
  userId: Id,
  transaction?: ClientSession,
): Promise<void> {
  const filter = { value: formatId(userId), identifier: startingWith(prefix) };
  await models.Verification.deleteMany(filter).session(transaction ?? null);
}

/** Ends the proofs of the same purpose and user that were issued before this one; of several, the newest stays. */
export async function deleteOlderVerifications(
  { models }: AuthContext,
  prefix: string,
  { _id, value, createdAt }: Verification,
): Promise<void> {
  await models.Verification.deleteMany({
    value,
    identifier: startingWith(prefix),
    $or: [{ createdAt: before(createdAt) }, { createdAt, _id: lessThan(_id) }],
  });
}
