import { existsSync } from "node:fs";
import { reasonOf } from "./run.ts";

const SITE = "https://fastdl.mongodb.org";
const PROBE_TIMEOUT_MS = 5_000;

/** With one of these set, the download does not go to MongoDB's site directly. */
const DETOURS = [
  "MONGOMS_DOWNLOAD_MIRROR",
  "MONGOMS_DOWNLOAD_URL",
  "HTTPS_PROXY",
  "https_proxy",
  "HTTP_PROXY",
  "http_proxy",
  "npm_config_proxy",
];

/**
 * The binary which mongodb-memory-server keeps for its default version, if one is there.
 *
 * @returns its path, or undefined
 * @throws Error when the package is not installed, saying how to install it
 */
export async function findMemoryServerBinary(): Promise<string | undefined> {
  const { DryMongoBinary } = await loadMemoryServer();
  const options = await DryMongoBinary.generateOptions();
  const [exists, path] = await DryMongoBinary.generateDownloadPath({
    ...options,
    systemBinary: "",
  });
  return exists && existsSync(path) ? path : undefined;
}

/**
 * Lets mongodb-memory-server download its default version (about 100 MB) into its own cache.
 *
 * @returns the path of the binary
 * @throws Error when the package is not installed, or the download site cannot be reached
 */
export async function downloadWithMemoryServer(log: (line: string) => void): Promise<string> {
  const { DryMongoBinary, MongoBinary } = await loadMemoryServer();
  if (!DETOURS.some((name) => process.env[name])) await reachSite();
  // The package verifies no TLS certificate unless this says so; npm's own default is the same.
  process.env["npm_config_strict_ssl"] ??= "true";
  // Not `MongoBinary.getPath()`: it gives up over a wrong MONGOMS_SYSTEM_BINARY.
  const options = await DryMongoBinary.generateOptions();
  log(`fetching MongoDB ${options.version} (about 100 MB, once) with mongodb-memory-server`);
  return MongoBinary.download({ ...options, systemBinary: "", checkMD5: true });
}

async function loadMemoryServer() {
  try {
    return await import("mongodb-memory-server-core");
  } catch (error) {
    throw new Error(
      "mongodb-memory-server-core is not installed (npm install --save-dev mongodb-memory-server-core@11)",
      { cause: error },
    );
  }
}

/** Without this look the downloader spends many seconds on retries where the site cannot be reached. */
async function reachSite(): Promise<void> {
  try {
    await fetch(SITE, { method: "HEAD", signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new Error(`${SITE} cannot be reached: ${reasonOf(cause)}`, { cause: error });
  }
}
