import autocannon, { type LoadRequest } from "autocannon";
import { percentile } from "./statistics.ts";

/** What one run of requests showed. */
export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds until half of the requests, and until 99 of 100, were answered. */
  readonly p50: number;
  readonly p99: number;
}

/** How the requests are sent. */
export interface LoadSettings {
  /** Origin of the server. */
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Sent in turn; each connection begins with another one. */
  readonly requests: readonly LoadRequest[];
}

/** How requests are sent that take long. */
export interface SlowLoadSettings extends Omit<LoadSettings, "requests"> {
  /** What is sent as the n-th request, from 0. */
  readonly next: (n: number) => LoadRequest;
}

const SAMPLE_MS = 50;

/**
 * Sends requests for a while, on each connection the next as soon as the last is answered.
 *
 * @throws Error when an answer is not 200: such a run would compare nothing
 */
export async function load({
  url,
  connections,
  seconds,
  requests,
}: LoadSettings): Promise<LoadResult> {
  const times: number[] = [];
  const refused = new Map<number, number>();
  let connected = 0;
  const startedAt = performance.now();
  await new Promise<void>((resolve, reject) => {
    const run = autocannon(
      {
        url,
        connections,
        duration: seconds,
        sampleInt: SAMPLE_MS,
        requests,
        setupClient(client) {
          const first = Math.floor((connected * requests.length) / connections);
          connected += 1;
          client.setRequests([...requests.slice(first), ...requests.slice(0, first)]);
        },
      },
      (error) => {
        if (error === null) resolve();
        else reject(error);
      },
    );
    run.on("response", (_client, status, _bytes, milliseconds) => {
      times.push(milliseconds);
      if (status !== 200) refused.set(status, (refused.get(status) ?? 0) + 1);
    });
  });
  const elapsed = (performance.now() - startedAt) / 1000;
  if (refused.size > 0) {
    const answers = [...refused].map(([status, count]) => `${count} × ${status}`).join(", ");
    throw new Error(`${url}${requests[0]?.path ?? "/"}: ${answers}`);
  }
  return resultOf(times, elapsed);
}

/**
 * The same for slow answers, of which few come in the time: those that are under way at its end are waited for, and count.
 *
 * @throws Error when an answer is not 200
 */
export async function slowLoad({
  url,
  connections,
  seconds,
  next,
}: SlowLoadSettings): Promise<LoadResult> {
  const times: number[] = [];
  let sent = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;

  async function sendInTurn(): Promise<void> {
    while (performance.now() < endsAt) {
      const { path = "/", ...request } = next(sent);
      sent += 1;
      const sentAt = performance.now();
      const response = await fetch(url + path, request);
      await response.arrayBuffer();
      times.push(performance.now() - sentAt);
      if (response.status !== 200) throw new Error(`${url}${path}: ${response.status}`);
    }
  }

  await Promise.all(Array.from({ length: connections }, sendInTurn));
  return resultOf(times, (performance.now() - startedAt) / 1000);
}

function resultOf(times: readonly number[], seconds: number): LoadResult {
  return {
    requests: times.length,
    perSecond: times.length / seconds,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  };
}
