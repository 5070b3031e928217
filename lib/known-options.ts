const cookie = ["expires", "prefix"] as const;
const field = ["bigint", "references", "sortable"] as const;

/**
 * Options of Better Auth (1.4 to 1.7) that are accepted and have no effect here: group → names. `*` stands for any name
 * that the app chose; the empty text is the top level.
 */
export const inertOptions = {
  "": ["secondaryStorage"],
  baseURL: ["allowedHosts", "protocol"],
  emailAndPassword: ["customSyntheticUser"],
  emailVerification: ["onEmailVerification"],
  user: ["validateUserInfo"],
  "user.changeEmail": ["sendChangeEmailVerification"],
  "user.additionalFields.*": field,
  session: ["preserveSessionInDatabase", "storeSessionInDatabase"],
  "session.additionalFields.*": field,
  "session.cookieCache": ["refreshCache"],
  "account.additionalFields.*": field,
  verification: ["disableCleanup", "storeInDatabase"],
  "verification.additionalFields.*": field,
  rateLimit: ["customStorage"],
  advanced: ["backgroundTasks", "skipTrailingSlashes", "trustedProxyHeaders"],
  "advanced.cookies.*.attributes": cookie,
  "advanced.crossSubDomainCookies": ["additionalCookies"],
  "advanced.database": ["defaultFindManyLimit", "generateId", "joins", "useNumberId"],
  "advanced.defaultCookieAttributes": cookie,
  "advanced.ipAddress": ["ipv6Subnet"],
  logger: ["disableColors"],
  onAPIError: ["onError", "throw"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

type Groups = typeof inertOptions;

/** The inert options of one group, so that an existing configuration compiles. */
export type Inert<Group extends keyof Groups> = {
  readonly [Name in Groups[Group][number]]?: unknown;
};

/** Full names of all inert options, e.g. `advanced.database.joins`. */
export type InertPath = {
  [Group in keyof Groups]: Group extends ""
    ? Groups[Group][number]
    : `${Group}.${Groups[Group][number]}`;
}[keyof Groups];

const namesByGroup: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(inertOptions));

/** Names without effect in one group; empty for every other one. */
export function inertNames(group: string | null): readonly string[] {
  return namesByGroup.get(group ?? "-") ?? [];
}

/** The group in `group` that a name leads to, e.g. `user.additionalFields.*`; null when nothing inert is below. */
export function memberGroup(group: string | null, name: PropertyKey): string | null {
  if (group === null) return null;
  const prefix = group === "" ? "" : `${group}.`;
  const leads = (candidate: string): boolean =>
    [...namesByGroup.keys()].some((key) => key === candidate || key.startsWith(`${candidate}.`));
  return [`${prefix}${String(name)}`, `${prefix}*`].find(leads) ?? null;
}
