import type { mongo } from "mongoose";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { reasonOf } from "./run.ts";

/** Name of the replica set. */
export const REPLICA_SET = "rs0";

const DEADLINE_MS = 90_000;
const SLOW_MS = 3_000;

const configSchema = z.looseObject({
  version: z.number(),
  members: z.array(z.looseObject({ host: z.string() })).min(1),
});

/** Options of {@link becomePrimary}. */
export interface BecomePrimaryOptions {
  /** "127.0.0.1:27217" */
  readonly address: string;
  /** Whether the data folder holds a replica set already; it is not loaded at once. */
  readonly initiated: boolean;
  /** Throws when the server has ended. */
  readonly assertRunning: () => Promise<void>;
  readonly log: (line: string) => void;
}

/**
 * Makes the server the primary of a replica set of one: initiates a new one, gives an old one its new address, waits.
 *
 * A server whose address changed first connects to the old one, to learn whether that is itself. Where a stranger
 * accepts the connection there and keeps silent, this takes 30 s.
 *
 * @param client a direct connection
 * @throws Error after 90 s, with what the server said last
 */
export async function becomePrimary(
  client: mongo.MongoClient,
  { address, initiated, assertRunning, log }: BecomePrimaryOptions,
): Promise<void> {
  const started = Date.now();
  let last: unknown = "it has not become primary";
  let told = false;
  while (Date.now() - started < DEADLINE_MS) {
    await assertRunning();
    try {
      if (await advance(client.db("admin"), address, initiated)) return;
    } catch (error) {
      last = error; // Connections close when the state of the server changes: look again.
    }
    if (!told && Date.now() - started > SLOW_MS) {
      told = true;
      log("MongoDB is looking for its former address, where something else answers (up to 40 s)");
    }
    await sleep(20);
  }
  throw new Error(`MongoDB did not start its replica set: ${reasonOf(last)}`);
}

/** One step towards a primary; true when it is one. */
async function advance(admin: mongo.Db, address: string, initiated: boolean): Promise<boolean> {
  const hello = await admin.command({ hello: 1 });
  if (hello["isWritablePrimary"] === true) return true;
  const config = await readConfig(admin);
  if (config === undefined && !initiated) await initiate(admin, address);
  if (config !== undefined && config.members[0]?.host !== address) {
    const members = [{ ...config.members[0], host: address }];
    await admin.command({ replSetReconfig: { ...config, members }, force: true });
  }
  return false;
}

async function readConfig(admin: mongo.Db): Promise<z.infer<typeof configSchema> | undefined> {
  try {
    const answer = await admin.command({ replSetGetConfig: 1 });
    return configSchema.parse(answer["config"]);
  } catch (error) {
    if (error instanceof Error && "codeName" in error && error.codeName === "NotYetInitialized") {
      return undefined;
    }
    throw error;
  }
}

async function initiate(admin: mongo.Db, address: string): Promise<void> {
  await admin.command({
    replSetInitiate: {
      _id: REPLICA_SET,
      members: [{ _id: 0, host: address }],
      settings: { electionTimeoutMillis: 500 },
    },
  });
}
