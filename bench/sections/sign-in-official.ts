import { setTimeout as sleep } from "node:timers/promises";
import type { LoadRequest } from "autocannon";
import { slowLoad, type LoadResult } from "../load.ts";
import { warmUp, type ServerProcess } from "../processes.ts";
import { figure, heading, spread, table } from "../report.ts";
import type { Settings } from "../settings.ts";
import { oneSignIn, PROTECTED_PATH, signInRequest, signUpRequest } from "../sign-ins.ts";
import { median, ratios, spreadOf } from "../statistics.ts";

/** Two servers that store passwords with the same hash. */
export interface Pair {
  readonly ours: ServerProcess;
  readonly official: ServerProcess;
}

const CLIENTS = 16;
/** Seconds of the protected route while nobody signs in. */
const IDLE_SECONDS = 1;
/** Seconds for the hashes to fill the cores. */
const LEAD_SECONDS = 0.5;

/** Figures of the rounds, for each server. */
type Series<T> = ReadonlyMap<ServerProcess, readonly T[]>;

/** Sign-in and sign-up beside the official package; both hash passwords in its format, at its only cost. */
export async function signInBesideOfficial(pair: Pair, settings: Settings): Promise<void> {
  const servers = [pair.ours, pair.official];
  await warmUp(servers, PROTECTED_PATH, {
    connections: 1,
    requests: settings.warmUpSingle,
    seconds: settings.warmUpSeconds,
  });
  await compareRates(pair, settings);
  await compareStorms(pair, settings);
}

async function compareRates(pair: Pair, settings: Settings): Promise<void> {
  heading(`Sign-in and sign-up, ${CLIENTS} connections, both with scrypt N 16384, r 16, p 1`);
  const { rounds, officialSeconds: seconds, hashes } = settings;
  for (const server of [pair.ours, pair.official]) await rate(server, LEAD_SECONDS, signUpRequest);
  const rates = await inRounds(pair, rounds, async (server) => ({
    signIns: await rate(server, seconds, signInRequest),
    signUps: await rate(server, seconds, signUpRequest),
  }));
  const costs = await inRounds(pair, hashes, async (server) => (await oneSignIn(server)) / 1000);
  const alone: number[] = [];
  for (let hash = 0; hash < hashes; hash += 1) alone.push((await pair.ours.hash()) / 1000);
  table([
    ["", pair.ours.name, pair.official.name, "ours / official"],
    compared(
      "sign-ins/s",
      pair,
      mapped(rates, ({ signIns }) => signIns),
    ),
    compared(
      "sign-ups/s",
      pair,
      mapped(rates, ({ signUps }) => signUps),
    ),
    compared("processor time of a sign-in, ms", pair, costs),
    ["of which the hash, ms", figure(median(alone)), figure(median(alone)), ""],
  ]);
}

async function compareStorms(pair: Pair, settings: Settings): Promise<void> {
  heading(`A protected route, one request at a time, while ${CLIENTS} clients sign in, same hash`);
  const { rounds, officialSeconds: seconds } = settings;
  const measured = await inRounds(pair, rounds, async (server) => ({
    idle: await probe(server, IDLE_SECONDS),
    ...(await storm(server, seconds)),
  }));
  const rows = [pair.ours, pair.official].flatMap((server) => {
    const all = measured.get(server) ?? [];
    const [idle, busy] = [all.map((round) => round.idle), all.map((round) => round.busy)];
    const signIns = figure(median(all.map((round) => round.signIns)));
    const slower = ratios(p50(busy), p50(idle));
    return [
      [`${server.name}, idle`, spread(spreadOf(p50(idle))), spread(spreadOf(p99(idle))), "", ""],
      [
        `${server.name}, ${CLIENTS} clients`,
        spread(spreadOf(p50(busy))),
        spread(spreadOf(p99(busy))),
        spread(slower),
        signIns,
      ],
    ];
  });
  table([["", "p50 ms", "p99 ms", "p50 × idle", "sign-ins/s"], ...rows]);
}

/** Requests per second. */
async function rate(
  { url }: ServerProcess,
  seconds: number,
  next: (n: number) => LoadRequest,
): Promise<number> {
  return (await slowLoad({ url, connections: CLIENTS, seconds, next })).perSecond;
}

/** The protected route, one request at a time. */
function probe(server: ServerProcess, seconds: number): Promise<LoadResult> {
  const requests = server.requestsOf(PROTECTED_PATH);
  const next = (n: number) => requests[n % requests.length] ?? {};
  return slowLoad({ url: server.url, connections: 1, seconds, next });
}

/** The same while others sign in, each again and again. */
async function storm(server: ServerProcess, seconds: number) {
  const signingIn = rate(server, seconds + 2 * LEAD_SECONDS, signInRequest);
  await sleep(LEAD_SECONDS * 1000);
  const [busy, signIns] = await Promise.all([probe(server, seconds), signingIn]);
  return { busy, signIns };
}

/** Each round measures both once, and begins with the other one. */
async function inRounds<T>(
  { ours, official }: Pair,
  rounds: number,
  work: (server: ServerProcess) => Promise<T>,
): Promise<Series<T>> {
  const series = new Map<ServerProcess, T[]>([
    [ours, []],
    [official, []],
  ]);
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? [ours, official] : [official, ours];
    for (const server of order) series.get(server)?.push(await work(server));
  }
  return series;
}

function mapped<T>(series: Series<T>, value: (of: T) => number): Series<number> {
  return new Map([...series].map(([server, all]) => [server, all.map(value)]));
}

function compared(what: string, { ours, official }: Pair, series: Series<number>): string[] {
  const [mine, theirs] = [series.get(ours) ?? [], series.get(official) ?? []];
  return [what, figure(median(mine)), figure(median(theirs)), spread(ratios(mine, theirs))];
}

function p50(results: readonly LoadResult[]): number[] {
  return results.map((result) => result.p50);
}

function p99(results: readonly LoadResult[]): number[] {
  return results.map((result) => result.p99);
}
