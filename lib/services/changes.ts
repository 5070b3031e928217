import type { Model, QueryFilter } from "mongoose";
import type { AuthContext } from "../context.ts";
import type { Id } from "../models/id.ts";
import type { Documents } from "../models/index.ts";
import { changeHooks, type WatchedName } from "./database-hooks.ts";
import { inTransaction, insert, type Transaction } from "./transaction.ts";

// Every write of users, sessions, accounts and verifications goes through here. Without hooks each is one command;
// with hooks it runs in a transaction with them.

type Filter<N extends WatchedName> = QueryFilter<Documents[N]>;

/**
 * Inserts a row.
 *
 * @returns it as stored: hooks may have added to it
 * @throws ChangeRefused
 */
export async function createRow<N extends WatchedName>(
  auth: AuthContext,
  name: N,
  row: Documents[N],
  transaction: Transaction,
): Promise<Documents[N]> {
  if (changeHooks(auth, name, "create") === null) {
    await storeRow(auth, name, row, transaction);
    return row;
  }
  return within(auth, transaction, async (own) => {
    const prepared = await prepareRow(auth, name, row, own);
    await storeRow(auth, name, prepared, own);
    return prepared;
  });
}

/** First half of `createRow`, in the same transaction as the second: what hooks make of the row. */
export async function prepareRow<N extends WatchedName>(
  auth: AuthContext,
  name: N,
  row: Documents[N],
  transaction: Transaction,
): Promise<Documents[N]> {
  const hooks = changeHooks(auth, name, "create");
  return hooks === null ? row : Object.assign({ ...row }, await hooks.before(row, transaction));
}

/** Second half of `createRow`. */
export async function storeRow<N extends WatchedName>(
  auth: AuthContext,
  name: N,
  prepared: Documents[N],
  transaction: Transaction,
): Promise<void> {
  const model: Model<Documents[N]> = auth.models[name];
  await insert(model, prepared, transaction);
  await changeHooks(auth, name, "create")?.after(prepared, transaction);
}

/**
 * Inserts a row, or puts it in the place of the one with its `_id`; to hooks it is an insert.
 *
 * @param pretended without the hooks, in as many steps
 * @throws ChangeRefused
 */
export async function putRow<N extends WatchedName>(
  auth: AuthContext,
  name: N,
  row: Documents[N],
  { pretended = false } = {},
): Promise<Documents[N]> {
  const model: Model<Documents[N]> = auth.models[name];
  const filter: Filter<N> = { _id: row._id };
  // Parallel upserts of one `_id`: the server itself tries the refused ones again.
  const put = async (changed: Documents[N], own: Transaction) => {
    await model.replaceOne(filter, changed, { upsert: true }).session(own ?? null);
    return changed;
  };
  const hooks = changeHooks(auth, name, "create");
  if (hooks === null) return put(row, undefined);
  return within(auth, undefined, async (own) => {
    if (pretended) return put(row, own);
    const changed = await put(Object.assign({ ...row }, await hooks.before(row, own)), own);
    await hooks.after(changed, own);
    return changed;
  });
}

/**
 * Changes the one row that is as expected; of parallel calls that expect the same, one does.
 *
 * @returns it as it is now; null when none is as expected
 * @throws ChangeRefused
 */
export async function changeRow<N extends WatchedName>(
  auth: AuthContext,
  name: N,
  expected: Filter<N>,
  changes: Partial<Documents[N]>,
  transaction?: Transaction,
): Promise<Documents[N] | null> {
  const model: Model<Documents[N]> = auth.models[name];
  const change = async ($set: Partial<Documents[N]>, own: Transaction) => {
    const query = model.findOneAndUpdate(expected, { $set }, { returnDocument: "after" });
    return query.session(own ?? null).lean<Documents[N]>();
  };
  const hooks = changeHooks(auth, name, "update");
  if (hooks === null) return change(changes, transaction);
  return within(auth, transaction, async (own) => {
    const found = await model
      .findOne(expected)
      .session(own ?? null)
      .lean<Documents[N]>();
    if (found === null) return null;
    const added = await hooks.before({ ...changes, _id: found._id }, own);
    const changed = await change(Object.assign({ ...changes }, added), own);
    if (changed !== null) await hooks.after(changed, own);
    return changed;
  });
}

/**
 * Changes every row that is as expected.
 *
 * @returns how many were
 * @throws ChangeRefused
 */
export async function changeRows<N extends WatchedName>(
  auth: AuthContext,
  name: N,
  expected: Filter<N>,
  changes: Partial<Documents[N]>,
  transaction?: Transaction,
): Promise<number> {
  const model: Model<Documents[N]> = auth.models[name];
  if (changeHooks(auth, name, "update") === null) {
    const { matchedCount } = await model
      .updateMany(expected, { $set: changes })
      .session(transaction ?? null);
    return matchedCount;
  }
  return eachRow(auth, model, expected, transaction, (one, own) =>
    changeRow(auth, name, one, changes, own),
  );
}

/**
 * Deletes the one row that is as expected; of parallel calls, one gets it.
 *
 * @param sort which of several
 * @throws ChangeRefused
 */
export async function deleteRow<N extends WatchedName>(
  auth: AuthContext,
  name: N,
  expected: Filter<N>,
  {
    sort,
    transaction,
  }: { sort?: Readonly<Record<string, 1 | -1>>; transaction?: Transaction } = {},
): Promise<Documents[N] | null> {
  const model: Model<Documents[N]> = auth.models[name];
  const order = sort === undefined ? {} : { sort };
  const remove = async (filter: Filter<N>, own: Transaction) =>
    model
      .findOneAndDelete(filter, order)
      .session(own ?? null)
      .lean<Documents[N]>();
  const hooks = changeHooks(auth, name, "delete");
  if (hooks === null) return remove(expected, transaction);
  return within(auth, transaction, async (own) => {
    const found = await model
      .findOne(expected, null, order)
      .session(own ?? null)
      .lean<Documents[N]>();
    if (found === null) return null;
    await hooks.before(found, own);
    const deleted = await remove({ ...expected, _id: found._id }, own);
    if (deleted !== null) await hooks.after(deleted, own);
    return deleted;
  });
}

/**
 * Deletes every row that is as expected.
 *
 * @returns how many were
 * @throws ChangeRefused
 */
export async function deleteRows<N extends WatchedName>(
  auth: AuthContext,
  name: N,
  expected: Filter<N>,
  transaction?: Transaction,
): Promise<number> {
  const model: Model<Documents[N]> = auth.models[name];
  if (changeHooks(auth, name, "delete") === null) {
    const { deletedCount } = await model.deleteMany(expected).session(transaction ?? null);
    return deletedCount;
  }
  return eachRow(auth, model, expected, transaction, (one, own) =>
    deleteRow(auth, name, one, { transaction: own }),
  );
}

/** @returns for how many rows `work` had an effect */
async function eachRow<T extends { _id: Id }>(
  auth: AuthContext,
  model: Model<T>,
  expected: QueryFilter<T>,
  transaction: Transaction,
  work: (one: QueryFilter<T>, own: Transaction) => Promise<unknown>,
): Promise<number> {
  return within(auth, transaction, async (own) => {
    const rows = await model
      .find(expected, { _id: 1 })
      .session(own ?? null)
      .lean<{ _id: Id }[]>();
    let count = 0;
    for (const { _id } of rows) {
      if ((await work({ ...expected, _id }, own)) !== null) count += 1;
    }
    return count;
  });
}

/** In the running transaction, else in one of its own. */
function within<T>(
  auth: AuthContext,
  transaction: Transaction,
  work: (own: Transaction) => Promise<T>,
): Promise<T> {
  return transaction === undefined ? inTransaction(auth, work) : work(transaction);
}
