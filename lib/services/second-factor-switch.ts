import type { ActiveSession, AuthContext, Call } from "../context.ts";
import { failCore, failures, type AuthError } from "../errors.ts";
import { formatId } from "../models/id.ts";
import type { Session } from "../models/session.ts";
import type { User } from "../models/user.ts";
import type { UserView } from "../views.ts";
import { changeRow, deleteRow } from "./changes.ts";
import { clearCookie } from "./cookies.ts";
import { credentialMark, isCurrentMark } from "./credential.ts";
import { consumePendingSignIn, isPending, type PendingCall } from "./pending-sign-in.ts";
import { codeErrors, findTwoFactor, type TwoFactorRules } from "./second-factor.ts";
import { createSession, isBanned, SessionRefused, setSessionCookies } from "./session.ts";
import { inTransaction, insert, type Transaction } from "./transaction.ts";
import { endTrust, trustDevice } from "./trusted-device.ts";
import { findUserById, updateUser } from "./user.ts";

const fail = failures(codeErrors);

/** Answer to a right code that signs in, or switches on. */
export interface Verified {
  readonly token: string;
  readonly user: UserView;
}

/**
 * What follows a right code: a pending sign-in gets its session, of parallel calls one; a session stays as it is.
 *
 * @throws AuthError INVALID_TWO_FACTOR_COOKIE, FAILED_TO_CREATE_SESSION (401), BANNED_USER (403)
 */
export async function complete(
  call: PendingCall,
  { trustDeviceMaxAge }: TwoFactorRules,
  { trustsDevice }: { readonly trustsDevice: boolean },
): Promise<Verified> {
  const { auth, active, request, reply } = call;
  const twoFactorVerifiedAt = auth.now();
  if (!isPending(active)) {
    await changeRow(auth, "Session", { _id: active.session._id }, { twoFactorVerifiedAt });
    return { token: active.token, user: auth.views.user(active.user) };
  }
  const { persistent } = active;
  const over = () => {
    clearCookie(reply, auth.cookies.twoFactor);
    return fail("INVALID_TWO_FACTOR_COOKIE");
  };
  const made = await withSession(auth, active.user, over, async (transaction) => {
    if (!(await consumePendingSignIn(auth, active, transaction))) throw over();
    const fields = { twoFactorVerifiedAt };
    return createSession(call, active.user, { persistent, fields, transaction });
  });
  clearCookie(reply, auth.cookies.twoFactor);
  const user = await stillThere(auth, made);
  if (trustsDevice) await trustLiving(call, made, trustDeviceMaxAge);
  await setSessionCookies(auth, request, reply, { ...made, user });
  if (trustsDevice) clearCookie(reply, auth.cookies.dontRemember);
  return { token: made.token, user: auth.views.user(user) };
}

/** What ends the session meanwhile ends all trust, but could not yet see this one. */
async function trustLiving(
  call: PendingCall,
  { user, session }: ActiveSession,
  maxAge: number,
): Promise<void> {
  await trustDevice(call, user, maxAge);
  if ((await call.auth.models.Session.exists({ _id: session._id })) !== null) return;
  await endTrust(call, user);
  throw fail("INVALID_TWO_FACTOR_COOKIE");
}

/** What ended the user's sessions meanwhile could not yet see this one. */
async function stillThere(auth: AuthContext, { user, session }: ActiveSession): Promise<User> {
  const now = await findUserById(auth, formatId(user._id));
  if (now !== null && !isBanned(now, auth.now())) return now;
  await deleteRow(auth, "Session", { _id: session._id });
  throw now === null ? fail("INVALID_TWO_FACTOR_COOKIE") : failCore("BANNED_USER");
}

/** How a user's second factor changes. */
export interface TwoFactorSwitch {
  readonly twoFactorEnabled: boolean;
  /** What the new session has proven. */
  readonly fields?: Pick<Session, "twoFactorVerifiedAt">;
}

/**
 * Changes whether a user has a second factor, with what belongs to it, and puts a new session in the place of the
 * caller's; all or nothing. On a standalone server a call that is overtaken changes nothing either, because the session
 * is taken first, and given back when it is refused.
 *
 * @param fields of the new session
 * @param change runs before the user is changed
 * @param ended made when the caller's session has ended meanwhile
 * @throws AuthError that of `change` and of `ended`; FAILED_TO_CREATE_SESSION (401)
 */
export async function switchTwoFactor(
  call: Call<ActiveSession>,
  { twoFactorEnabled, fields = {} }: TwoFactorSwitch,
  ended: () => AuthError,
  change: (transaction: Transaction) => Promise<void> = () => Promise.resolve(),
): Promise<ActiveSession> {
  const { auth, active, request, reply } = call;
  const { persistent } = active;
  const made = await withSession(auth, active.user, ended, async (transaction) => {
    const { _id } = active.user;
    const taken = await deleteRow(auth, "Session", { _id: active.session._id }, { transaction });
    if (taken === null) throw ended();
    if (transaction === undefined) await prepare(auth, taken, { _id, twoFactorEnabled }, change);
    else await change(transaction);
    const user = await updateUser(auth, { _id }, { twoFactorEnabled }, transaction);
    if (user === null) throw ended();
    const carried = { ...lastingFields(taken), ...fields };
    return createSession(call, user, { persistent, fields: carried, transaction });
  });
  await setSessionCookies(auth, request, reply, made);
  return made;
}

/**
 * The steps that a standalone server cannot take back by itself. Nobody is asked for a code any more before what gives
 * codes goes; a change that is refused leaves the session.
 */
async function prepare(
  { models }: AuthContext,
  taken: Session,
  { _id, twoFactorEnabled }: Pick<User, "_id" | "twoFactorEnabled">,
  change: (transaction: Transaction) => Promise<void>,
): Promise<void> {
  try {
    if (twoFactorEnabled !== true) {
      await models.User.updateOne({ _id }, { twoFactorEnabled: false });
    }
    await change(undefined);
  } catch (error) {
    await insert(models.Session, taken, undefined);
    throw error;
  }
}

/**
 * As `switchTwoFactor`, to a second factor that is an authenticator. On a standalone server another session of the user
 * may have switched it off, and its row away, in between: then it is off.
 *
 * @throws AuthError as `switchTwoFactor`
 */
export async function switchAuthenticatorOn(
  call: Call<ActiveSession>,
  { fields = {} }: Pick<TwoFactorSwitch, "fields">,
  ended: () => AuthError,
  change: (transaction: Transaction) => Promise<void>,
): Promise<ActiveSession> {
  const { auth, active } = call;
  const made = await switchTwoFactor(call, { twoFactorEnabled: true, fields }, ended, change);
  const { _id } = active.user;
  if (auth.database.transactions || (await findTwoFactor(auth, _id)) !== null) return made;
  await updateUser(auth, { _id }, { twoFactorEnabled: false });
  throw ended();
}

/** What a session hands on to the one that takes its place: the fields of the app and of features. */
function lastingFields(session: Session): Partial<Session> {
  const own: Partial<Session> = { ...session };
  for (const name of RENEWED_FIELDS) Reflect.deleteProperty(own, name);
  return own;
}

const RENEWED_FIELDS = [
  "_id",
  "token",
  "expiresAt",
  "createdAt",
  "updatedAt",
  "ipAddress",
  "userAgent",
  "twoFactorVerifiedAt",
] as const satisfies readonly (keyof Session)[];

/**
 * Makes a session in a transaction. On a standalone server a new password may come in between, and end the sessions that
 * it finds: then the new one ends as well.
 *
 * @param ended made in that case
 * @throws AuthError FAILED_TO_CREATE_SESSION (401) when the database refuses it; that of `ended`
 */
async function withSession(
  auth: AuthContext,
  { _id }: User,
  ended: () => AuthError,
  work: (transaction: Transaction) => Promise<ActiveSession>,
): Promise<ActiveSession> {
  const mark = auth.database.transactions ? null : await credentialMark(auth, _id);
  const made = await inTransaction(auth, work).catch((cause: unknown) => {
    throw cause instanceof SessionRefused ? fail("FAILED_TO_CREATE_SESSION", { cause }) : cause;
  });
  if (mark === null || (await isCurrentMark(auth, _id, mark))) return made;
  await deleteRow(auth, "Session", { _id: made.session._id });
  throw ended();
}
