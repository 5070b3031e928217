import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Build } from "../build.ts";
import type { SeededDatabase } from "../data.ts";
import { startServer } from "../processes.ts";
import { figure, heading, judge, table } from "../report.ts";
import type { Settings } from "../settings.ts";

const run = promisify(execFile);

/** Milliseconds after the first answer until the memory is read. */
const SETTLE_MS = 1000;

/** Import, first answer and idle memory of a fresh process; the best of several starts counts. */
export async function coldStart(
  build: Build,
  database: SeededDatabase,
  settings: Settings,
): Promise<void> {
  heading(`A fresh process, best of ${settings.starts}`);
  const imports: Record<"better-auth-express" | "mongoose" | "express", number[]> = {
    "better-auth-express": [],
    mongoose: [],
    express: [],
  };
  const ready: number[] = [];
  const answered: number[] = [];
  const memory: number[] = [];
  for (let start = 0; start < settings.starts; start += 1) {
    for (const name of ["better-auth-express", "mongoose", "express"] as const) {
      imports[name].push(await importMs(build, name));
    }
    const startedAt = performance.now();
    const server = await startServer({ name: "ours", build, program: "ours", database });
    const [request] = server.requestsOf("/auth/get-session");
    await (
      await fetch(`${server.url}/auth/get-session`, { headers: request?.headers ?? {} })
    ).text();
    answered.push(performance.now() - startedAt);
    ready.push(server.readyMs);
    if (start === 0) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    memory.push((await server.usage()).memoryBytes / 2 ** 20);
    await server.stop();
  }
  const plain = await startServer({ name: "findOne", build, program: "find-one", database });
  await (await fetch(`${plain.url}/protected`)).text();
  const plainMemory = (await plain.usage()).memoryBytes / 2 ** 20;
  await plain.stop();
  table([
    ["", "best"],
    ["import, ms", figure(Math.min(...imports["better-auth-express"]))],
    ["of which mongoose alone, ms", figure(Math.min(...imports.mongoose))],
    ["of which express alone, ms", figure(Math.min(...imports.express))],
    ["connected, indexed and listening, ms", figure(Math.min(...ready))],
    ["first answer, ms", figure(Math.min(...answered))],
    ["memory, MB", figure(Math.min(...memory))],
    ["memory of Express + findOne through Mongoose, MB", figure(plainMemory)],
  ]);
  judge("import, s", Math.min(...imports["better-auth-express"]) / 1000, { atMost: 0.5 });
  judge("first answer, s", Math.min(...answered) / 1000, { atMost: 0.7 });
  judge("memory, MB", Math.min(...memory), { atMost: 90 });
}

/** Milliseconds that an import takes in a process that has loaded nothing else. */
async function importMs({ folder }: Build, name: string): Promise<number> {
  const program = `const start = performance.now(); await import("${name}"); console.log(performance.now() - start)`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  return Number(stdout);
}
