import { HOST } from "./ports.ts";
import { REPLICA_SET } from "./replica-set.ts";

/** What decides the command line of a mongod. */
export interface MongodArguments {
  /** "6.0.5" */
  readonly version: string;
  readonly port: number;
  readonly dbPath: string;
  readonly standalone: boolean;
  /** Further arguments; an option given here replaces ours. */
  readonly args: readonly string[];
}

type Option = readonly [name: string, value: string];

/** Small footprint: without these a data folder starts at 300 MB and the cache may take half the memory. */
const FOOTPRINT: readonly Option[] = [
  ["--wiredTigerCacheSizeGB", "0.25"],
  ["--oplogSize", "64"],
  ["--wiredTigerEngineConfigString", "log=(prealloc=false,file_max=16MB)"],
];

/** The command line of a mongod, without the program. */
export function mongodArguments(wanted: MongodArguments): string[] {
  const options: Option[] = [
    ["--port", String(wanted.port)],
    ["--dbpath", wanted.dbPath],
    ["--bind_ip", HOST],
    ...FOOTPRINT.filter(([name]) => !hasOption(wanted.args, name)),
    ["--setParameter", "diagnosticDataCollectionEnabled=false"],
  ];
  if (!wanted.standalone) options.push(["--replSet", REPLICA_SET]);
  // Since 5.0 a primary waits 15 s for a successor before it obeys SIGTERM; here there is none.
  if (Number.parseInt(wanted.version, 10) >= 5) {
    options.push(["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]);
  }
  // The socket file in the temporary folder would stay behind after SIGKILL.
  const flags = process.platform === "win32" ? ["--quiet"] : ["--quiet", "--nounixsocket"];
  return [...flags, ...options.flat(), ...wanted.args];
}

function hasOption(args: readonly string[], name: string): boolean {
  return args.some((arg) => arg === name || arg.startsWith(`${name}=`));
}
