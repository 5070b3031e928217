import { parseArgs } from "node:util";

/** How long the parts of a run take, and what is compared. */
export interface Settings {
  /** Interleaved rounds: every server is measured once in each. */
  readonly rounds: number;
  /** Requests to each server before it is measured: until then its code is not yet compiled. */
  readonly warmUpBusy: number;
  /** The same one at a time: code that was compiled for many at once is compiled anew. */
  readonly warmUpSingle: number;
  /** Seconds after which a warm-up ends in any case. */
  readonly warmUpSeconds: number;
  /** Seconds of load per server, route and round with 16 connections. */
  readonly busySeconds: number;
  /** The same with one connection. */
  readonly singleSeconds: number;
  /** Seconds of the protected route beside sign-ins. */
  readonly signInSeconds: number;
  /** Sign-ins, and hashes, whose processor time is compared. */
  readonly hashes: number;
  /** Seconds of sign-ins, and of sign-ups, per server and round, beside the official package. */
  readonly officialSeconds: number;
  /** Answers for known accounts, and for unknown ones, that are timed. */
  readonly samples: number;
  /** Sessions in the growing database; the first is the base. */
  readonly sizes: readonly [number, ...number[]];
  /** Starts of which the best counts. */
  readonly starts: number;
  /** Folder whose node_modules has the official package, its MongoDB adapter and Express; null: not compared. */
  readonly official: string | null;
  /** Another `lib` folder, measured beside this one; null: none. */
  readonly against: string | null;
  /** Whether a session check written by hand is measured as well. */
  readonly minimum: boolean;
  /** Where the measured server writes a processor profile; null: nowhere. */
  readonly profile: string | null;
  /** Names of the sections to run. */
  readonly only: ReadonlySet<string> | null;
}

export const USAGE = `npm run bench -- [options]

  --quick              about a minute instead of three to four, rougher figures
  --million            also a database of 1,000,000 sessions
  --rounds <n>         interleaved rounds (default 5)
  --only <names>       some of: throughput, sign-in, known-accounts, commands, growth, start (comma list)
  --official <folder>  compare with the better-auth package installed in this folder, with
                       @better-auth/mongo-adapter, mongodb and express beside it; three minutes
                       more, half a minute with --quick
  --against <folder>   compare with another version of lib/
  --minimum            compare with a session check written by hand, without the library
  --profile <folder>   write a processor profile of the measured server into this folder
  --help`;

const THOROUGH = {
  rounds: 5,
  warmUpBusy: 12_000,
  warmUpSingle: 5_000,
  warmUpSeconds: 8,
  busySeconds: 1,
  singleSeconds: 0.8,
  signInSeconds: 4,
  hashes: 8,
  officialSeconds: 3,
  samples: 200,
  starts: 5,
} as const;

const QUICK = {
  rounds: 2,
  warmUpBusy: 4_000,
  warmUpSingle: 1_500,
  warmUpSeconds: 3,
  busySeconds: 0.5,
  singleSeconds: 0.4,
  signInSeconds: 2,
  hashes: 3,
  officialSeconds: 1,
  samples: 40,
  starts: 3,
} as const;

/** @returns null when help is asked for */
export function readSettings(args: readonly string[]): Settings | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      million: { type: "boolean", default: false },
      rounds: { type: "string" },
      only: { type: "string" },
      official: { type: "string" },
      against: { type: "string" },
      minimum: { type: "boolean", default: false },
      profile: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const pace = values.quick ? QUICK : THOROUGH;
  const rounds = values.rounds === undefined ? pace.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new TypeError("--rounds: pass a number from 1");
  return {
    ...pace,
    rounds,
    sizes: [1_000, values.quick ? 20_000 : 100_000, ...(values.million ? [1_000_000] : [])],
    official: values.official ?? null,
    against: values.against ?? null,
    minimum: values.minimum,
    profile: values.profile ?? null,
    only: values.only === undefined ? null : new Set(values.only.split(",")),
  };
}
