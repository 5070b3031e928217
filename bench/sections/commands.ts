import { BASE_URL, emailOf, PASSWORD } from "../data.ts";
import { load } from "../load.ts";
import type { ServerProcess } from "../processes.ts";
import { figure, heading, judge, table } from "../report.ts";
import { IN_TRANSACTION } from "../servers/child.ts";

/** Calls of an endpoint that are counted; the first one is not among them. */
const CALLS = 5;
/** Seconds of load for the busy count. */
const BUSY_SECONDS = 0.5;

interface Counted {
  readonly what: string;
  readonly perCall: number;
  readonly names: string;
  /** Most commands that the project allows itself. */
  readonly atMost: number;
}

/** MongoDB commands per request, as the driver's monitoring reports them; `server` must have it switched on. */
export async function commands(server: ServerProcess): Promise<void> {
  heading(`MongoDB commands per request: ${server.name}`);
  const counted = [
    await countBusy(server),
    await count(server, "protected route", 1, () => get(server, "/protected")),
    await count(server, "GET /get-session", 1, () => get(server, "/auth/get-session")),
    await count(server, "GET /list-sessions", 2, () => get(server, "/auth/list-sessions")),
    await count(server, "POST /sign-in/email", 3, () => signIn(server)),
    await count(server, "POST /sign-up/email", 4, (call) => signUp(server, call)),
    await countSignOut(server),
  ];
  table([
    ["", "commands", `which;${IN_TRANSACTION}: in a transaction`],
    ...counted.map(({ what, perCall, names }) => [what, figure(perCall), names]),
  ]);
  if (server.program === "official") return;
  for (const { what, perCall, atMost } of counted) judge(what, perCall, { atMost });
}

async function count(
  server: ServerProcess,
  what: string,
  atMost: number,
  call: (index: number) => Promise<unknown>,
): Promise<Counted> {
  await call(0);
  await server.commands();
  for (let index = 1; index <= CALLS; index += 1) await call(index);
  return { what, atMost, ...summary(await server.commands(), CALLS) };
}

/** The look-ups of one turn of the event loop share a command. */
async function countBusy(server: ServerProcess): Promise<Counted> {
  const requests = server.requestsOf("/protected");
  await load({ url: server.url, connections: 16, seconds: BUSY_SECONDS, requests });
  await server.commands();
  const result = await load({ url: server.url, connections: 16, seconds: BUSY_SECONDS, requests });
  const sent = summary(await server.commands(), result.requests);
  return { what: "protected route, 16 connections", atMost: 1, ...sent };
}

/** Only the sign-outs count, not the sign-ins that they end. */
async function countSignOut(server: ServerProcess): Promise<Counted> {
  const sent: string[] = [];
  for (let index = 0; index < CALLS; index += 1) {
    const cookie = cookieOf(await signIn(server));
    await server.commands();
    await post(server, "/auth/sign-out", {}, { cookie });
    sent.push(...(await server.commands()));
  }
  return { what: "POST /sign-out", atMost: 2, ...summary(sent, CALLS) };
}

function summary(sent: readonly string[], calls: number): Pick<Counted, "perCall" | "names"> {
  const names = new Map<string, number>();
  for (const name of sent) names.set(name, (names.get(name) ?? 0) + 1);
  const parts = [...names].map(([name, times]) => `${figure(times / calls)} ${name}`);
  return { perCall: sent.length / calls, names: parts.join(", ") };
}

function signIn(server: ServerProcess): Promise<Response> {
  return post(server, "/auth/sign-in/email", { email: emailOf(0), password: PASSWORD });
}

let signUps = 0;

function signUp(server: ServerProcess, call: number): Promise<Response> {
  signUps += 1;
  const email = `new-${signUps}-${call}@example.com`;
  return post(server, "/auth/sign-up/email", { name: "New", email, password: PASSWORD });
}

async function get(server: ServerProcess, path: string): Promise<Response> {
  const [request] = server.requestsOf(path);
  return checked(await fetch(server.url + path, { headers: request?.headers ?? {} }));
}

async function post(
  server: ServerProcess,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return checked(
    await fetch(server.url + path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", origin: BASE_URL, ...headers },
    }),
  );
}

async function checked(response: Response): Promise<Response> {
  const text = await response.text();
  if (response.status === 200) return response;
  throw new Error(`${response.url}: ${response.status} ${text.slice(0, 200)}`);
}

function cookieOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((line) => line.split(";")[0] ?? "")
    .join("; ");
}
