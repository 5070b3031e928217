import type { KeyObject } from "node:crypto";
import type { ClientSession } from "mongoose";
import type { AuthContext } from "../context.ts";
import { hmacBase64url } from "../crypto/signature.ts";
import { CREDENTIAL, type Account } from "../models/account.ts";
import { createId, formatId, referenceForms, type Id } from "../models/id.ts";
import { changeRow, changeRows, createRow } from "./changes.ts";
import { isDuplicateKey } from "./database-errors.ts";
import { anyOf } from "./filter.ts";
import { revokeSessions } from "./session.ts";
import {
  ACCOUNT_DELETION,
  deleteVerifications,
  PASSWORD_RESET,
  PENDING_SIGN_IN,
  TRUSTED_DEVICE,
} from "./verification.ts";

/** Characters of a mark: 132 bits. */
const MARK_LENGTH = 22;

/** The password account of a user, of several that which sign-in uses; null without one. */
export async function findCredential(
  { models }: AuthContext,
  userId: Id,
  transaction?: ClientSession,
): Promise<Account | null> {
  const filter = { userId: anyOf(referenceForms(userId)), providerId: CREDENTIAL };
  const own: Account[] = await models.Account.find(filter)
    .session(transaction ?? null)
    .lean();
  const id = formatId(userId);
  return own.find(({ accountId }) => accountId === id) ?? own[0] ?? null;
}

/**
 * A text that stands for the password that a user has now, or for having none; it tells nothing of it. What was asked
 * for under another password is void by it.
 */
export async function credentialMark(auth: AuthContext, userId: Id): Promise<string> {
  return markOf(await findCredential(auth, userId), auth.keys.signing[0]);
}

/**
 * Whether a mark, made under any accepted secret, is that of the password which the user has now. In a transaction the
 * account is touched: a change of the password that is under way then collides with what is done under the mark.
 */
export async function isCurrentMark(
  auth: AuthContext,
  userId: Id,
  mark: string,
  transaction?: ClientSession,
): Promise<boolean> {
  const account = await findCredential(auth, userId, transaction);
  if (!auth.keys.signing.some((key) => markOf(account, key) === mark)) return false;
  if (account !== null && transaction !== undefined) {
    const { _id } = account;
    await auth.models.Account.updateOne({ _id }, { updatedAt: auth.now() }).session(transaction);
  }
  return true;
}

function markOf(account: Account | null, key: KeyObject): string {
  return hmacBase64url(`credential|${account?.password ?? ""}`, key).slice(0, MARK_LENGTH);
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
 * The off switch of a password: open reset and deletion tokens and sign-ins that wait for a second factor end, and with
 * `sessions` every session and trusted device too. Goes into the transaction that changes the password.
 */
export async function endOldCredentials(
  auth: AuthContext,
  userId: Id,
  { sessions, transaction }: { sessions: boolean; transaction: ClientSession | undefined },
): Promise<void> {
  await endMailedTokens(auth, userId, transaction);
  await deleteVerifications(auth, PENDING_SIGN_IN.prefix, userId, transaction);
  if (!sessions) return;
  await revokeSessions(auth, userId, { transaction });
  await deleteVerifications(auth, TRUSTED_DEVICE.prefix, userId, transaction);
}

/** Ends the tokens that were mailed to a user and act without a session. */
export async function endMailedTokens(
  auth: AuthContext,
  userId: Id,
  transaction: ClientSession | undefined,
): Promise<void> {
  await deleteVerifications(auth, PASSWORD_RESET.prefix, userId, transaction);
  await deleteVerifications(auth, ACCOUNT_DELETION.prefix, userId, transaction);
}

/**
 * Ends, once the old password is gone, the sessions that sign-ins with it made meanwhile: the transaction did not see
 * them, and they did not yet see the new password. Later ones notice by themselves.
 *
 * @param except the session that the change itself made
 */
export async function endOvertakenSessions(
  auth: AuthContext,
  userId: Id,
  except: Id | undefined,
): Promise<void> {
  try {
    await revokeSessions(auth, userId, except === undefined ? {} : { except });
    await deleteVerifications(auth, PENDING_SIGN_IN.prefix, userId);
  } catch (error) {
    auth.log.error("sessions made during a change of password could not be ended", error);
  }
}
