import { measure, warmUp, type MeasuredLoad, type ServerProcess } from "../processes.ts";
import { figure, heading, judge, spread, table } from "../report.ts";
import type { Settings } from "../settings.ts";
import { median, ratios } from "../statistics.ts";

/** The servers of a comparison. */
export interface Contestants {
  /** Express without authentication. */
  readonly bare: ServerProcess;
  /** Express with one indexed look-up. */
  readonly findOne: ServerProcess;
  readonly ours: ServerProcess;
  /** Other implementations, or another version of ours. */
  readonly others: readonly ServerProcess[];
}

interface Route {
  readonly path: string;
  readonly title: string;
}

const PROTECTED: Route = { path: "/protected", title: "A protected route of the app" };
const GET_SESSION: Route = { path: "/auth/get-session", title: "GET /auth/get-session" };

/** Requests in flight of the busy runs. */
const BUSY = 16;

type Measured = ReadonlyMap<ServerProcess, readonly MeasuredLoad[]>;

/** Requests per second and processor time per request, against the same app without authentication. */
export async function throughput(contestants: Contestants, settings: Settings): Promise<void> {
  const { bare, findOne, ours, others } = contestants;
  const servers = [bare, findOne, ours, ...others];
  for (const route of [PROTECTED, GET_SESSION]) {
    heading(`${route.title}, ${BUSY} connections, 40 sessions in turn`);
    await warmUp(servers, route.path, {
      connections: BUSY,
      requests: settings.warmUpBusy,
      seconds: settings.warmUpSeconds,
    });
    const busy = { connections: BUSY, seconds: settings.busySeconds };
    const atOnce = await inRounds(servers, route, busy, settings.rounds);
    report(servers, atOnce, contestants);
    const againstBare = ratios(perSecond(atOnce, ours), perSecond(atOnce, bare));
    judge(
      "requests per second against Express without authentication",
      againstBare.median,
      { atLeast: 0.6 },
      spread(againstBare),
    );
    for (const other of others.filter(({ program }) => program === "official")) {
      const ratio = ratios(perSecond(atOnce, ours), perSecond(atOnce, other));
      judge(
        "requests per second against the official package",
        ratio.median,
        { atLeast: 5 },
        spread(ratio),
      );
    }

    heading(`${route.title}, one request at a time`);
    await warmUp(servers, route.path, {
      connections: 1,
      requests: settings.warmUpSingle,
      seconds: settings.warmUpSeconds,
    });
    const single = { connections: 1, seconds: settings.singleSeconds };
    const oneByOne = await inRounds(servers, route, single, settings.rounds);
    report(servers, oneByOne, contestants);
    judge(
      "processor time against Express + findOne, best rounds",
      Math.min(...cpuMicros(oneByOne, ours)) / Math.min(...cpuMicros(oneByOne, findOne)),
      { atMost: 1.3 },
    );
  }
}

/** Each round measures every server once, and begins with another one. */
async function inRounds(
  servers: readonly ServerProcess[],
  { path }: Route,
  load: { readonly connections: number; readonly seconds: number },
  rounds: number,
): Promise<Measured> {
  const measured = new Map<ServerProcess, MeasuredLoad[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < servers.length; turn += 1) {
      const server = servers[(round + turn) % servers.length];
      if (server === undefined) continue;
      const series = measured.get(server) ?? [];
      series.push(await measure(server, path, load));
      measured.set(server, series);
    }
  }
  return measured;
}

function report(
  servers: readonly ServerProcess[],
  measured: Measured,
  { bare, findOne, ours, others }: Contestants,
): void {
  table([
    [
      "",
      "requests/s",
      "p50 ms",
      "CPU µs, best",
      "× Express",
      "CPU × findOne",
      ...others.map(({ name }) => `× ${name}`),
    ],
    ...servers.map((server) => {
      const rounds = measured.get(server) ?? [];
      return [
        server === ours ? `**${server.name}**` : server.name,
        figure(median(perSecond(measured, server))),
        figure(median(rounds.map(({ p50 }) => p50))),
        figure(Math.min(...cpuMicros(measured, server))),
        spread(ratios(perSecond(measured, server), perSecond(measured, bare))),
        spread(ratios(cpuMicros(measured, server), cpuMicros(measured, findOne))),
        ...others.map((other) =>
          spread(ratios(perSecond(measured, server), perSecond(measured, other))),
        ),
      ];
    }),
  ]);
}

function perSecond(measured: Measured, server: ServerProcess): number[] {
  return (measured.get(server) ?? []).map((round) => round.perSecond);
}

function cpuMicros(measured: Measured, server: ServerProcess): number[] {
  return (measured.get(server) ?? []).map((round) => round.cpuMicros);
}
