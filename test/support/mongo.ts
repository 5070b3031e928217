import { startMongo } from "../../lib/dev/index.ts";

type Mongo = Awaited<ReturnType<typeof startMongo>>;

let shared: Promise<Mongo> | undefined;

/** The MongoDB server of this test run, a replica set; with `NOTABLESCAN=1` it refuses queries without an index. */
export function sharedMongo(): Promise<Mongo> {
  const args = process.env["NOTABLESCAN"] === "1" ? ["--setParameter", "notablescan=1"] : [];
  shared ??= startMongo({ args });
  return shared;
}

/** Ends it, if it was started. */
export async function stopSharedMongo(): Promise<void> {
  await (await shared)?.stop();
}

let databases = 0;

/** A URI for a database that nothing else uses. */
export async function freshDatabase(): Promise<string> {
  const { uri } = await sharedMongo();
  databases += 1;
  return withDatabase(uri, `test-${process.pid}-${databases}`);
}

/** The same server, another database. */
export function withDatabase(uri: string, name: string): string {
  const url = new URL(uri);
  url.pathname = `/${name}`;
  return url.href;
}

/**
 * `describe` for what has to look through a collection (databases whose unique index cannot be built, official servers,
 * which build none): left out where the server refuses that.
 */
export function describeWithScans(title: string, body: () => void): void {
  if (process.env["NOTABLESCAN"] === "1") describe.skip(title, body);
  else describe(title, body);
}
