import { cpus, loadavg } from "node:os";
import { startMongo } from "../lib/dev/index.ts";
import { build } from "./build.ts";
import { seed, withDatabase } from "./data.ts";
import { startServer, type ServerOptions } from "./processes.ts";
import { figure, heading, missedTargets } from "./report.ts";
import { coldStart } from "./sections/cold-start.ts";
import { commands } from "./sections/commands.ts";
import { growth } from "./sections/growth.ts";
import { knownAccounts } from "./sections/known-accounts.ts";
import { signInBesideOfficial } from "./sections/sign-in-official.ts";
import { signIn } from "./sections/sign-in.ts";
import { throughput } from "./sections/throughput.ts";
import { readSettings, USAGE, type Settings } from "./settings.ts";

/** Sessions in the database of every section but `growth`. */
const SESSIONS = 1_000;

/** Runs what the arguments ask for; what it started ends with it. */
async function main(settings: Settings): Promise<void> {
  const wants = (section: string) => settings.only?.has(section) ?? true;
  const ending: (() => Promise<unknown>)[] = [];
  const start = async (options: ServerOptions) => {
    const server = await startServer(options);
    ending.push(server.stop);
    return server;
  };
  try {
    const mongo = await startMongo({ dbName: "bench" });
    ending.push(mongo.stop);
    console.log(machine(mongo.version));
    const lib = await build();
    ending.push(lib.remove);
    const database = await seed(withDatabase(mongo.uri, "bench"), SESSIONS);
    const common = { build: lib, database };
    const options = { ...common, name: "better-auth-express", program: "ours" } as const;
    const otherOptions = await prepareOthers(settings, mongo.uri, common, ending);

    const ours = await start({ ...options, profile: settings.profile });
    if (wants("throughput")) {
      const bare = await start({ ...common, name: "Express", program: "bare" });
      const findOne = await start({ ...common, name: "Express + findOne", program: "find-one" });
      const others = await Promise.all(otherOptions.map(start));
      await throughput({ bare, findOne, ours, others }, settings);
      await Promise.all([bare, findOne, ...others].map((server) => server.stop()));
    }
    if (wants("sign-in")) await signIn(ours, settings);
    await ours.stop();
    const officialOptions = otherOptions.find(({ program }) => program === "official");
    if (wants("sign-in") && officialOptions !== undefined) {
      const own = await seed(
        withDatabase(mongo.uri, "bench-official-format"),
        SESSIONS,
        "official",
      );
      const pair = {
        ours: await start({ ...options, database: own, officialFormat: true }),
        official: await start(officialOptions),
      };
      await signInBesideOfficial(pair, settings);
      await Promise.all([pair.ours.stop(), pair.official.stop()]);
    }
    if (wants("known-accounts")) await knownAccounts(mongo.uri, lib, settings);
    if (wants("commands")) {
      for (const each of [options, ...otherOptions.filter(countsCommands)]) {
        const monitored = await start({ ...each, monitor: true });
        await commands(monitored);
        await monitored.stop();
      }
    }
    if (wants("growth")) await growth(mongo.uri, lib, settings);
    if (wants("start")) await coldStart(lib, database, settings);
    console.log(`\n${missedTargets()} target(s) missed. ${machine(mongo.version)}`);
  } finally {
    for (const end of ending.reverse()) await end();
  }
}

/** The servers that only an option asks for. */
async function prepareOthers(
  { official, against, minimum }: Settings,
  uri: string,
  common: Pick<ServerOptions, "build" | "database">,
  ending: (() => Promise<unknown>)[],
): Promise<ServerOptions[]> {
  const others: ServerOptions[] = [];
  if (minimum) others.push({ ...common, name: "by hand", program: "minimum" });
  if (against !== null) {
    const other = await build({ lib: against });
    ending.push(other.remove);
    others.push({ ...common, name: "other version", build: other, program: "ours" });
  }
  if (official !== null) {
    const other = await build({ packages: official });
    ending.push(other.remove);
    const own = await seed(withDatabase(uri, "bench-official"), SESSIONS, "official");
    others.push({ name: "official", build: other, program: "official", database: own });
  }
  return others;
}

function countsCommands({ program }: ServerOptions): boolean {
  return program === "ours" || program === "official";
}

function machine(version = "from MONGODB_URI"): string {
  const [first] = cpus();
  const load = figure(loadavg()[0] ?? NaN);
  const processors = `${cpus().length} × ${first?.model.trim() ?? "unknown processor"}`;
  return `Node ${process.versions.node}, MongoDB ${version}, ${processors}, load average ${load}`;
}

const settings = readSettings(process.argv.slice(2));
if (settings === null) console.log(USAGE);
else {
  const startedAt = performance.now();
  heading("better-auth-express: benchmark");
  await main(settings);
  console.log(`${figure((performance.now() - startedAt) / 1000)} s in all`);
}
