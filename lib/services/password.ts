import type { AuthContext } from "../context.ts";
import { isCommonPassword } from "../crypto/common-passwords.ts";
import {
  hashOfficialPassword,
  hashPassword,
  isOfficialHash,
  spendHash,
  verifyPassword,
} from "../crypto/password.ts";
import { failures, type ErrorTable } from "../errors.ts";
import { changeRow } from "./changes.ts";
import { exactly } from "./filter.ts";
import { CREDENTIAL, type Account } from "../models/account.ts";
import { withDeadline } from "../models/deadline.ts";
import { formatId } from "../models/id.ts";
import type { User } from "../models/user.ts";
import { isBreachedPassword } from "./breached-passwords.ts";

/** Codes of every endpoint that sets a password. */
export const newPasswordErrors = {
  PASSWORD_TOO_SHORT: [400, "Password too short"],
  PASSWORD_TOO_LONG: [400, "Password too long"],
  PASSWORD_COMPROMISED: [
    400,
    "The password you entered has been compromised. Please choose a different password.",
  ],
} as const satisfies ErrorTable;
const fail = failures(newPasswordErrors);

/**
 * Checks a password that is about to be set: length in UTF-16 units, whether guessers would try it first, and with
 * `haveIBeenPwned` whether it is known from breaches.
 *
 * @param owner whose address or username it must not be
 * @throws AuthError PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, PASSWORD_COMPROMISED (400)
 */
export async function checkNewPassword(
  auth: AuthContext,
  password: string,
  owner: Pick<User, "email" | "username">,
): Promise<void> {
  const { minPasswordLength, maxPasswordLength, blockCommonPasswords, haveIBeenPwned } =
    auth.config.emailAndPassword;
  if (password.length < minPasswordLength) throw fail("PASSWORD_TOO_SHORT");
  if (password.length > maxPasswordLength) throw fail("PASSWORD_TOO_LONG");
  if (blockCommonPasswords && (await isGuessable(password, owner))) {
    throw fail("PASSWORD_COMPROMISED");
  }
  // Last, because it asks another server.
  if (haveIBeenPwned && (await isBreachedPassword(auth, password))) {
    throw fail("PASSWORD_COMPROMISED");
  }
}

async function isGuessable(
  password: string,
  { email, username }: Pick<User, "email" | "username">,
): Promise<boolean> {
  const own = [email, username].map((name) => name?.toLowerCase());
  return own.includes(password.normalize("NFKC").toLowerCase()) || isCommonPassword(password);
}

/** The form in which a password is stored. */
export function hashForStorage({ config }: AuthContext, password: string): Promise<string> {
  const { hash, cost } = config.emailAndPassword.password;
  if (hash !== undefined) return hash(password);
  if (config.advanced.compatibility === "better-auth") return hashOfficialPassword(password);
  return hashPassword(password, cost);
}

/** What a user signs in with, in its stored form. */
export type Login =
  | { /** Lower case. */ readonly email: string }
  | { /** As the feature normalises it. */ readonly username: string };

/** A user whose password was right. */
export interface ProvenUser {
  readonly user: User;
  /** Reads the user again; null when they are gone, or the password has been changed meanwhile. */
  readonly current: () => Promise<User | null>;
}

/**
 * Finds the user of an address by password. Costs the same for unknown addresses, accounts without a password and
 * wrong passwords: one query and one hash. A hash of another format than would be stored now, or of a lower cost, is
 * replaced.
 *
 * @returns null when they do not belong together
 */
export async function findUserByPassword(
  auth: AuthContext,
  login: Login,
  password: string,
): Promise<ProvenUser | null> {
  const found = await findCredentials(auth, login);
  if (isTooLong(auth, password)) return null;
  const stored = found?.account?.password;
  if (found === null || stored === undefined || stored === null) {
    await spendSameWork(auth, password);
    return null;
  }
  if (!(await matches(auth, found.account, stored, password))) return null;
  return { user: found.user, current: () => findAgain(auth, login, found.user, stored, password) };
}

async function findAgain(
  auth: AuthContext,
  login: Login,
  { _id }: User,
  verified: string,
  password: string,
): Promise<User | null> {
  const found = await findCredentials(auth, login);
  const stored = found?.account?.password;
  if (found === null || typeof stored !== "string") return null;
  if (formatId(found.user._id) !== formatId(_id)) return null;
  // Another hash need not be another password: it may have been renewed by this sign-in, or one beside it.
  const isSame = stored === verified || (await matches(auth, null, stored, password));
  return isSame ? found.user : null;
}

interface Credentials {
  readonly user: User;
  readonly account: Account | null;
}

/** User and password account in one indexed read; older rows may refer to the user by the text of the id. */
async function findCredentials({ models }: AuthContext, login: Login): Promise<Credentials | null> {
  const from = models.Account.collection.collectionName;
  const foreignField = "userId";
  const found = models.User.aggregate<User & { accounts: Account[]; older: Account[] }>([
    // The index of usernames has only those that are texts.
    { $match: "username" in login ? { username: exactly(login.username, "string") } : login },
    { $limit: 1 },
    { $lookup: { from, localField: "_id", foreignField, as: "accounts" } },
    // A UUID has no text form in older servers; its own form finds nothing further.
    { $set: { older: { $convert: { input: "$_id", to: "string", onError: "$_id" } } } },
    { $lookup: { from, localField: "older", foreignField, as: "older" } },
  ]);
  const [row] = await withDeadline(found.read("primary").exec());
  if (row === undefined) return null;
  const { accounts, older, ...user } = row;
  const own = [...accounts, ...older].filter(({ providerId }) => providerId === CREDENTIAL);
  const id = formatId(user._id);
  return { user, account: own.find(({ accountId }) => accountId === id) ?? own[0] ?? null };
}

async function matches(
  auth: AuthContext,
  account: Account | null,
  stored: string,
  password: string,
): Promise<boolean> {
  const { verify, cost } = auth.config.emailAndPassword.password;
  if (verify !== undefined) return verify({ hash: stored, password });
  const result = await verifyPassword(stored, password, cost);
  const official = auth.config.advanced.compatibility === "better-auth";
  const isStale = official ? !isOfficialHash(stored) : result.outdated;
  if (result.matches && isStale && account !== null) {
    await replaceHash(auth, account, stored, password);
  }
  return result.matches;
}

/** Only while the stored hash is still the verified one: a change of the password meanwhile wins. */
async function replaceHash(
  auth: AuthContext,
  { _id }: Account,
  verified: string,
  password: string,
): Promise<void> {
  try {
    const hash = await hashForStorage(auth, password);
    await changeRow(auth, "Account", { _id, password: verified }, { password: hash });
  } catch (error) {
    auth.log.warn("a password hash could not be renewed", error);
  }
}

/** A hash of an over-long text would be a way to keep the processor busy. */
function isTooLong({ config }: AuthContext, password: string): boolean {
  return password.length > config.emailAndPassword.maxPasswordLength;
}

/** Whether a password belongs to a stored hash; an over-long one is refused without hashing it. */
export async function matchesPassword(
  auth: AuthContext,
  stored: string,
  password: string,
): Promise<boolean> {
  if (isTooLong(auth, password)) return false;
  return matches(auth, null, stored, password);
}

/** Does the work of a check whose answer is known, so that the time does not tell. */
export async function spendSameWork(auth: AuthContext, password: string): Promise<void> {
  if (isTooLong(auth, password)) return;
  const { hash, cost } = auth.config.emailAndPassword.password;
  await (hash === undefined ? spendHash(password, cost) : hash(password));
}
