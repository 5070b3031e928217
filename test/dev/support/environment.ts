import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** What mongodb-memory-server is asked for: a version which nobody has in a cache. */
export const VERSION = "7.0.99";

/** An environment without any MongoDB, in a temporary folder. */
export interface EmptyEnvironment {
  readonly folder: string;
  /** Writes a program that answers as a mongod of this version; null: one that lacks a library. */
  readonly giveMongod: (path: string, version: string | null) => Promise<string>;
  readonly set: (name: string, value: string) => void;
  readonly restore: () => Promise<void>;
}

/** Empties PATH and the caches, and makes every download fail at once. */
export async function emptyEnvironment(): Promise<EmptyEnvironment> {
  const saved = { ...process.env };
  const folder = await mkdtemp(join(tmpdir(), "search-"));
  for (const name of Object.keys(process.env)) {
    if (/^MONGO|proxy/i.test(name)) Reflect.deleteProperty(process.env, name);
  }
  Object.assign(process.env, {
    PATH: join(folder, "bin"),
    HOME: folder,
    XDG_CACHE_HOME: join(folder, "cache"),
    MONGOMS_VERSION: VERSION,
    MONGOMS_DOWNLOAD_MIRROR: "https://127.0.0.1:9",
    MONGOMS_MAX_RETRIES: "0",
  });
  return {
    folder,
    async giveMongod(path, version) {
      const file = join(folder, path);
      const answer =
        version === null
          ? "echo 'libcurl.so.4: cannot open shared object file' >&2; exit 127"
          : `echo 'db version v${version}'`;
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `#!/bin/sh\n${answer}\n`);
      await chmod(file, 0o755);
      return file;
    },
    set(name, value) {
      process.env[name] = value;
    },
    async restore() {
      for (const name of Object.keys(process.env)) Reflect.deleteProperty(process.env, name);
      Object.assign(process.env, saved);
      await rm(folder, { recursive: true });
    },
  };
}
