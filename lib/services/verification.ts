import { createHash } from "node:crypto";
import { Types, type ClientSession } from "mongoose";
import type { AuthContext } from "../context.ts";
import { ALPHANUMERIC, hashToken, randomToken } from "../crypto/token.ts";
import { createId, formatId, type Id } from "../models/id.ts";
import type { Verification } from "../models/verification.ts";
import type { StoreIdentifier } from "../options.ts";
import { createRow, deleteRow, deleteRows, putRow } from "./changes.ts";
import { isDuplicateKey } from "./database-errors.ts";
import { after, anyOf, noneOf, startingWith } from "./filter.ts";

/** What a short-lived proof is for: the front of its identifier, and the form of its secret part. */
export interface Purpose {
  readonly prefix: string;
  readonly length: number;
  /** Characters of the secret part; letters and digits by default. */
  readonly alphabet?: string;
}

const LOWER_ALPHANUMERIC = "0123456789abcdefghijklmnopqrstuvwxyz";
const URL_SAFE = `${ALPHANUMERIC}-_`;

/** Token of the mail that resets a password (docs/protocol.md §9). */
export const PASSWORD_RESET: Purpose = { prefix: "reset-password:", length: 24 };
/** Token of the mail that deletes an account. */
export const ACCOUNT_DELETION: Purpose = {
  prefix: "delete-account-",
  length: 32,
  alphabet: LOWER_ALPHANUMERIC,
};
/** A sign-in that waits for its second factor. */
export const PENDING_SIGN_IN: Purpose = { prefix: "2fa-", length: 20, alphabet: URL_SAFE };
/** A browser that needs no second factor. */
export const TRUSTED_DEVICE: Purpose = { prefix: "trust-device-", length: 32, alphabet: URL_SAFE };

/** A proof with its row, which does not know the secret. */
interface Issued {
  readonly secret: string;
  readonly row: Verification;
}

/** Whom a proof is for. */
export interface Issuing {
  readonly userId: Id;
  /** Seconds. */
  readonly expiresIn: number;
  /** Of the browser that the proof is tied to, if to any. */
  readonly userAgent?: string;
  /** Whether what comes of it outlives the browser. */
  readonly rememberMe?: boolean;
}

/**
 * Issues a short-lived proof that stands for a user.
 *
 * @returns its secret, for the mail; nowhere stored
 */
export async function issueVerification(
  auth: AuthContext,
  purpose: Purpose,
  issuing: Issuing,
): Promise<string> {
  const { secret, row } = await newVerification(auth, purpose, issuing);
  await createRow(auth, "Verification", row, undefined);
  return secret;
}

/**
 * As `issueVerification`, and ends what the user had of this purpose. There is one row per user, under an id made of
 * both: of parallel calls the last to be written stays, whatever the clocks of their processes say.
 */
export async function issueSoleVerification(
  auth: AuthContext,
  purpose: Purpose,
  issuing: Issuing,
): Promise<string> {
  const { secret, row } = await putSole(auth, purpose, issuing);
  const { _id, value } = row;
  // Rows of Better Auth, which keeps every one.
  const others = { value, identifier: startingWith(purpose.prefix), _id: noneOf([_id]) };
  await deleteRows(auth, "Verification", others);
  return secret;
}

/** The same writes as `issueSoleVerification`, for nobody; leaves nothing. */
export async function pretendToIssueSole(
  auth: AuthContext,
  purpose: Purpose,
  { expiresIn }: Omit<Issuing, "userId">,
): Promise<void> {
  const nobody = createId();
  const { row } = await putSole(auth, purpose, { userId: nobody, expiresIn }, { pretended: true });
  // Without the app's hooks, which would tell of nobody.
  await auth.models.Verification.deleteMany({ value: row.value });
}

async function putSole(
  auth: AuthContext,
  purpose: Purpose,
  issuing: Issuing,
  { pretended = false } = {},
): Promise<Issued> {
  const issued = await newVerification(auth, purpose, issuing);
  const _id = idOf(purpose.prefix + issued.row.value);
  const row = await putRow(auth, "Verification", { ...issued.row, _id }, { pretended });
  return { ...issued, row };
}

/** The same id for the same text, so that there is one row for it. */
function idOf(text: string): Types.ObjectId {
  const digest = createHash("sha256").update(text, "utf8").digest("hex");
  return Types.ObjectId.createFromHexString(digest.slice(0, 24));
}

async function newVerification(
  auth: AuthContext,
  purpose: Purpose,
  { userId, expiresIn, ...others }: Issuing,
): Promise<Issued> {
  const secret = randomToken(purpose.length, purpose.alphabet);
  const createdAt = auth.now();
  const row = {
    _id: createId(),
    identifier: await storedIdentifier(auth, purpose, secret),
    value: formatId(userId),
    ...others,
    expiresAt: new Date(createdAt.getTime() + expiresIn * 1000),
    createdAt,
    updatedAt: createdAt,
  };
  return { secret, row };
}

/** The purpose stays in front, whatever the form; only the plain one, by Better Auth's choice, has no colon behind. */
async function storedIdentifier(
  auth: AuthContext,
  { prefix }: Pick<Purpose, "prefix">,
  secret: string,
): Promise<string> {
  const form = storedForm(auth, prefix);
  if (form === "plain") return prefix + secret;
  if (form === "hashed") return prefix + hashToken(secret);
  return `${prefix}c1:${await form.hash(prefix + secret)}`;
}

function storedForm({ config }: AuthContext, prefix: string): StoreIdentifier {
  const { storeIdentifier } = config.verification;
  if (typeof storeIdentifier === "string" || "hash" in storeIdentifier) return storeIdentifier;
  const { overrides, default: standard } = storeIdentifier;
  const own = Object.entries(overrides).find(([front]) => prefix.startsWith(front));
  return own?.[1] ?? standard;
}

/** The newest live row of a presented secret; null when it is unknown, used or expired. */
export async function findVerification(
  auth: AuthContext,
  purpose: Purpose,
  secret: string,
): Promise<Verification | null> {
  const { models, now } = auth;
  const identifiers = await identifiersOf(auth, purpose, secret);
  if (identifiers === null) return null;
  return models.Verification.findOne({ identifier: anyOf(identifiers), expiresAt: after(now()) })
    .sort({ createdAt: -1 })
    .lean();
}

/** Uses a presented secret up: of parallel calls, one gets the row and the others null. */
export async function consumeVerification(
  auth: AuthContext,
  purpose: Purpose,
  secret: string,
  transaction?: ClientSession,
): Promise<Verification | null> {
  const identifiers = await identifiersOf(auth, purpose, secret);
  if (identifiers === null) return null;
  const filter = { identifier: anyOf(identifiers), expiresAt: after(auth.now()) };
  return deleteRow(auth, "Verification", filter, { sort: { createdAt: -1 }, transaction });
}

/**
 * As it is stored now, hashed, and plain as Better Auth stores it. A value with a colon is refused before any look-up,
 * so that nothing read from the database opens anything.
 */
async function identifiersOf(
  auth: AuthContext,
  purpose: Purpose,
  secret: string,
): Promise<string[] | null> {
  const { length } = purpose;
  const characters = purpose.alphabet === URL_SAFE ? /^[\w-]+$/ : /^[A-Za-z0-9]+$/;
  if (secret.length !== length || !characters.test(secret)) return null;
  return formsOf(auth, purpose, secret);
}

async function formsOf(
  auth: AuthContext,
  { prefix }: Pick<Purpose, "prefix">,
  secret: string,
): Promise<string[]> {
  const current = await storedIdentifier(auth, { prefix }, secret);
  return [...new Set([current, prefix + hashToken(secret), prefix + secret])];
}

/** Ends the open proofs of a purpose that stand for this user. */
export async function deleteVerifications(
  auth: AuthContext,
  prefix: string,
  userId: Id,
  transaction?: ClientSession,
): Promise<void> {
  const filter = { value: formatId(userId), identifier: startingWith(prefix) };
  await deleteRows(auth, "Verification", filter, transaction);
}

/** A row that is found by what both sides know (a pending sign-in, a session), not by an issued secret of its own. */
export interface VerificationKey {
  readonly prefix: string;
  readonly key: string;
}

/** What such a row holds. */
export type KeyedValue = Pick<Verification, "value" | "expiresAt">;

/** Stores the row of a key in place of the one before. */
export async function putKeyed(
  auth: AuthContext,
  by: VerificationKey,
  content: KeyedValue,
): Promise<void> {
  const row = await keyedRow(auth, by, content);
  await putRow(auth, "Verification", row);
  // Rows of Better Auth, which keeps every one.
  const identifier = anyOf(await formsOf(auth, by, by.key));
  await deleteRows(auth, "Verification", { identifier, _id: noneOf([row._id]) });
}

/** Stores the row of a key unless there is one; of parallel calls, one does. */
export async function addKeyed(
  auth: AuthContext,
  by: VerificationKey,
  content: KeyedValue,
): Promise<void> {
  try {
    await createRow(auth, "Verification", await keyedRow(auth, by, content), undefined);
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
  }
}

/** The newest live row of a key; null when there is none. */
export async function findKeyed(
  auth: AuthContext,
  by: VerificationKey,
): Promise<Verification | null> {
  return auth.models.Verification.findOne(await liveKeyed(auth, by))
    .sort({ createdAt: -1 })
    .lean();
}

/** Uses the row of a key up: of parallel calls, one gets it and the others null. */
export async function consumeKeyed(
  auth: AuthContext,
  by: VerificationKey,
): Promise<Verification | null> {
  return deleteRow(auth, "Verification", await liveKeyed(auth, by), { sort: { createdAt: -1 } });
}

async function liveKeyed(auth: AuthContext, by: VerificationKey) {
  const identifier = anyOf(await formsOf(auth, by, by.key));
  return { identifier, expiresAt: after(auth.now()) };
}

async function keyedRow(
  auth: AuthContext,
  { prefix, key }: VerificationKey,
  content: KeyedValue,
): Promise<Verification> {
  const createdAt = auth.now();
  return {
    _id: idOf(prefix + key),
    identifier: await storedIdentifier(auth, { prefix }, key),
    ...content,
    createdAt,
    updatedAt: createdAt,
  };
}
