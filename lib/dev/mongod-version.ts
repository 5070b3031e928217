import { existsSync } from "node:fs";
import { run } from "./run.ts";

const TIMEOUT_MS = 20_000;

/**
 * Version of a mongod, "6.0.5"; running it also proves that it can run here.
 *
 * @param path of the binary
 * @throws Error with the reason when it cannot run: no such file, or a missing library and the package that has it
 */
export async function mongodVersion(path: string): Promise<string> {
  if (!existsSync(path)) throw new Error("no such file");
  const { stdout, stderr, error } = await run(path, ["--version"], TIMEOUT_MS);
  const version = /db version v(\S+)/.exec(stdout)?.[1];
  if (version !== undefined) return version;
  throw new Error(withHint(firstLine(stderr) ?? error?.message ?? "it answers no version"));
}

function firstLine(text: string): string | undefined {
  return text.split("\n").find((line) => line.trim() !== "");
}

function withHint(reason: string): string {
  if (!reason.includes("libcurl")) return reason;
  return `${reason} (Debian/Ubuntu: apt-get install -y libcurl4)`;
}
