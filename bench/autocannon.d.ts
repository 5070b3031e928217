/** The part of autocannon that the benchmark uses; the package brings no types. */
declare module "autocannon" {
  import type { EventEmitter } from "node:events";

  export interface LoadRequest {
    readonly method?: "GET" | "POST";
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }

  export interface LoadClient extends EventEmitter {
    /** Replaces the requests that this connection sends in turn. */
    setRequests(requests: readonly LoadRequest[]): void;
  }

  export interface LoadOptions {
    readonly url: string;
    readonly connections: number;
    /** Seconds. */
    readonly duration: number;
    /** Milliseconds between samples; a run ends at the first sample after its duration. */
    readonly sampleInt: number;
    readonly requests: readonly LoadRequest[];
    readonly setupClient: (client: LoadClient) => void;
  }

  export interface Load extends EventEmitter {
    on(
      event: "response",
      listener: (client: LoadClient, status: number, bytes: number, milliseconds: number) => void,
    ): this;
  }

  function autocannon(options: LoadOptions, done: (error: Error | null) => void): Load;
  export { autocannon as default };
}
