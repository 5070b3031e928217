import DataLoader from "dataloader";
import type { Database, FoundSession, SessionLookup, SessionRow } from "../context.ts";
import { hashToken } from "../crypto/token.ts";
import { withDeadline } from "../models/deadline.ts";
import { idForms, type Id } from "../models/id.ts";
import type { Models } from "../models/index.ts";
import type { Session } from "../models/session.ts";
import type { User } from "../models/user.ts";
import { DatabaseUnavailable } from "./database-errors.ts";
import { anyOf } from "./filter.ts";

/** A session with its user beside it, as the aggregation brings it. */
type JoinedRow = Session & { readonly user: User[] };

/** The forms in which a token may be stored: ours, and the plain one of a row that Better Auth wrote. */
export function storedForms(token: string): [hashed: string, plain: string] {
  return [hashToken(token), token];
}

/**
 * Finds sessions and their users, always fresh from the database's primary: all look-ups of one event-loop turn
 * share one indexed aggregation.
 */
export function createSessionLookup(
  database: Database,
  models: Models,
  now: () => Date,
): SessionLookup {
  const loader = new DataLoader(
    (requests: readonly (readonly string[])[]) => findAll(database, models, now(), requests),
    { cache: false, maxBatchSize: 500, batchScheduleFn: setImmediate },
  );
  return { find: (tokens) => loader.load(tokens) };
}

async function findAll(
  database: Database,
  models: Models,
  now: Date,
  requests: readonly (readonly string[])[],
): Promise<FoundSession[]> {
  const forms = requests.map((tokens) => tokens.map(storedForms));
  const rows = await joinedRows(database, models, forms.flat(2));
  const byToken = new Map(rows.map((row) => [row.token, row]));
  return forms.map((tokens) => pickFirst(tokens, byToken, now));
}

/** The first token whose session is live; the others' expired rows are reported for deletion. */
function pickFirst(
  tokens: readonly (readonly [hashed: string, plain: string])[],
  rows: ReadonlyMap<string, JoinedRow>,
  now: Date,
): FoundSession {
  const expired: Id[] = [];
  let live: SessionRow | null = null;
  for (const [hashed, plain] of tokens) {
    const session = rows.get(hashed) ?? rows.get(plain);
    if (session === undefined || !hasDates(session)) continue;
    const user = session.user[0];
    if (session.expiresAt <= now) expired.push(session._id);
    else if (user !== undefined) live ??= { session, user, token: plain };
  }
  return { live, expired };
}

/** A row edited by hand may lack them; then it is no session. */
function hasDates({ expiresAt, createdAt, updatedAt }: JoinedRow): boolean {
  return [expiresAt, createdAt, updatedAt].every((date) => date instanceof Date);
}

async function joinedRows(
  database: Database,
  models: Models,
  tokens: string[],
): Promise<JoinedRow[]> {
  const { db } = database.connection;
  if (db === undefined) throw new DatabaseUnavailable("not connected");
  const users = models.User.collection.collectionName;
  const pipeline = [
    { $match: { token: { $in: tokens } } },
    { $lookup: { from: users, localField: "userId", foreignField: "_id", as: "user" } },
  ];
  // By default a second command would bring the rows after the first 101.
  const batchSize = tokens.length;
  const rows = await withDeadline(
    db
      .collection(models.Session.collection.collectionName)
      .aggregate<JoinedRow>(pipeline, { readPreference: "primary", batchSize })
      .toArray(),
  );
  const isComplete = rows.every(({ user }) => user.length > 0);
  return isComplete ? rows : Promise.all(rows.map((row) => withUser(models, row)));
}

/** An older row may refer to its user by the text of an ObjectId, which the join does not match. */
async function withUser(models: Models, row: JoinedRow): Promise<JoinedRow> {
  if (row.user.length > 0 || typeof row.userId !== "string") return row;
  const others = idForms(row.userId).filter((id) => typeof id !== "string");
  if (others.length === 0) return row;
  const user = await models.User.findOne({ _id: anyOf(others) }).lean();
  return user === null ? row : { ...row, user: [user] };
}
