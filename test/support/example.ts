import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findFreePort } from "../../lib/dev/ports.ts";

// `import.meta.resolve` is missing in what tsx makes of this file for mocha.
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** A run of an example, as a terminal would start it: a process group of its own. */
export interface ExampleProcess {
  /** "http://localhost:<port>" */
  readonly origin: string;
  /** What it has printed so far. */
  readonly output: () => string;
  /** What it has printed to standard error so far. */
  readonly complaints: () => string;
  /** Sends a signal to the whole group, as Ctrl-C in a terminal does. */
  readonly signal: (name: NodeJS.Signals) => void;
  /** Resolves when it has ended: exit code, or null and the signal's name. */
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>;
}

/** Makes the folder in which an example runs, so that its data is in none of the project's. */
export async function exampleFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "better-auth-example-"));
}

/** Removes it. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Starts an example without waiting for anything. */
export async function spawnExample(
  name: string,
  cwd: string,
  port?: number,
  variables: Readonly<Record<string, string>> = {},
): Promise<ExampleProcess> {
  const chosen = port ?? (await findFreePort());
  const file = fileURLToPath(new URL(`../../examples/${name}/server.ts`, import.meta.url));
  const child = spawn(process.execPath, ["--import", TSX, file], {
    cwd,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...cleanEnvironment(), ...variables, PORT: String(chosen) },
  });
  const printed = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (printed.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (printed.stderr += chunk.toString()));
  const ended = once(child, "close").then(
    ([code, signal]) => [code as number | null, signal as NodeJS.Signals | null] as const,
  );
  return {
    origin: `http://localhost:${chosen}`,
    output: () => printed.stdout,
    // Which port MongoDB gets depends on what else runs on the machine.
    complaints: () => printed.stderr.replace(/^port \d+ is in use: MongoDB listens on \d+\n/m, ""),
    signal(name) {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, name);
    },
    ended,
  };
}

/** Starts an example and waits until it has said where it is. */
export async function startExample(
  name: string,
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<ExampleProcess> {
  const example = await spawnExample(name, cwd, undefined, variables);
  const isUp = () => example.output().includes("Ctrl-C ends it");
  const end = example.ended.then(() => "end" as const);
  while ((await Promise.race([end, sleep(20)])) !== "end") {
    if (isUp()) return example;
  }
  throw new Error(`the example has ended: ${example.complaints()}`);
}

/** Ends an example, if it runs. */
export async function stopExample(example: ExampleProcess | undefined): Promise<void> {
  example?.signal("SIGINT");
  await example?.ended;
}

/** Of the MongoDB that an example started last in this folder; undefined when it stopped it. */
export async function mongodPid(folder: string): Promise<number | undefined> {
  const file = join(folder, ".data", "mongodb", "better-auth-express.json");
  const record = JSON.parse(await readFile(file, "utf8")) as { running?: { pid: number } };
  return record.running?.pid;
}

/** Without what would point the example elsewhere. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const own = [
    "HOST",
    "MONGODB_URI",
    "BETTER_AUTH_URL",
    "BETTER_AUTH_SECRET",
    "NODE_ENV",
    "SMTP_URL",
    "MAIL_FROM",
  ];
  const kept = Object.entries(process.env).filter(([name]) => !own.includes(name));
  const config = fileURLToPath(new URL("../../tsconfig.json", import.meta.url));
  return { ...Object.fromEntries(kept), TSX_TSCONFIG_PATH: config };
}
