import { Query, type Connection, type Model, type Schema } from "mongoose";
import { accountSchema, type Account } from "./account.ts";
import { withDeadline } from "./deadline.ts";
import { addFields, type AdditionalFields } from "./fields.ts";
import { rateLimitSchema, type RateLimit } from "./rate-limit.ts";
import { sessionSchema, type Session } from "./session.ts";
import { twoFactorSchema, type TwoFactor } from "./two-factor.ts";
import { userSchema, type User } from "./user.ts";
import { verificationSchema, type Verification } from "./verification.ts";

/** The row of each model. */
export interface Documents {
  User: User;
  Session: Session;
  Account: Account;
  Verification: Verification;
  RateLimit: RateLimit;
  TwoFactor: TwoFactor;
}

/** Name of a model, as on `auth.models`. */
export type ModelName = keyof Documents;

/** The Mongoose models of one instance, compiled on first use. */
export type Models = { readonly [N in ModelName]: Model<Documents[N]> };

/** How an instance adapts the models. */
export interface ModelOptions {
  readonly connection: Connection;
  /** Collection of each model; the protocol's names by default. */
  readonly collections: Partial<Record<ModelName, string>>;
  /** Adds `s` to the protocol's names. */
  readonly usePlural: boolean;
  readonly userFields: AdditionalFields;
  readonly sessionFields: AdditionalFields;
}

/** Schema and collection of every model: the whole database on one page. */
const catalogue = {
  User: { schema: userSchema, collection: "user" },
  Session: { schema: sessionSchema, collection: "session" },
  Account: { schema: accountSchema, collection: "account" },
  Verification: { schema: verificationSchema, collection: "verification" },
  RateLimit: { schema: rateLimitSchema, collection: "rateLimit" },
  TwoFactor: { schema: twoFactorSchema, collection: "twoFactor" },
} as const;

/** Models that refer to a user, each by these fields; a test demands that deleting a user covers them all. */
export const userReferences = {
  Session: ["userId"],
  Account: ["userId"],
  Verification: ["value"],
  TwoFactor: ["userId"],
} as const satisfies Partial<Record<ModelName, readonly string[]>>;

/**
 * The models on one connection, each compiled when it is first asked for, from a copy of its schema. Their
 * Mongoose names start with `better-auth.`, so that the app's own `User` cannot collide with ours.
 */
export function compileModels(options: ModelOptions): Models {
  function lazily<N extends ModelName>(name: N, schema: Schema<Documents[N]>) {
    let model: Model<Documents[N]> | undefined;
    return () => (model ??= compile(options, name, schema));
  }
  const user = lazily("User", catalogue.User.schema);
  const session = lazily("Session", catalogue.Session.schema);
  const account = lazily("Account", catalogue.Account.schema);
  const verification = lazily("Verification", catalogue.Verification.schema);
  const rateLimit = lazily("RateLimit", catalogue.RateLimit.schema);
  const twoFactor = lazily("TwoFactor", catalogue.TwoFactor.schema);
  return {
    get User() {
      return user();
    },
    get Session() {
      return session();
    },
    get Account() {
      return account();
    },
    get Verification() {
      return verification();
    },
    get RateLimit() {
      return rateLimit();
    },
    get TwoFactor() {
      return twoFactor();
    },
  };
}

function compile<N extends ModelName>(
  { connection, collections, usePlural, userFields, sessionFields }: ModelOptions,
  name: N,
  original: Schema<Documents[N]>,
): Model<Documents[N]> {
  const schema = original.clone();
  const standard = catalogue[name].collection + (usePlural ? "s" : "");
  schema.set("collection", collections[name] ?? standard);
  schema.set("versionKey", false);
  schema.set("bufferCommands", false);
  schema.set("autoIndex", false);
  schema.set("autoCreate", false);
  schema.set("id", false);
  schema.set("minimize", false);
  schema.set("read", "primary");
  if (name === "User") addFields(schema, userFields);
  if (name === "Session") addFields(schema, sessionFields);
  Object.assign(schema.query, { exec: guardedExec });
  return connection.model<Documents[N]>(freeName(connection, name), schema);
}

/** Every query of our models: operators only where our code marked them `trusted()`, and a deadline. */
function guardedExec(this: Query<unknown, unknown>): Promise<unknown> {
  this.setOptions({ sanitizeFilter: true });
  return withDeadline(Query.prototype.exec.call(this));
}

function freeName(connection: Connection, name: ModelName): string {
  const taken = connection.modelNames();
  const base = `better-auth.${name}`;
  let free = base;
  for (let n = 2; taken.includes(free); n++) free = `${base}#${String(n)}`;
  return free;
}
