import { LRUCache } from "lru-cache";
import type { Counters, CounterRule, Database, Log, Taken } from "../context.ts";
import { OPERATION_DEADLINE_MS, withDeadline } from "../models/deadline.ts";
import type { Models } from "../models/index.ts";
import { createId } from "../models/id.ts";
import { DatabaseUnavailable, isDuplicateKey, isUnavailable } from "./database-errors.ts";

/** Keys that a process remembers at most; the least recently used goes first. */
const MAX_KEYS = 100_000;
/** Milliseconds that a request waits for a count which it can do without. */
const PATIENCE_MS = 250;
/** Milliseconds after which a counter that Better Auth left behind may go; hardly any window is longer. */
const LEFT_BEHIND_MS = 86_400_000;

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
  const at = { countedAt: nowMs, countedBefore: known?.lastRequest ?? null };
  if (count >= max) {
    const resetsInMs = (known?.lastRequest ?? nowMs) + windowMs - nowMs;
    return { allowed: false, count, resetsInMs, ...at };
  }
  return { allowed: true, count: count + 1, resetsInMs: windowMs, ...at };
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
    giveBack(key, { countedAt, countedBefore }) {
      const known = counts.get(key);
      if (known !== undefined) {
        const isLast = known.lastRequest === countedAt && countedBefore !== null;
        counts.set(key, {
          count: Math.max(0, known.count - 1),
          lastRequest: isLast ? countedBefore : known.lastRequest,
        });
      }
      return Promise.resolve();
    },
    clear(key) {
      counts.delete(key);
      return Promise.resolve();
    },
  };
}

/**
 * Lets MongoDB remove the counters that Better Auth left behind, a day from now: its rows have no `expiresAt`, and most
 * clients never come again. One that is counted before gets the expiry of its window.
 *
 * @throws what says that the database is unreachable; other failures are logged
 */
export async function expireLeftBehind({ RateLimit }: Models, log: Log): Promise<void> {
  const expiresAt = { $add: ["$$NOW", LEFT_BEHIND_MS] };
  try {
    await RateLimit.updateMany({ expiresAt: null }, [{ $set: { expiresAt } }], {
      updatePipeline: true,
    });
  } catch (error) {
    if (isUnavailable(error)) throw error;
    log.warn("rate limits: counters of Better Auth stay in the database", error);
  }
}

/** What `createDatabaseCounters` needs. */
export interface DatabaseCountersOptions {
  readonly database: Database;
  readonly models: Models;
  /** What happens to what cannot be counted: 503, or it passes uncounted. */
  readonly onStoreFailure: "open" | "closed";
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Counts in the `rateLimit` collection, shared by all processes; each count is one atomic operation.
 *
 * `take` rejects with an error that means 503 when it cannot count, or lets pass; the others only log, because what they
 * follow has happened already.
 */
export function createDatabaseCounters(options: DatabaseCountersOptions): Counters {
  const { database, models, onStoreFailure, log, now } = options;
  const isOpen = onStoreFailure === "open";

  async function count(key: string, rule: CounterRule): Promise<Taken> {
    if (!database.isReady) await database.ready();
    const nowMs = now().getTime();
    return judge(await countOnce(models, key, rule, nowMs), rule, nowMs);
  }

  async function afterwards(what: string, work: () => Promise<unknown>): Promise<void> {
    await withDeadline(work(), PATIENCE_MS).catch((error: unknown) => {
      log.warn(`rate limits: a count could not be ${what}`, error);
    });
  }

  return {
    async take(key, rule) {
      try {
        return await withDeadline(count(key, rule), isOpen ? PATIENCE_MS : OPERATION_DEADLINE_MS);
      } catch (cause) {
        if (!isOpen) throw asUnavailable(cause);
        log.error("rate limits: the counters cannot be used; a request passes uncounted", cause);
        const nowMs = now().getTime();
        return { allowed: true, count: 0, resetsInMs: 0, countedAt: nowMs, countedBefore: null };
      }
    },
    giveBack: (key, taken) =>
      afterwards("given back", () =>
        models.RateLimit.updateOne({ key }, givingBackStep(taken), { updatePipeline: true }).exec(),
      ),
    clear: (key) => afterwards("cleared", () => models.RateLimit.deleteOne({ key }).exec()),
  };
}

/** Whatever is wrong with the collection (a validator, say), it is not the client's fault. */
function asUnavailable(cause: unknown): unknown {
  if (isUnavailable(cause)) return cause;
  return new DatabaseUnavailable("rate limits: the counters cannot be used", { cause });
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
  const endsAt = new Date(nowMs + windowMs);
  return [
    {
      $set: {
        _id: { $ifNull: ["$_id", createId()] },
        count: { $cond: [refused, "$count", { $add: [count, 1] }] },
        lastRequest: { $cond: [refused, "$lastRequest", nowMs] },
        expiresAt: { $cond: [refused, { $ifNull: ["$expiresAt", endsAt] }, endsAt] },
      },
    },
  ];
}

/** The window goes back too, unless something else was counted meanwhile. */
function givingBackStep({ countedAt, countedBefore }: Taken) {
  const isLast = { $eq: ["$lastRequest", countedAt] };
  return [
    {
      $set: {
        count: { $max: [0, { $subtract: ["$count", 1] }] },
        lastRequest: { $cond: [isLast, countedBefore ?? countedAt, "$lastRequest"] },
      },
    },
  ];
}
