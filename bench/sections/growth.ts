import type { Build } from "../build.ts";
import { seed, withDatabase } from "../data.ts";
import {
  measure,
  startServer,
  warmUp,
  type MeasuredLoad,
  type ServerProcess,
} from "../processes.ts";
import { figure, heading, judge, spread, table } from "../report.ts";
import type { Settings } from "../settings.ts";
import { median, ratios } from "../statistics.ts";

const PATH = "/auth/get-session";
const CONNECTIONS = 16;

/** Whether `/get-session` stays as fast when the number of sessions grows. */
export async function growth(uri: string, build: Build, settings: Settings): Promise<void> {
  heading("GET /auth/get-session as the database grows, 16 connections");
  const servers: ServerProcess[] = [];
  const seconds: number[] = [];
  for (const size of settings.sizes) {
    const startedAt = performance.now();
    const database = await seed(withDatabase(uri, `bench-${size}`), size);
    seconds.push((performance.now() - startedAt) / 1000);
    const name = `${size.toLocaleString("en")} sessions`;
    servers.push(await startServer({ name, build, program: "ours", database }));
  }
  await warmUp(servers, PATH, {
    connections: CONNECTIONS,
    requests: settings.warmUpBusy,
    seconds: settings.warmUpSeconds,
  });
  const measured = servers.map((): MeasuredLoad[] => []);
  for (let round = 0; round < settings.rounds; round += 1) {
    for (const [index, server] of servers.entries()) {
      measured[index]?.push(await measureOnce(server, settings.busySeconds));
    }
  }
  await Promise.all(servers.map((server) => server.stop()));

  const base = (measured[0] ?? []).map(({ perSecond }) => perSecond);
  const rows = servers.map(({ name }, index) => {
    const rounds = measured[index] ?? [];
    const slower = ratios(
      base,
      rounds.map(({ perSecond }) => perSecond),
    );
    return { name, rounds, slower, seeded: seconds[index] ?? NaN };
  });
  table([
    ["", "requests/s", "CPU µs, best", "times slower", "filled in s"],
    ...rows.map(({ name, rounds, slower, seeded }) => [
      name,
      figure(median(rounds.map(({ perSecond }) => perSecond))),
      figure(Math.min(...rounds.map(({ cpuMicros }) => cpuMicros))),
      spread(slower),
      figure(seeded),
    ]),
  ]);
  for (const { name, slower } of rows.slice(1))
    judge(`times slower at ${name}`, slower.median, { atMost: 1.2 });
}

function measureOnce(server: ServerProcess, seconds: number): Promise<MeasuredLoad> {
  return measure(server, PATH, { connections: CONNECTIONS, seconds });
}
