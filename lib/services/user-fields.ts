import type { AuthContext, Expectation, Hooks } from "../context.ts";
import type { AuthError } from "../errors.ts";
import { bsonType } from "../models/fields.ts";
import type { User } from "../models/user.ts";
import { readFields, refuseClosedFields } from "./additional-fields.ts";
import { isDuplicateKey } from "./database-errors.ts";
import { exactly, noneOf } from "./filter.ts";

/**
 * Reads what a client may set of a user besides name, address and picture: the app's additional fields, and those of
 * the enabled features.
 *
 * @param current null for a new user, whose defaults are filled in
 * @returns values by their names in the database
 * @throws AuthError FIELD_NOT_ALLOWED, MISSING_FIELD, VALIDATION_ERROR (400), and those of the features
 */
export async function readUserFields(
  auth: AuthContext,
  input: Readonly<Record<string, unknown>>,
  current: Readonly<User> | null,
): Promise<Partial<User>> {
  const { config, hooks } = auth;
  refuseClosedFields(input);
  const action = current === null ? "create" : "update";
  const fields: Partial<User> = await readFields(config.user.additionalFields, input, action);
  for (const hook of hooks) Object.assign(fields, await hook.readUserFields?.(input, current));
  await refuseTakenWithoutIndex(auth, fields, current);
  return fields;
}

/** What a feature expects of the stored user when these fields are written; nothing by default. */
export function expectationOf(
  { hooks }: AuthContext,
  fields: Readonly<Partial<User>>,
  current: Readonly<User>,
): Partial<Expectation> {
  for (const hook of hooks) {
    const expectation = hook.expectUser?.(fields, current) ?? null;
    if (expectation !== null) return expectation;
  }
  return {};
}

/** Where old duplicates keep a unique index from being built, a look-up is all that is left. */
async function refuseTakenWithoutIndex(
  { models: { User }, database, hooks }: AuthContext,
  fields: Partial<User>,
  current: Readonly<User> | null,
): Promise<void> {
  const values = new Map<string, unknown>(Object.entries(fields));
  for (const [field, taken] of hooks.flatMap(uniqueFieldsOf)) {
    if (!values.has(field) || !database.lacksIndex(User.collection.collectionName, field)) continue;
    const others = current === null ? {} : { _id: noneOf([current._id]) };
    const value = exactly(values.get(field), "string");
    if ((await User.exists({ ...others, [field]: value })) !== null) throw taken();
  }
}

function uniqueFieldsOf({ uniqueUserFields = {} }: Hooks) {
  return Object.entries(uniqueUserFields);
}

/** What is answered when the database refused a user because of a feature's unique field; null for other causes. */
export function takenField({ hooks }: AuthContext, error: unknown): AuthError | null {
  const found = hooks.flatMap(uniqueFieldsOf).find(([field]) => isDuplicateKey(error, field));
  return found === undefined ? null : found[1]();
}

/**
 * Looks whether a unique field of a user who is not stored is taken, as the database would have found.
 *
 * @returns what is answered then: that of a feature, or `otherwise`; null when all are free
 */
export async function findTakenField(
  { models, config, hooks }: AuthContext,
  user: User,
  otherwise: () => AuthError,
): Promise<AuthError | null> {
  const own = Object.entries(config.user.additionalFields)
    .filter(([, { unique }]) => unique)
    .map(([name, { type, fieldName = name }]) => [fieldName, bsonType(type), otherwise] as const);
  const ofFeatures = hooks
    .flatMap(uniqueFieldsOf)
    .map(([field, taken]) => [field, "string", taken] as const);
  const values = new Map<string, unknown>(Object.entries(user));
  for (const [field, type, taken] of [...ofFeatures, ...own]) {
    const value = values.get(field);
    if (value === undefined || value === null) continue;
    if ((await models.User.exists({ [field]: exactly(value, type) })) !== null) return taken();
  }
  return null;
}
