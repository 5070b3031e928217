import { createTransport } from "nodemailer";
import { safeReason } from "./failure.ts";
import type { Settings } from "./options.ts";
import type { WholeMail } from "./templates.ts";

/** A mail ready to go. */
export interface OutgoingMail extends WholeMail {
  /** One address. */
  readonly to: string;
  /** Parts of the mail that no log may show, e.g. the link. */
  readonly secrets: readonly string[];
}

/** A pool of connections to one server. */
export interface Transport {
  /** @throws Error saying why the server did not take the mail; it contains neither credentials nor `secrets` */
  readonly send: (mail: OutgoingMail) => Promise<void>;
  /** @throws Error saying why the server cannot be reached, or refuses the credentials */
  readonly verify: () => Promise<void>;
  /** Ends the connections. */
  readonly close: () => void;
}

/** Opens connections when there is something to send; idle ones end after a while. */
export function openTransport({ server, from, timeoutMs }: Settings): Transport {
  const { host, port, secure, auth, requireTLS, tls } = server;
  const pool = createTransport({
    pool: true,
    host,
    port,
    secure,
    requireTLS,
    tls,
    ...(auth === undefined ? {} : { auth }),
    // What is late says which step was; the whole has a time-out of its own.
    dnsTimeout: timeoutMs / 2,
    connectionTimeout: timeoutMs / 2,
    greetingTimeout: timeoutMs / 2,
    socketTimeout: timeoutMs,
    maxRequeues: 2,
    idleTimeout: 60_000,
    disableFileAccess: true,
    disableUrlAccess: true,
  });

  async function run(
    what: string,
    secrets: readonly string[],
    work: (signal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      await work(signal);
    } catch (error) {
      const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : error;
      throw new Error(`${what} ${host}:${port}: ${safeReason(reason, server, secrets)}`);
    }
  }

  return {
    send: ({ to, subject, text, html, secrets }) =>
      run("No mail could be handed to", secrets, (signal) =>
        pool.sendMail({
          from: { ...from },
          to: { name: "", address: to },
          subject,
          text,
          html,
          headers: { "Auto-Submitted": "auto-generated" },
          xMailer: false,
          signal,
        }),
      ),
    verify: () =>
      run("No mail can be handed to", [], (signal) =>
        Promise.race([pool.verify(), rejectOnAbort(signal)]),
      ),
    close() {
      pool.close();
    },
  };
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => {
      reject(new Error("aborted"));
    });
  });
}
