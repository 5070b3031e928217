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
  return {
    requests: times.length,
    perSecond: times.length / elapsed,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  };
}
