import { load, type LoadResult } from "../load.ts";
import { warmUp, type ServerProcess } from "../processes.ts";
import { figure, heading, judge, table } from "../report.ts";
import type { Settings } from "../settings.ts";
import { oneSignIn, PROTECTED_PATH, signInRequest } from "../sign-ins.ts";
import { median } from "../statistics.ts";

/** Clients that sign in again and again. */
const CLIENTS = [8, 16] as const;
/** Seconds for the hashes to fill the cores. */
const LEAD_SECONDS = 0.5;

/** How long a protected route takes while others sign in, at the default cost of a hash. */
export async function signIn(server: ServerProcess, settings: Settings): Promise<void> {
  const { signInSeconds: seconds, hashes } = settings;
  heading("A protected route, one request at a time, while others sign in");
  await warmUp([server], PROTECTED_PATH, {
    connections: 1,
    requests: settings.warmUpSingle,
    seconds: settings.warmUpSeconds,
  });
  const idle = await probe(server, seconds);
  const rows = [row("nobody", idle, null)];
  const busy: LoadResult[] = [];
  for (const clients of CLIENTS) {
    const signIns = signInLoad(server, clients, seconds + 2 * LEAD_SECONDS);
    await new Promise((resolve) => setTimeout(resolve, LEAD_SECONDS * 1000));
    const probed = await probe(server, seconds);
    busy.push(probed);
    rows.push(row(`${clients} clients`, probed, await signIns));
    await drain(server);
  }
  table([["signing in", "p50 ms", "p99 ms", "requests/s", "sign-ins/s"], ...rows]);
  for (const [index, { p50 }] of busy.entries()) {
    const ratio = p50 / idle.p50;
    judge(`p50 with ${CLIENTS[index] ?? 0} clients against idle`, ratio, { atMost: 3 });
  }

  heading("A sign-in against its password hash alone");
  const alone: number[] = [];
  const whole: number[] = [];
  for (let round = 0; round < hashes; round += 1) {
    alone.push(await server.hash());
    whole.push(await oneSignIn(server));
  }
  const [hashMs, signInMs] = [median(alone) / 1000, median(whole) / 1000];
  const text = `${figure(signInMs)} ms, hash ${figure(hashMs)} ms, × ${figure(signInMs / hashMs)}`;
  judge("processor time, median", signInMs / hashMs, { atMost: 1.05 }, text);
}

/** Hashes that nobody waits for any more are finished in turn: after one more, none is left. */
async function drain(server: ServerProcess): Promise<void> {
  await oneSignIn(server);
}

function probe(server: ServerProcess, seconds: number): Promise<LoadResult> {
  const requests = server.requestsOf(PROTECTED_PATH);
  return load({ url: server.url, connections: 1, seconds, requests });
}

function signInLoad(server: ServerProcess, connections: number, seconds: number) {
  const requests = Array.from({ length: connections }, (_, index) => signInRequest(index));
  return load({ url: server.url, connections, seconds, requests });
}

function row(who: string, { p50, p99, perSecond }: LoadResult, signIns: LoadResult | null) {
  const rate = signIns === null ? "" : figure(signIns.perSecond);
  return [who, figure(p50), figure(p99), figure(perSecond), rate];
}
