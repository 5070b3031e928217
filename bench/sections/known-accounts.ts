import { setTimeout as sleep } from "node:timers/promises";
import type { Build } from "../build.ts";
import { BASE_URL, PASSWORD, withDatabase } from "../data.ts";
import { startServer, type ServerProcess } from "../processes.ts";
import { figure, heading, judge, spread, table } from "../report.ts";
import { MAIL_MS } from "../servers/child.ts";
import type { Settings } from "../settings.ts";
import { chanceOfMore, median, spreadOf, type Spread } from "../statistics.ts";

/** Milliseconds between two samples, in which the server comes to rest. */
const PAUSE_MS = 20;
/** Samples of each kind before those that count. */
const WARM_UP = 20;
/** Most milliseconds between the medians. */
const TARGET_MS = 5;
/** Users whose addresses are asked about in turn. */
const USERS = 40;
/** Parts of the samples, for the spread of the difference. */
const PARTS = 10;

/** A request whose answer must not tell whether an address is known. */
interface Subject {
  readonly name: string;
  readonly path: string;
  readonly bodyOf: (email: string) => object;
  /** Addresses are known after the request: each unknown one is used once. */
  readonly once?: boolean;
  /** Mails of one sample: to the known address, and to the unknown one. */
  readonly mails: number;
}

const SUBJECTS: readonly Subject[] = [
  {
    name: "sign-in, wrong password",
    path: "/auth/sign-in/email",
    bodyOf: (email) => ({ email, password: "Trumpet-4-harbour" }),
    mails: 0,
  },
  {
    name: "request-password-reset",
    path: "/auth/request-password-reset",
    bodyOf: (email) => ({ email }),
    mails: 1,
  },
  {
    name: "send-verification-email",
    path: "/auth/send-verification-email",
    bodyOf: (email) => ({ email }),
    mails: 1,
  },
  {
    name: "sign-up, hiding known addresses",
    path: "/auth/sign-up/email",
    bodyOf: signUpBody,
    once: true,
    mails: 2,
  },
];

/** Milliseconds until the answers. */
interface Samples {
  readonly known: readonly number[];
  readonly unknown: readonly number[];
}

/** Whether the time of an answer tells known addresses from unknown ones. */
export async function knownAccounts(uri: string, build: Build, settings: Settings): Promise<void> {
  const { samples } = settings;
  heading(`Known and unknown accounts, ${samples} answers each; a mail takes ${MAIL_MS} ms`);
  const database = { uri: withDatabase(uri, "bench-known-accounts"), tokens: [] };
  const name = "better-auth-express";
  const server = await startServer({ name, build, program: "known-accounts", database });
  for (let index = 0; index < USERS; index += 1) {
    await timed(server, "/auth/sign-up/email", signUpBody(addressOf("known", index)));
  }
  await sleep(2 * MAIL_MS);

  const rows: { name: string; measured: Samples; apart: number }[] = [];
  for (const subject of SUBJECTS) {
    const before = await server.mails();
    const measured = await sample(server, subject, samples);
    await sleep(2 * MAIL_MS);
    expectMails(subject, (await server.mails()) - before, samples + WARM_UP);
    const apart = median(measured.known) - median(measured.unknown);
    rows.push({ name: subject.name, measured, apart });
  }
  await server.stop();

  table([
    ["ms until the answer", "known", "unknown", "apart, of ten parts", "known is slower"],
    ...rows.map(({ name: what, measured: { known, unknown } }) => [
      what,
      figure(median(known)),
      figure(median(unknown)),
      spread(partsApart({ known, unknown })),
      figure(chanceOfMore(known, unknown)),
    ]),
  ]);
  for (const { name: what, apart } of rows) {
    judge(`${what}: medians apart, ms`, Math.abs(apart), { atMost: TARGET_MS });
  }
}

/** In turn the known and the unknown address first: what drifts hits both. */
async function sample(
  server: ServerProcess,
  { path, bodyOf, once = false }: Subject,
  count: number,
): Promise<Samples> {
  const measured = { known: [] as number[], unknown: [] as number[] };
  for (let n = 0; n < count + WARM_UP; n += 1) {
    const stranger = once ? `new-${n}@example.com` : addressOf("unknown", n);
    const pair = [
      ["known", addressOf("known", n)],
      ["unknown", stranger],
    ] as const;
    for (const [kind, email] of n % 2 === 0 ? pair : pair.toReversed()) {
      const ms = await timed(server, path, bodyOf(email));
      if (n >= WARM_UP) measured[kind].push(ms);
      await sleep(PAUSE_MS);
    }
  }
  return measured;
}

/** @throws Error when it answers 429 or 5xx: such a run would compare nothing */
async function timed({ url }: ServerProcess, path: string, body: object): Promise<number> {
  const headers = { "content-type": "application/json", origin: BASE_URL };
  const startedAt = performance.now();
  const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  await response.text();
  const ms = performance.now() - startedAt;
  if (response.status >= 429) throw new Error(`${path}: ${response.status}`);
  return ms;
}

/** Where no mail is sent, a mail hides nothing. */
function expectMails({ name, mails }: Subject, sent: number, times: number): void {
  if (sent === mails * times) return;
  throw new Error(`${name}: ${sent} mails were sent instead of ${mails * times}`);
}

/** The difference of the medians in each part of the samples, in their order. */
function partsApart({ known, unknown }: Samples): Spread {
  const size = Math.floor(known.length / PARTS);
  const parts = Array.from({ length: PARTS }, (_, part) => {
    const of = (all: readonly number[]) => median(all.slice(part * size, (part + 1) * size));
    return of(known) - of(unknown);
  });
  return spreadOf(parts);
}

function addressOf(who: string, n: number): string {
  return `${who}-${n % USERS}@example.com`;
}

function signUpBody(email: string): object {
  return { email, name: "Ada", password: PASSWORD };
}
