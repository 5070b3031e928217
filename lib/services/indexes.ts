import { isDeepStrictEqual } from "node:util";
import type { Collection, IndexDefinition, IndexOptions } from "mongoose";
import { isDuplicateKey, isUnavailable } from "./database-errors.ts";

/** What the indexes of a model are known by. */
export interface IndexedModel {
  readonly collection: Collection;
  readonly schema: { indexes(): [IndexDefinition, IndexOptions][] };
}

/** One index as a schema declares it. */
interface DeclaredIndex {
  readonly key: Readonly<Record<string, 1 | -1>>;
  readonly options: {
    readonly unique?: true;
    readonly partialFilterExpression?: Readonly<Record<string, unknown>>;
    readonly expireAfterSeconds?: number;
  };
}

/** An index that could not be built. */
export interface IndexFailure {
  readonly collection: string;
  /** Field names, in order. */
  readonly fields: readonly string[];
  readonly unique: boolean;
  /** Values that occur more than once; null when duplicates are not the reason, or were too many to count. */
  readonly duplicates: number | null;
  readonly reason: string;
}

/** What `ensureIndexes()` did; an index is written as `user: email`. */
export interface IndexReport {
  readonly built: readonly string[];
  readonly failed: readonly IndexFailure[];
}

/** Milliseconds for counting duplicates; the answer is for a warning only. */
const COUNT_MS = 5000;

/** Builds the missing indexes of these models; one that cannot be built does not prevent the others. */
export async function buildIndexes(models: readonly IndexedModel[]): Promise<IndexReport> {
  const built: string[] = [];
  const failed: IndexFailure[] = [];
  await Promise.all(
    models.map(async (model) => {
      for (const index of await buildTogether(model)) {
        const failure = index.error === null ? null : await explain(model, index);
        if (failure === null)
          built.push(`${model.collection.collectionName}: ${fieldsOf(index).join(", ")}`);
        else failed.push(failure);
      }
    }),
  );
  return { built, failed };
}

/** One sentence for the operator. */
export function describeFailure({
  collection,
  fields,
  unique,
  duplicates,
  reason,
}: IndexFailure): string {
  const name = `${unique ? "unique " : ""}index on ${collection} (${fields.join(", ")})`;
  if (duplicates === null) return `the ${name} could not be built: ${reason}`;
  return (
    `the ${name} could not be built: ${String(duplicates)} value(s) occur more than once. ` +
    "Until they are removed and ensureIndexes() is called, new ones are refused by a look-up only."
  );
}

type Attempt = DeclaredIndex & { readonly error: unknown };

/** All indexes of a collection in one command; one by one when that fails. */
async function buildTogether(model: IndexedModel): Promise<Attempt[]> {
  const indexes = declaredIndexes(model);
  const done = (index: DeclaredIndex): Attempt => ({ ...index, error: null });
  try {
    await model.collection.createIndexes(indexes.map(({ key, options }) => ({ key, ...options })));
    return indexes.map(done);
  } catch (error) {
    if (isUnavailable(error)) throw error;
    const attempts: Attempt[] = [];
    for (const index of indexes) attempts.push(await buildOne(model, index));
    return attempts;
  }
}

async function buildOne(model: IndexedModel, index: DeclaredIndex): Promise<Attempt> {
  try {
    await model.collection.createIndexes([{ key: index.key, ...index.options }]);
    return { ...index, error: null };
  } catch (error) {
    return { ...index, error: (await existsUnderAnotherName(model, index)) ? null : error };
  }
}

/** An operator may have built it already; MongoDB refuses to build it again under our name. */
async function existsUnderAnotherName(
  { collection }: IndexedModel,
  { key, options }: DeclaredIndex,
): Promise<boolean> {
  const existing = await collection.indexes();
  return existing.some(
    (index) =>
      JSON.stringify(index.key) === JSON.stringify(key) &&
      index.unique === options.unique &&
      index.expireAfterSeconds === options.expireAfterSeconds &&
      isDeepStrictEqual(index.partialFilterExpression, options.partialFilterExpression) &&
      index.sparse !== true &&
      index.collation === undefined,
  );
}

function declaredIndexes(model: IndexedModel): DeclaredIndex[] {
  return model.schema.indexes().map(([key, options]) => {
    const { unique, partialFilterExpression, expireAfterSeconds } = options;
    return {
      key: directions(key),
      options: {
        ...(unique === true && { unique }),
        ...(partialFilterExpression !== undefined && { partialFilterExpression }),
        ...(typeof expireAfterSeconds === "number" && { expireAfterSeconds }),
      },
    };
  });
}

function directions(key: IndexDefinition): Record<string, 1 | -1> {
  const pairs = Object.entries(key).map(([field, direction]) => {
    return [field, direction === -1 ? -1 : 1] as const;
  });
  return Object.fromEntries(pairs);
}

function fieldsOf({ key }: DeclaredIndex): string[] {
  return Object.keys(key);
}

/** Connection failures are thrown on, so that `ready()` tries again. */
async function explain(model: IndexedModel, index: Attempt): Promise<IndexFailure> {
  const { error } = index;
  if (isUnavailable(error)) throw error;
  if (isDuplicateKey(error)) await buildStandIn(model, index);
  return {
    collection: model.collection.collectionName,
    fields: fieldsOf(index),
    unique: index.options.unique === true,
    duplicates: isDuplicateKey(error) ? await countDuplicates(model, index) : null,
    reason: error instanceof Error ? error.message : String(error),
  };
}

/** Look-ups need an index, whether or not values are unique. Of one key MongoDB takes no second index: `_id` is added. */
async function buildStandIn(
  { collection }: IndexedModel,
  { key, options: { partialFilterExpression } }: DeclaredIndex,
): Promise<void> {
  const partial = partialFilterExpression === undefined ? {} : { partialFilterExpression };
  try {
    await collection.createIndexes([{ key: { ...key, _id: 1 }, ...partial }]);
  } catch (error) {
    if (isUnavailable(error)) throw error;
  }
}

async function countDuplicates(model: IndexedModel, index: DeclaredIndex): Promise<number | null> {
  const value = Object.fromEntries(fieldsOf(index).map((field) => [field, `$${field}`]));
  const pipeline = [
    { $match: index.options.partialFilterExpression ?? {} },
    { $group: { _id: value, rows: { $sum: 1 } } },
    { $match: { rows: { $gt: 1 } } },
    { $count: "duplicates" },
  ];
  try {
    const options = { allowDiskUse: true, maxTimeMS: COUNT_MS };
    const [counted] = await model.collection
      .aggregate<{ duplicates: number }>(pipeline, options)
      .toArray();
    return counted?.duplicates ?? null;
  } catch {
    return null;
  }
}
