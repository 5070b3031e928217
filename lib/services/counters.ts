import { LRUCache } from "lru-cache";
import type { Counters, CounterRule, Database, Taken } from "../context.ts";
import { withDeadline } from "../models/deadline.ts";
import type { Models } from "../models/index.ts";
import { createId } from "../models/id.ts";
import { isDuplicateKey } from "./database-errors.ts";

/** Keys that a process remembers at most; the least recently used goes first. */
const MAX_KEYS = 100_000;

/** What is stored of a key. */
interface Count {
  readonly count: number;
  /** Milliseconds since the epoch of the last counted one. */
  readonly lastRequest: number;
}

/** Whether one more is within the rule; a refused one does not count and does not move the window. */
function judge(
  known: Count | null | undefined,
  { max, window }: CounterRule,
  nowMs: number,
): Taken {
  const windowMs = window * 1000;
  const isOpen = known != null && nowMs - known.lastRequest <= windowMs;
  const count = isOpen ? known.count : 0;
  if (count >= max) {
    const resetsInMs = (known?.lastRequest ?? nowMs) + windowMs - nowMs;
    return { allowed: false, count, resetsInMs };
  }
  return { allowed: true, count: count + 1, resetsInMs: windowMs };
}

/** Counts in this process. */
export function createMemoryCounters(now: () => Date): Counters {
  const counts = new LRUCache<string, Count>({ max: MAX_KEYS });
  return {
    take(key, rule) {
      const nowMs = now().getTime();
      const taken = judge(counts.get(key), rule, nowMs);
      if (taken.allowed) counts.set(key, { count: taken.count, lastRequest: nowMs });
      return Promise.resolve(taken);
    },
    giveBack(key) {
      const known = counts.get(key);
      if (known !== undefined) counts.set(key, { ...known, count: Math.max(0, known.count - 1) });
      return Promise.resolve();
    },
    clear(key) {
      counts.delete(key);
      return Promise.resolve();
    },
  };
}

/** Counts in the `rateLimit` collection, shared by all processes; each count is one atomic operation. */
export function createDatabaseCounters(
  database: Database,
  models: Models,
  now: () => Date,
): Counters {
  return {
    async take(key, rule) {
      if (!database.isReady) await withDeadline(database.ready());
      const nowMs = now().getTime();
      const before = await countOnce(models, key, rule, nowMs);
      return judge(before, rule, nowMs);
    },
    async giveBack(key) {
      await models.RateLimit.updateOne(
        { key },
        [{ $set: { count: { $max: [0, { $subtract: ["$count", 1] }] } } }],
        { updatePipeline: true },
      );
    },
    async clear(key) {
      await models.RateLimit.deleteOne({ key });
    },
  };
}

/** The count as it was before; two first ones of a key may meet, then the unique index lets one in. */
async function countOnce(
  models: Models,
  key: string,
  rule: CounterRule,
  nowMs: number,
): Promise<Count | null> {
  const write = () =>
    models.RateLimit.findOneAndUpdate({ key }, countingStep(rule, nowMs), {
      upsert: true,
      returnDocument: "before",
      updatePipeline: true,
    }).lean();
  try {
    return await write();
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    return write();
  }
}

/** The rule of `judge`, in the database's words. */
function countingStep({ max, window }: CounterRule, nowMs: number) {
  const windowMs = window * 1000;
  const elapsed = { $subtract: [nowMs, { $ifNull: ["$lastRequest", 0] }] };
  const count = { $cond: [{ $lte: [elapsed, windowMs] }, { $ifNull: ["$count", 0] }, 0] };
  const refused = { $gte: [count, max] };
  return [
    {
      $set: {
        _id: { $ifNull: ["$_id", createId()] },
        count: { $cond: [refused, "$count", { $add: [count, 1] }] },
        lastRequest: { $cond: [refused, "$lastRequest", nowMs] },
        expiresAt: { $cond: [refused, "$expiresAt", new Date(nowMs + windowMs)] },
      },
    },
  ];
}
