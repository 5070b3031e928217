import { formatId } from "./models/id.ts";
import type { KnownSession } from "./models/session.ts";
import type { User } from "./models/user.ts";

declare const madeBy: unique symbol;

/**
 * A user as answers show it; features and the app add fields to it. An alias, because an interface would not do as a
 * record.
 */
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions
export type PublicUser = {
  /** 24 hex digits (or the text of an own id generator). */
  readonly id: string;
  readonly name: string;
  /** Lower case. */
  readonly email: string;
  readonly emailVerified: boolean;
  readonly image: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

/** A session as answers show it; features and the app add fields to it. */
export interface PublicSession {
  readonly id: string;
  /** The session token for its owner; a handle `session_<id>`, which opens nothing, in lists. */
  readonly token: string;
  readonly userId: string;
  readonly expiresAt: Date;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Empty if unknown. */
  readonly ipAddress: string;
  /** Empty if unknown. */
  readonly userAgent: string;
}

/** A user for an answer; only `views.user` makes one. */
export interface UserView extends PublicUser {
  readonly [madeBy]: "views.user";
}

/** A session for an answer; only `views.session` makes one. */
export interface SessionView extends PublicSession {
  readonly [madeBy]: "views.session";
}

/** A session with its user, as answers show them. */
export interface ShownSession {
  readonly session: PublicSession;
  readonly user: PublicUser;
}

/** The same for an answer; only `views.active` and `views.restore` make one. */
export interface ActiveView {
  readonly session: SessionView;
  readonly user: UserView;
}

/** A field beyond the protocol's core. */
export interface ExtraField {
  /** Name in the database. */
  readonly stored: string;
  /** Value shown when it is unset. */
  readonly unset: unknown;
  /** Makes the shown value of the stored one. */
  readonly show?: ((value: unknown) => unknown) | undefined;
  /** Whether it is shown as a Date (which JSON turns into text). */
  readonly isDate: boolean;
}

/** Fields by the name that answers give them. */
export type ExtraFields = ReadonlyMap<string, ExtraField>;

/** A session and its user as stored, or what was shown of them. */
interface Showable {
  readonly session: Readonly<KnownSession>;
  readonly user: Readonly<User>;
  readonly token: string;
  readonly shown?: ActiveView | undefined;
}

/** Documents to public records: nothing leaves that is not named here, by a feature, or by the app. */
export interface Views {
  user(user: Readonly<User>): UserView;
  session(session: Readonly<KnownSession>, token: string): SessionView;
  /** The session of a request with its user. */
  active(active: Showable): ActiveView;
  /** Reads back what `active` showed and JSON carried; null when it is anything else. */
  restore(json: unknown): ActiveView | null;
  /** Names of the fields that features and the app add, for OpenAPI and the docs. */
  readonly extra: { readonly user: ExtraFields; readonly session: ExtraFields };
}

/**
 * Makes the views of an instance.
 */
export function createViews(extra: Views["extra"]): Views {
  const views: Views = {
    extra,
    user: (user) => addExtra(coreOfUser(user), user, extra.user) as UserView,
    session: (session, token) =>
      addExtra(coreOfSession(session, token), session, extra.session) as SessionView,
    active: ({ session, user, token, shown }) =>
      shown ?? { session: views.session(session, token), user: views.user(user) },
    restore(json) {
      if (!isRecord(json)) return null;
      const session = restoreRecord(json["session"], SESSION_READERS, extra.session);
      const user = restoreRecord(json["user"], USER_READERS, extra.user);
      if (session === null || user === null) return null;
      return { session: session as SessionView, user: user as UserView };
    },
  };
  return views;
}

function coreOfUser(user: Readonly<User>): object {
  // Rows of other programs may lack it.
  const emailVerified: unknown = user.emailVerified;
  return {
    id: formatId(user._id),
    name: user.name,
    email: user.email,
    emailVerified: emailVerified === true,
    image: user.image ?? null,
    createdAt: user.createdAt,
    updatedAt: user.updatedAt,
  };
}

function coreOfSession(session: Readonly<KnownSession>, token: string): object {
  return {
    id: formatId(session._id),
    expiresAt: session.expiresAt,
    token,
    createdAt: session.createdAt,
    updatedAt: session.updatedAt,
    ipAddress: session.ipAddress ?? "",
    userAgent: session.userAgent ?? "",
    userId: formatId(session.userId),
  };
}

function addExtra(view: object, row: object, extra: ExtraFields): unknown {
  if (extra.size === 0) return view;
  const target = view as Record<string, unknown>;
  const source = row as Record<string, unknown>;
  for (const [name, { stored, unset, show }] of extra) {
    const value = source[stored] ?? unset;
    target[name] = show === undefined ? value : show(value);
  }
  return target;
}

/** Reads a value out of JSON; undefined when it is of another type. */
type Reader = (value: unknown) => unknown;

const readText: Reader = (value) => (typeof value === "string" ? value : undefined);
const readDate: Reader = (value) => {
  const date = new Date(typeof value === "string" ? value : NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
};
const readDateOrNull: Reader = (value) => (value === null ? null : readDate(value));
/** Better Auth leaves unset fields out. */
const readTextOr = (unset: string | null): Reader => {
  return (value) => (value === undefined || value === null ? unset : readText(value));
};

const USER_READERS: Readonly<Record<string, Reader>> = {
  id: readText,
  name: readText,
  email: readText,
  emailVerified: (value) => value === true,
  image: readTextOr(null),
  createdAt: readDate,
  updatedAt: readDate,
};

const SESSION_READERS: Readonly<Record<string, Reader>> = {
  id: readText,
  expiresAt: readDate,
  token: readText,
  createdAt: readDate,
  updatedAt: readDate,
  ipAddress: readTextOr(""),
  userAgent: readTextOr(""),
  userId: readText,
};

function restoreRecord(
  json: unknown,
  core: Readonly<Record<string, Reader>>,
  extra: ExtraFields,
): unknown {
  if (!isRecord(json)) return null;
  const view: Record<string, unknown> = {};
  for (const [name, read] of Object.entries(core)) view[name] = read(json[name]);
  for (const [name, { isDate }] of extra) {
    if (Object.hasOwn(json, name)) view[name] = isDate ? readDateOrNull(json[name]) : json[name];
  }
  if (Object.values(view).includes(undefined)) return null;
  return addExtra(view, {}, new Map([...extra].filter(([name]) => !Object.hasOwn(view, name))));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** The handle under which a list names a session whose token it does not have. */
export function sessionHandle(session: Readonly<KnownSession>): string {
  return `session_${formatId(session._id)}`;
}
