import type { ClientSession } from "mongoose";
import type { AuthContext } from "../context.ts";
import { CREDENTIAL, type Account } from "../models/account.ts";
import { createId, formatId, referenceForms, type Id } from "../models/id.ts";
import { changeRow, changeRows, createRow } from "./changes.ts";
import { isDuplicateKey } from "./database-errors.ts";
import { anyOf } from "./filter.ts";
import { revokeSessions } from "./session.ts";
import {
  deleteVerifications,
  PASSWORD_RESET,
  PENDING_SIGN_IN,
  TRUSTED_DEVICE,
} from "./verification.ts";

/** The password account of a user, of several that which sign-in uses; null without one. */
export async function findCredential({ models }: AuthContext, userId: Id): Promise<Account | null> {
  const userReference = anyOf(referenceForms(userId));
  const own: Account[] = await models.Account.find({
    userId: userReference,
    providerId: CREDENTIAL,
  }).lean();
  const id = formatId(userId);
  return own.find(({ accountId }) => accountId === id) ?? own[0] ?? null;
}

/** The row of a password account. */
export function credentialAccount(userId: Id, password: string, createdAt: Date): Account {
  return {
    _id: createId(),
    accountId: formatId(userId),
    providerId: CREDENTIAL,
    userId,
    password,
    createdAt,
    updatedAt: createdAt,
  };
}

/**
 * Stores a password hash whatever was there before (in every password account, should there be several), and creates
 * the account where there was none.
 */
export async function putPassword(
  auth: AuthContext,
  userId: Id,
  hash: string,
  transaction: ClientSession | undefined,
): Promise<void> {
  const updatedAt = auth.now();
  const own = { userId: anyOf(referenceForms(userId)), providerId: CREDENTIAL };
  const changes = { password: hash, updatedAt };
  if ((await changeRows(auth, "Account", own, changes, transaction)) > 0) return;
  await createRow(auth, "Account", credentialAccount(userId, hash, updatedAt), transaction);
}

/**
 * Gives a user without a password one.
 *
 * @returns false when the user has one already; of parallel calls, one succeeds
 */
export async function addPassword(auth: AuthContext, userId: Id, hash: string): Promise<boolean> {
  const updatedAt = auth.now();
  const own = { userId: anyOf(referenceForms(userId)), providerId: CREDENTIAL };
  const without = { ...own, password: anyOf([null, ""]) };
  const filled = await changeRow(auth, "Account", without, { password: hash, updatedAt });
  if (filled !== null) return true;
  if ((await findCredential(auth, userId)) !== null) return false;
  try {
    await createRow(auth, "Account", credentialAccount(userId, hash, updatedAt), undefined);
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/**
 * The off switch of a password: open reset tokens and sign-ins that wait for a second factor end, and with `sessions`
 * every session and trusted device too. Goes into the transaction that changes the password.
 */
export async function endOldCredentials(
  auth: AuthContext,
  userId: Id,
  { sessions, transaction }: { sessions: boolean; transaction: ClientSession | undefined },
): Promise<void> {
  await deleteVerifications(auth, PASSWORD_RESET.prefix, userId, transaction);
  await deleteVerifications(auth, PENDING_SIGN_IN.prefix, userId, transaction);
  if (!sessions) return;
  await revokeSessions(auth, userId, { transaction });
  await deleteVerifications(auth, TRUSTED_DEVICE.prefix, userId, transaction);
}
