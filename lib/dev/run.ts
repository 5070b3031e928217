import { execFile } from "node:child_process";

/** What a finished command left behind. */
export interface RunResult {
  /** Null when it ended with exit code 0. */
  readonly error: Error | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end. Never rejects: a program that is missing, fails or takes too long has an `error`.
 *
 * @param timeoutMs after which it is killed, milliseconds
 * @param env added to the environment
 */
export function run(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  const options = {
    timeout: timeoutMs,
    env: { ...process.env, ...env },
    windowsHide: true,
    encoding: "utf8" as const,
  };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ error, stdout, stderr });
    });
  });
}

/** The text of whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
