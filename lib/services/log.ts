import type { Log } from "../context.ts";
import type { Config } from "../config.ts";
import { describeRefusal } from "./database-errors.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

/** The log of an instance: the app's `logger.log`, else the console; entries below `logger.level` are left out. */
export function createLog({ disabled, level, log }: Config["logger"]): Log {
  const least = LEVELS.indexOf(level);
  const write = (entry: Level, message: string, cause: unknown) => {
    if (disabled || LEVELS.indexOf(entry) < least) return;
    const details = cause === undefined ? [] : [describe(cause)];
    try {
      if (log === undefined) console[entry](`[better-auth-express] ${message}`, ...details);
      else log(entry, message, ...details);
    } catch {
      // A log that is broken changes no answer, and ends no process from the background.
    }
  };
  return {
    info: (message, cause) => {
      write("info", message, cause);
    },
    warn: (message, cause) => {
      write("warn", message, cause);
    },
    error: (message, cause) => {
      write("error", message, cause);
    },
  };
}

/**
 * Name, message and stack of an error; its other properties could hold what was sent to the database. Of a row that the
 * database refused only what refused it: the message has the row's values.
 */
function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause;
  return describeRefusal(cause) ?? cause.stack ?? `${cause.name}: ${cause.message}`;
}
