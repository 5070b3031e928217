import { AuthError, failures, type ErrorTable } from "../errors.ts";
import type { Config } from "../config.ts";

type Fields = Config["user"]["additionalFields"];
type Field = Fields[string];

/** Codes that endpoints with additional fields answer with. */
export const fieldErrors = {
  FIELD_NOT_ALLOWED: [400, "Field is not allowed to be set"],
  MISSING_FIELD: [400, "Field is required"],
} as const satisfies ErrorTable;
const fail = failures(fieldErrors);

/** Built-in fields of a user that no request may set. */
export const CLOSED_USER_FIELDS = [
  "emailVerified",
  "role",
  "banned",
  "banReason",
  "banExpires",
  "twoFactorEnabled",
] as const;

/** Characters of a text, and entries of a list, at most. */
const MAX_TEXT = 10_000;
const MAX_ENTRIES = 1000;
/** Levels of objects and lists in a JSON value; MongoDB guarantees 100 for a whole document. */
const MAX_LEVELS = 50;

type Input = Readonly<Record<string, unknown>>;

/**
 * Refuses built-in fields that are closed to input.
 *
 * @throws AuthError FIELD_NOT_ALLOWED (400)
 */
export function refuseClosedFields(input: Input): void {
  for (const name of CLOSED_USER_FIELDS) {
    if (Object.hasOwn(input, name) && isTruthy(input[name])) throw notAllowed(name);
  }
}

/**
 * Reads the app's additional fields from a request body: those that accept input, with their defaults on `create`.
 * Anything else in the body is left alone.
 *
 * @returns values by their names in the database
 * @throws AuthError FIELD_NOT_ALLOWED, MISSING_FIELD, VALIDATION_ERROR (400), each naming the field
 */
export async function readFields(
  fields: Fields,
  input: Input,
  action: "create" | "update",
): Promise<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const given = Object.hasOwn(input, name) ? input[name] : undefined;
    if (!field.input) refuseInput(name, field, given, action);
    const value = field.input ? given : undefined;
    const stored = field.fieldName ?? name;
    if (value !== undefined && value !== null) values[stored] = await accept(name, field, value);
    else if (action === "create") values[stored] = initial(name, field);
    else if (value === null) values[stored] = emptied(name, field);
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** A field closed to input: its default applies where there is one, as in Better Auth. */
function refuseInput(name: string, field: Field, given: unknown, action: string): void {
  const hasDefault = field.defaultValue !== undefined && action === "create";
  if (!hasDefault && isTruthy(given)) throw notAllowed(name);
}

/** Defaults for a record that is made without any input, by their names in the database. */
export function defaultsOf(fields: Fields): Record<string, unknown> {
  const values = Object.entries(fields).map(
    ([name, field]) => [field.fieldName ?? name, defaultOf(field)] as const,
  );
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/** What the app's fields make at every update of a record, by their names in the database. */
export function updatesOf(fields: Fields): Record<string, unknown> {
  const made = Object.entries(fields).flatMap(([name, { onUpdate, fieldName = name }]) =>
    onUpdate === undefined ? [] : [[fieldName, onUpdate()] as const],
  );
  return Object.fromEntries(made);
}

function defaultOf({ defaultValue }: Field): unknown {
  return isMaker(defaultValue) ? defaultValue() : defaultValue;
}

function initial(name: string, field: Field): unknown {
  const { required, input } = field;
  const value = defaultOf(field);
  if (value === undefined && required && input) throw missing(name);
  return value;
}

function isMaker(value: unknown): value is () => unknown {
  return typeof value === "function";
}

function emptied(name: string, { required }: Field): null {
  if (required) throw missing(name);
  return null;
}

async function accept(name: string, { type, validator, transform }: Field, given: unknown) {
  const value = typed(type, given);
  if (value === undefined) throw invalid(name, `must be ${describeType(type)}`);
  const checked = await validator.input?.["~standard"].validate(value);
  if (isFailure(checked)) throw invalid(name, checked.issues[0]?.message ?? "is not valid");
  const accepted = isSuccess(checked) ? checked.value : value;
  return transform.input === undefined ? accepted : transform.input(accepted);
}

/** The value in the field's type, undefined when it is of another one. Never an object where a scalar is asked for. */
function typed(type: Field["type"], value: unknown): unknown {
  if (typeof type !== "string") return isText(value) && type.includes(value) ? value : undefined;
  switch (type) {
    case "string":
      return isText(value) ? value : undefined;
    case "number":
      return isNumber(value) ? value : undefined;
    case "boolean":
      if (value === "true" || value === "false") return value === "true";
      return typeof value === "boolean" ? value : undefined;
    case "date":
      return asDate(value);
    case "string[]":
      return isListOf(value, isText) ? value : undefined;
    case "number[]":
      return isListOf(value, isNumber) ? value : undefined;
    case "json":
      return isStorable(value) ? value : undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isListOf(value: unknown, isEntry: (entry: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= MAX_ENTRIES && value.every(isEntry);
}

/** Keys that BSON or Mongoose would read in a way of their own, instead of storing them. */
const SPECIAL_KEY =
  /^(?:_bsontype|__proto__|constructor|prototype|toBSON|toObject|\$__|\$isMongoose\w*|isMongoose\w*)$|\0/;

/** Whether the database takes it as it is: not too deep, and without special keys. */
function isStorable(value: unknown, levels = MAX_LEVELS): boolean {
  if (!isObject(value)) return true;
  const isOrdinary = (key: string) => !SPECIAL_KEY.test(key);
  return (
    levels > 0 &&
    Object.entries(value).every(
      ([key, member]) => isOrdinary(key) && isStorable(member, levels - 1),
    )
  );
}

function asDate(value: unknown): Date | undefined {
  if (!(value instanceof Date) && !isText(value)) return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function describeType(type: Field["type"]): string {
  return typeof type === "string" ? `of type ${type}` : `one of ${type.join(", ")}`;
}

function isFailure(
  result: unknown,
): result is { readonly issues: readonly { readonly message?: string }[] } {
  return isObject(result) && "issues" in result && Array.isArray(result.issues);
}

function isSuccess(result: unknown): result is { readonly value: unknown } {
  return isObject(result) && "value" in result;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isTruthy(value: unknown): boolean {
  return Boolean(value);
}

function notAllowed(name: string): AuthError {
  return fail("FIELD_NOT_ALLOWED", { message: `${name} is not allowed to be set` });
}

function missing(name: string): AuthError {
  return fail("MISSING_FIELD", { message: `${name} is required` });
}

function invalid(name: string, rule: string): AuthError {
  return new AuthError(400, "VALIDATION_ERROR", `[body.${name}] ${rule}`);
}
