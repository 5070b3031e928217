import type { Router } from "express";
import { closestMatch } from "leven";
import { createApi } from "./api.ts";
import type { AuthContext } from "./context.ts";
import { cipherKey } from "./crypto/cipher.ts";
import { signingKey } from "./crypto/signature.ts";
import { builtInFeatures, extendFeatures } from "./features.ts";
import { createAdminGuard } from "./middleware/require-admin.ts";
import {
  createGuard,
  type AuthOnRequest,
  type FoundSessions,
  type SessionGuard,
} from "./middleware/require-session.ts";
import { compileModels, type ModelName, type Models } from "./models/index.ts";
import type { Config } from "./config.ts";
import type { AuthOptions } from "./options.ts";
import { readOptions } from "./read-options.ts";
import type { Plugin, ServerApi } from "./plugin.ts";
import { createRouters } from "./router.ts";
import { createDatabaseCounters, createMemoryCounters } from "./services/counters.ts";
import { createCookies } from "./services/cookies.ts";
import { connectionSource, createDatabase } from "./services/database.ts";
import type { IndexReport } from "./services/indexes.ts";
import { createLog } from "./services/log.ts";
import { createOrigins } from "./services/origins.ts";
import { createRefusedAddresses } from "./services/refused-addresses.ts";
import { createSessionLookup } from "./services/session-lookup.ts";
import type { SessionOf, UserOf } from "./record-types.ts";
import { createViews, type ExtraField, type ExtraFields } from "./views.ts";

/** The features of an instance: those that are always there, and `plugins`. */
type FeaturesOf<O extends AuthOptions> =
  | (typeof builtInFeatures)[number]
  | (O["plugins"] extends readonly (infer P)[] ? Extract<P, Plugin> : never);

/** What `betterAuth()` returns besides the Router itself; all usable unbound. */
export interface AuthInstance<O extends AuthOptions> {
  /** The same object: the Router of all features. */
  readonly router: Router;
  /** Each feature's Router alone, by id; what it does not know goes on to the app. */
  readonly routers: Readonly<Record<FeaturesOf<O>["id"], Router>>;
  /** Lets requests with a live session pass and puts `{ session, user }` on `req.auth`. */
  readonly requireSession: SessionGuard<UserOf<O>, SessionOf<O>>;
  /** As `requireSession`, for administrators: a role among `adminRoles`, or an id in `adminUserIds`. */
  readonly requireAdmin: SessionGuard<UserOf<O>, SessionOf<O>>;
  /** The endpoints as functions: `auth.api.signInEmail({ body })`. */
  readonly api: ServerApi<FeaturesOf<O>, UserOf<O>, SessionOf<O>>;
  /** The Mongoose models; their collections are those of Better Auth. */
  readonly models: Models;
  /** The options, parsed. */
  readonly config: Config;
  /** For the compiler only, empty at run time: `typeof auth.$Infer.Session` is what a guard puts on `req.auth`. */
  readonly $Infer: { readonly Session: AuthOnRequest<UserOf<O>, SessionOf<O>> };
  /**
   * Connects and builds the indexes; requests wait for it by themselves. After a failure the next call tries again.
   *
   * @throws Error when the database cannot be used, with the reason
   */
  ready(): Promise<void>;
  /** Builds missing indexes and says what was built and what was not. */
  ensureIndexes(): Promise<IndexReport>;
  /** Ends what the instance opened; a connection of the app stays open. */
  close(): Promise<void>;
}

/** An Express Router with everything of an instance attached. */
export type Auth<O extends AuthOptions = AuthOptions> = Router & AuthInstance<O>;

/**
 * Makes an instance: an Express Router that serves the Better Auth HTTP API, with the middleware for the app's own
 * routes. `app.use("/auth", betterAuth())` works without any option in development.
 *
 * @throws TypeError naming the option, when one is wrong or misspelt; in production also without `secret` or `baseURL`
 */
export function betterAuth<const O extends AuthOptions = Record<never, never>>(
  // Without the intersection the default would be what types the app's callbacks.
  options?: O & AuthOptions,
): Auth<O> {
  const config = readOptions(options ?? {}, process.env);
  const log = createLog(config.logger);
  for (const warning of config.warnings) log.warn(warning);
  const features = extendFeatures([...builtInFeatures, ...config.plugins]);
  for (const { warnings = [] } of features) for (const warning of warnings) log.warn(warning);
  checkHookNames(config, features);
  for (const warning of unknownPaths(config, features)) log.warn(warning);
  const source = connectionSource(config.database, process.env);
  const models = compileModels({
    connection: source.connection,
    collections: collectionsOf(config),
    usePlural: config.advanced.database.usePlural,
    userFields: config.user.additionalFields,
    sessionFields: config.session.additionalFields,
  });
  const database = createDatabase({
    source,
    models,
    modelNames: modelNamesOf(config, features),
    autoIndex: config.advanced.database.autoIndex,
    log,
  });
  const { now } = config;
  const context: AuthContext = Object.freeze({
    config,
    models,
    database,
    views: createViews(extraFields(config, features, models)),
    cookies: createCookies(config),
    sessions: createSessionLookup(database, models, now),
    counters:
      config.rateLimit.storage === "database"
        ? createDatabaseCounters({
            database,
            models,
            onStoreFailure: config.rateLimit.onStoreFailure,
            log,
            now,
          })
        : createMemoryCounters(now),
    origins: createOrigins(config),
    refused: createRefusedAddresses(config, log),
    keys: createKeys(config),
    hookContext: null,
    hooks: features.flatMap(({ hooks }) => (hooks === undefined ? [] : [hooks])),
    log,
    now,
  });
  return assemble(context, features, database);
}

function assemble<O extends AuthOptions>(
  context: AuthContext,
  features: readonly Plugin[],
  database: ReturnType<typeof createDatabase>,
): Auth<O> {
  const { combined, byFeature } = createRouters(context, features);
  const found: FoundSessions = new WeakMap();
  const inferred: object = {};
  const instance = {
    router: combined,
    routers: Object.freeze(Object.fromEntries(byFeature)) as Auth<O>["routers"],
    requireSession: createGuard(context, found),
    requireAdmin: createAdminGuard(context, found),
    api: createApi(context, features),
    models: context.models,
    config: context.config,
    $Infer: inferred as Auth<O>["$Infer"],
    ready: () => database.ready(),
    ensureIndexes: () => database.ensureIndexes(),
    close: () => database.close(),
  };
  return Object.assign(combined, instance);
}

/** @throws TypeError when a hook is for an endpoint that does not exist */
function checkHookNames({ hooks }: Config, features: readonly Plugin[]): void {
  const known = features.flatMap(({ endpoints }) => endpoints.map(({ name }) => name));
  for (const when of ["before", "after"] as const) {
    const byName = hooks[when];
    if (byName === undefined || typeof byName === "function") continue;
    const wrong = Object.keys(byName).find((name) => !known.includes(name));
    if (wrong === undefined) continue;
    const meant = closestMatch(wrong, known) ?? "signInEmail";
    throw new TypeError(
      `betterAuth(): hooks.${when}.${wrong} is no endpoint; did you mean ${meant}?`,
    );
  }
}

/** Paths of the options that no enabled feature has; a sentence each. Patterns may mean what is not there yet. */
function unknownPaths({ disabledPaths, rateLimit }: Config, features: readonly Plugin[]): string[] {
  const known = features.flatMap(({ endpoints }) => endpoints.flatMap(({ paths }) => paths));
  const given = [
    ...disabledPaths.map((path) => ["disabledPaths", path] as const),
    ...Object.keys(rateLimit.customRules).map((path) => ["rateLimit.customRules", path] as const),
  ];
  return given
    .filter(([, path]) => !path.includes("*") && !known.includes(path))
    .map(([option, path]) => {
      const nearest = closestMatch(path, known) ?? "/ok";
      return `${option}: no enabled feature has ${path}; the nearest is ${nearest}`;
    });
}

/** The models of the enabled features, and the counters where the database keeps them. */
function modelNamesOf(config: Config, features: readonly Plugin[]): ModelName[] {
  const { enabled, storage } = config.rateLimit;
  const counters: ModelName[] = enabled && storage === "database" ? ["RateLimit"] : [];
  return [...new Set([...features.flatMap((feature) => feature.models), ...counters])];
}

function collectionsOf({ user, session, account, verification, rateLimit }: Config) {
  return {
    ...(user.modelName !== undefined && { User: user.modelName }),
    ...(session.modelName !== undefined && { Session: session.modelName }),
    ...(account.modelName !== undefined && { Account: account.modelName }),
    ...(verification.modelName !== undefined && { Verification: verification.modelName }),
    ...(rateLimit.modelName !== undefined && { RateLimit: rateLimit.modelName }),
  };
}

function createKeys({ secrets, versionedSecrets, legacySecret }: Config): AuthContext["keys"] {
  const [current, ...older] = secrets;
  const accepted = older.map(({ value }) => value);
  if (legacySecret !== undefined && legacySecret !== current.value) accepted.push(legacySecret);
  return {
    signing: [signingKey(current.value), ...accepted.map(signingKey)],
    cipher: {
      current: {
        version: versionedSecrets ? current.version : null,
        key: cipherKey(current.value),
      },
      byVersion: new Map(secrets.map(({ version, value }) => [version, cipherKey(value)])),
      unversioned: legacySecret === undefined ? undefined : cipherKey(legacySecret),
    },
  };
}

function extraFields(config: Config, features: readonly Plugin[], models: Models) {
  const exposed = (record: "user" | "session"): ExtraFields => {
    const { schema } = record === "user" ? models.User : models.Session;
    const isDate = (stored: string) => schema.paths[stored]?.instance === "Date";
    const fields = new Map<string, ExtraField>();
    for (const { exposes } of features) {
      for (const [name, unset] of Object.entries(exposes?.[record] ?? {})) {
        fields.set(name, { stored: name, unset, isDate: isDate(name) });
      }
    }
    for (const [name, field] of Object.entries(config[record].additionalFields)) {
      if (!field.returned) continue;
      const { fieldName: stored = name, transform } = field;
      const show = transform.output;
      fields.set(name, {
        stored,
        unset: null,
        show,
        isDate: show === undefined && isDate(stored),
      });
    }
    return fields;
  };
  return { user: exposed("user"), session: exposed("session") };
}
