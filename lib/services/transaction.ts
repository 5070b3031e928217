import type { ClientSession, Model } from "mongoose";
import type { AuthContext } from "../context.ts";
import { DeadlineExceeded, OPERATION_DEADLINE_MS, withDeadline } from "../models/deadline.ts";

/** A running transaction; undefined outside one, and on a standalone server. */
export type Transaction = ClientSession | undefined;

/**
 * Changes several documents together. On a standalone server the same steps run one after the other, so write
 * them in an order that fails safe.
 *
 * @param work gets the transaction's session, undefined on a standalone server; may run more than once
 * @throws DeadlineExceeded when it takes longer than one operation may; nothing is committed after that
 */
export async function inTransaction<T>(
  { database }: Pick<AuthContext, "database">,
  work: (transaction: ClientSession | undefined) => Promise<T>,
): Promise<T> {
  if (!database.transactions) return work(undefined);
  // Not Mongoose's own: that one waits for its buffer, which a reconnection does not empty.
  const session = database.connection.getClient().startSession();
  const giveUpAt = performance.now() + OPERATION_DEADLINE_MS;
  const run = session.withTransaction(async () => {
    const result = await work(session);
    if (performance.now() > giveUpAt) throw new DeadlineExceeded("transaction took too long");
    return result;
  });
  return withDeadline(run).finally(() => {
    run
      .catch(() => undefined)
      .then(() => session.endSession())
      .catch(() => undefined);
  });
}

/** Inserts one row, with the deadline of every operation. */
export async function insert<T>(
  model: Model<T>,
  row: T,
  transaction: ClientSession | undefined,
): Promise<void> {
  const document = new model(row);
  await withDeadline<unknown>(document.save({ session: transaction ?? null }));
}
