import type { ClientSession, QueryFilter } from "mongoose";
import type { ActiveSession, AuthContext, Call } from "../context.ts";
import type { Account } from "../models/account.ts";
import { createId, formatId, idForms, referenceForms, type Id } from "../models/id.ts";
import type { User } from "../models/user.ts";
import { updatesOf } from "./additional-fields.ts";
import { changeRow, createRow, deleteRow, deleteRows, prepareRow, storeRow } from "./changes.ts";
import { credentialAccount } from "./credential.ts";
import { isDuplicateKey, isUnavailable } from "./database-errors.ts";
import { anyOf } from "./filter.ts";
import { createSession } from "./session.ts";
import { inTransaction } from "./transaction.ts";

/** Fields of a user about to be created; what is left out gets its default. */
export type NewUser = Pick<User, "name" | "email"> & Partial<User>;

/** How a user signs up. */
export interface SignUpOptions {
  /** Ready for storage. */
  readonly passwordHash: string;
  /** Null: the user is not signed in. */
  readonly session: { readonly persistent: boolean } | null;
}

/** What became of a sign-up. */
export interface SignedUp {
  /** Whether the address was taken; then nothing is stored, and `user` is who would have been. */
  readonly isTaken: boolean;
  readonly user: User;
  /** The session, if one was asked for. */
  readonly active: ActiveSession | null;
}

/**
 * Creates a user with a password, and their first session, all or nothing. On a standalone server the account goes
 * first: what is left of a crash is an account of nobody, never a user who cannot sign in. Whether the address is taken
 * is decided by the unique index.
 */
export async function signUpWithPassword(
  call: Call,
  fields: NewUser,
  { passwordHash, session }: SignUpOptions,
): Promise<SignedUp> {
  const { auth } = call;
  const drafted = await newUser(call, fields);
  const account = credentialAccount(drafted._id, passwordHash, drafted.createdAt);
  let user = drafted;
  const taken = () => ({ isTaken: true, user, active: null });
  if (await isTakenWithoutIndex(auth, user.email)) return taken();
  let active: ActiveSession | null;
  try {
    active = await inTransaction(auth, async (transaction) => {
      user = await prepareRow(auth, "User", drafted, transaction);
      if (transaction === undefined) await createRow(auth, "Account", account, transaction);
      await storeRow(auth, "User", user, transaction);
      if (transaction !== undefined) await createRow(auth, "Account", account, transaction);
      return session === null ? null : createSession(call, user, { ...session, transaction });
    });
  } catch (error) {
    if (!auth.database.transactions && !isUnavailable(error)) await takeBack(call, account);
    if (isDuplicateKey(error, "email")) return taken();
    throw error;
  }
  for (const hooks of auth.hooks) await hooks.afterUserCreate?.(call, user);
  return { isTaken: false, user, active };
}

/** A user with the features' additions, not yet stored. */
export async function newUser(call: Call, fields: NewUser): Promise<User> {
  const { auth } = call;
  const createdAt = auth.now();
  const user: User = {
    _id: createId(),
    emailVerified: false,
    createdAt,
    updatedAt: createdAt,
    ...fields,
  };
  for (const hooks of auth.hooks) Object.assign(user, await hooks.beforeUserCreate?.(call, user));
  return user;
}

/** Finds a user by an id in its outside form, a stored verification's `value` say; null when there is none. */
export function findUserById({ models }: AuthContext, id: string): Promise<User | null> {
  return models.User.findOne({ _id: anyOf(idForms(id)) })
    .lean()
    .exec();
}

/**
 * Changes fields of a user who is as expected; `updatedAt` and what the app's fields make at every update come with it.
 *
 * @returns null when no user is
 */
export async function updateUser(
  auth: AuthContext,
  expected: Pick<User, "_id"> & QueryFilter<User>,
  changes: Partial<User>,
  transaction?: ClientSession,
): Promise<User | null> {
  const made = updatesOf(auth.config.user.additionalFields);
  const all = { ...made, ...changes, updatedAt: auth.now() };
  return changeRow(auth, "User", expected, all, transaction);
}

/**
 * Deletes a user and everything that refers to them, in one transaction. On a standalone server the user goes last, and
 * before it the accounts, so that a crash leaves someone who can sign in and try again.
 *
 * @returns false when the user was gone already; of parallel calls, one gets true
 */
export async function deleteUser(auth: AuthContext, userId: Id): Promise<boolean> {
  const isDeleted = await inTransaction(auth, async (transaction) => {
    await deleteReferences(auth, userId, transaction);
    return (await deleteRow(auth, "User", { _id: userId }, { transaction })) !== null;
  });
  // What requests under way have added meanwhile; from now on there is no user to add anything to.
  await deleteReferences(auth, userId, undefined).catch((error: unknown) => {
    auth.log.error("what was added to a user during their deletion could not be deleted", error);
  });
  return isDeleted;
}

async function deleteReferences(
  auth: AuthContext,
  userId: Id,
  transaction: ClientSession | undefined,
): Promise<void> {
  const userReference = anyOf(referenceForms(userId));
  await deleteRows(auth, "Session", { userId: userReference }, transaction);
  await deleteRows(auth, "Verification", { value: formatId(userId) }, transaction);
  await deleteRows(auth, "Account", { userId: userReference }, transaction);
  await auth.models.TwoFactor.deleteMany({ userId: userReference }).session(transaction ?? null);
}

/** Where old duplicates keep the unique index from being built, a look-up is all that is left. */
export async function isTakenWithoutIndex(auth: AuthContext, email: string): Promise<boolean> {
  const { User } = auth.models;
  if (!auth.database.lacksIndex(User.collection.collectionName, "email")) return false;
  return (await User.exists({ email })) !== null;
}

/**
 * Removes what a refused sign-up has stored on a standalone server, the account last. Not for a write of unknown outcome:
 * it may still arrive, and must then find its account.
 */
async function takeBack({ auth }: Call, account: Account): Promise<void> {
  const { User, Account, Session } = auth.models;
  try {
    await Session.deleteMany({ userId: account.userId });
    await User.deleteOne({ _id: account.userId });
    await Account.deleteOne({ _id: account._id });
  } catch (error) {
    auth.log.error("a refused sign-up could not be taken back", error);
  }
}
