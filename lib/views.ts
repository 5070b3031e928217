import { formatId } from "./models/id.ts";
import type { Session } from "./models/session.ts";
import type { User } from "./models/user.ts";

declare const publicRecord: unique symbol;

/** A user as answers show it; only `views.user` makes one. Features and the app add fields to it. */
export interface PublicUser {
  readonly [publicRecord]: "user";
  /** 24 hex digits (or the text of an own id generator). */
  readonly id: string;
  readonly name: string;
  /** Lower case. */
  readonly email: string;
  readonly emailVerified: boolean;
  readonly image: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Puts the user of an instance in the place of `PublicUser`, wherever an answer has one. */
export type WithUser<T, U> = T extends PublicUser
  ? U
  : T extends Date
    ? T
    : T extends object
      ? { [K in keyof T]: WithUser<T[K], U> }
      : T;

/** A session as answers show it; only `views.session` makes one. Features and the app add fields to it. */
export interface PublicSession {
  readonly [publicRecord]: "session";
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

/** A field beyond the protocol's core. */
export interface ExtraField {
  /** Name in the database. */
  readonly stored: string;
  /** Value shown when it is unset. */
  readonly unset: unknown;
  /** Makes the shown value of the stored one. */
  readonly show?: ((value: unknown) => unknown) | undefined;
}

/** Fields by the name that answers give them. */
export type ExtraFields = ReadonlyMap<string, ExtraField>;

/** Documents to public records: nothing leaves that is not named here, by a feature, or by the app. */
export interface Views {
  user(user: Readonly<User>): PublicUser;
  session(session: Readonly<Session>, token: string): PublicSession;
  /** Names of the fields that features and the app add, for OpenAPI and the docs. */
  readonly extra: { readonly user: ExtraFields; readonly session: ExtraFields };
}

/**
 * Makes the views of an instance.
 */
export function createViews(extra: Views["extra"]): Views {
  return {
    extra,
    user(user) {
      // Rows of other programs may lack it.
      const emailVerified: unknown = user.emailVerified;
      const view = {
        id: formatId(user._id),
        name: user.name,
        email: user.email,
        emailVerified: emailVerified === true,
        image: user.image ?? null,
        createdAt: user.createdAt,
        updatedAt: user.updatedAt,
      };
      return addExtra(view, user, extra.user) as PublicUser;
    },
    session(session, token) {
      const view = {
        id: formatId(session._id),
        expiresAt: session.expiresAt,
        token,
        createdAt: session.createdAt,
        updatedAt: session.updatedAt,
        ipAddress: session.ipAddress ?? "",
        userAgent: session.userAgent ?? "",
        userId: formatId(session.userId),
      };
      return addExtra(view, session, extra.session) as PublicSession;
    },
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

/** The handle under which a list names a session whose token it does not have. */
export function sessionHandle(session: Readonly<Session>): string {
  return `session_${formatId(session._id)}`;
}
