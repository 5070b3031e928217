import { z } from "zod";

/** Why a mongod ended at its start, as far as a caller can do something about it. */
export type MongodFailureKind = "folder-in-use" | "port-in-use" | "other";

/** A mongod that ended at its start; the message is its own reason. */
export class MongodFailure extends Error {
  override readonly name = "MongodFailure";
  readonly kind: MongodFailureKind;

  constructor(kind: MongodFailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

const entrySchema = z.object({
  s: z.string(),
  msg: z.string(),
  attr: z.object({ error: z.unknown() }).optional(),
});
const detailSchema = z.union([
  z.string(),
  z.object({ errmsg: z.string() }).transform(({ errmsg }) => errmsg),
]);

/**
 * Reads the reason of a failed start out of mongod's log: its first error, else its last line (a wrong option).
 *
 * @param log what this start wrote
 */
export function failureOf(log: string): MongodFailure {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  const error = lines.map(errorIn).find((text) => text !== undefined);
  const reason = error ?? lines.find((line) => !line.startsWith("{")) ?? "it wrote no reason";
  return new MongodFailure(kindOf(reason), `MongoDB ended at its start: ${reason}`);
}

function errorIn(line: string): string | undefined {
  if (!/"s":"[EF]"/.test(line)) return undefined;
  const entry = parseEntry(line);
  if (entry === undefined) return undefined;
  const detail = detailSchema.safeParse(entry.attr?.error).data;
  return detail === undefined ? entry.msg : `${entry.msg}: ${detail}`;
}

function parseEntry(line: string): z.infer<typeof entrySchema> | undefined {
  try {
    const content: unknown = JSON.parse(line);
    return entrySchema.safeParse(content).data;
  } catch {
    return undefined; // A line cut off when the process was killed.
  }
}

function kindOf(reason: string): MongodFailureKind {
  if (reason.includes("DBPathInUse") || reason.includes("Unable to lock the lock file")) {
    return "folder-in-use";
  }
  return /address already in use/i.test(reason) ? "port-in-use" : "other";
}
