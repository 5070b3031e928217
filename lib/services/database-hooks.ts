import type { ClientSession } from "mongoose";
import type { AuthContext } from "../context.ts";
import { parseId } from "../models/id.ts";
import type { ChangeHooks } from "../options.ts";
import { ChangeRefused } from "./database-errors.ts";

/** Models that `databaseHooks` watches. */
export type WatchedName = "User" | "Session" | "Account" | "Verification";

const OPTION_NAMES = {
  User: "user",
  Session: "session",
  Account: "account",
  Verification: "verification",
} as const satisfies Record<WatchedName, string>;

/** Fields that a hook adds, by their names in the database. */
type Added = Readonly<Record<string, unknown>>;

/** The app's hooks around one kind of change, called with records as the app knows them. */
export interface RowHooks {
  /**
   * @returns fields to be written besides, or in place of those given
   * @throws ChangeRefused
   */
  before(row: object, transaction: ClientSession | undefined): Promise<Added>;
  after(row: object, transaction: ClientSession | undefined): Promise<void>;
}

type AnyHooks = ChangeHooks<object, object>;

/** @returns null where the app has none */
export function changeHooks(
  auth: AuthContext,
  name: WatchedName,
  operation: "create" | "update" | "delete",
): RowHooks | null {
  const option = OPTION_NAMES[name];
  // Typed for the app by model; the records are made here, from rows of any.
  const hooks = auth.config.databaseHooks[option]?.[operation] as AnyHooks | undefined;
  if (hooks?.before === undefined && hooks?.after === undefined) return null;
  const storedNames = storedNamesOf(auth, name);
  return {
    async before(row, transaction) {
      const record = toRecord(row, storedNames);
      const result = await hooks.before?.(record, auth.hookContext, transaction ?? null);
      if (result === false) throw new ChangeRefused(`databaseHooks.${option}.${operation}.before`);
      return typeof result === "object" ? fromRecord(result.data, storedNames) : {};
    },
    async after(row, transaction) {
      await hooks.after?.(toRecord(row, storedNames), auth.hookContext, transaction ?? null);
    },
  };
}

/** Additional fields by name: their names in the database. */
function storedNamesOf({ config }: AuthContext, name: WatchedName): ReadonlyMap<string, string> {
  if (name !== "User" && name !== "Session") return new Map();
  const fields = Object.entries(config[OPTION_NAMES[name]].additionalFields);
  return new Map(fields.map(([field, { fieldName = field }]) => [field, fieldName]));
}

function toRecord(
  row: object,
  storedNames: ReadonlyMap<string, string>,
): Readonly<Record<string, unknown>> {
  const names = new Map([...storedNames].map(([name, stored]) => [stored, name]));
  const entries = Object.entries(row).map(
    ([stored, value]: [string, unknown]): [string, unknown] => {
      if (stored === "_id") return ["id", String(value)];
      return [names.get(stored) ?? stored, stored === "userId" ? String(value) : value];
    },
  );
  return Object.fromEntries(entries);
}

/** What stays ours: the id, and the token, of which the browser has the other half. */
const KEPT: ReadonlySet<string> = new Set(["id", "_id", "token"]);

function fromRecord(
  data: Readonly<Record<string, unknown>>,
  storedNames: ReadonlyMap<string, string>,
): Added {
  const entries = Object.entries(data).filter(
    ([name, value]) => !KEPT.has(name) && value !== undefined,
  );
  return Object.fromEntries(
    entries.map(([name, value]) => [storedNames.get(name) ?? name, storedValue(name, value)]),
  );
}

function storedValue(name: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (name === "userId") return parseId(value) ?? value;
  return name === "email" ? value.toLowerCase() : value;
}
