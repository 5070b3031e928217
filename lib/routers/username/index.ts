import { failures, type ErrorTable } from "../../errors.ts";
import type { User } from "../../models/user.ts";
import { plugin } from "../../plugin.ts";
import { anyOf } from "../../services/filter.ts";
import { isUsernameAvailable } from "./is-username-available.ts";
import { createRules, displayUsernameField, nameErrors, usernameField } from "./schemas.ts";
import type { UsernameOptions, UsernameRules } from "./schemas.ts";
import { signInUsername } from "./sign-in-username.ts";

export type { UsernameOptions } from "./schemas.ts";

/** Codes of endpoints that store a name. */
const errors = {
  ...nameErrors(400),
  INVALID_DISPLAY_USERNAME: [400, "Display username is invalid"],
  USERNAME_IS_ALREADY_TAKEN: [400, "Username is already taken. Please try another."],
} as const satisfies ErrorTable;
const updateErrors = {
  ...errors,
  USERNAME_IS_IMMUTABLE: [400, "Username cannot be updated"],
} as const satisfies ErrorTable;
const fail = failures(updateErrors);

const body = {
  username: usernameField.optional(),
  displayUsername: displayUsernameField.optional(),
};

/** What answers show of a user besides. An alias, because an interface would not do as a record. */
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions
type ShownNames = {
  /** As the feature normalises it. */
  readonly username: string | null;
  /** As typed; absent with `displayUsername: false`. */
  readonly displayUsername?: string | null;
};

/**
 * Usernames: sign-in by them, and a unique one for each user who wants one. The options are Better Auth's.
 *
 * @throws TypeError naming the option that is wrong
 */
export function username(options: UsernameOptions = {}) {
  const rules = createRules(options);
  const shown: ShownNames = {
    username: null,
    ...(rules.keepsDisplayUsername && { displayUsername: null }),
  };
  return plugin({
    id: "username",
    models: ["User"],
    exposes: { user: shown },
    endpoints: [signInUsername(rules), isUsernameAvailable(rules)],
    extends: { signUpEmail: { body, errors }, updateUser: { body, errors: updateErrors } },
    hooks: {
      readUserFields: (input, current) => readNames(rules, input, current),
      expectUser: (fields, current) =>
        rules.isImmutable && fields.username !== undefined
          ? {
              where: { username: anyOf([current.username ?? null, fields.username]) },
              otherwise: () => fail("USERNAME_IS_IMMUTABLE"),
            }
          : null,
      uniqueUserFields: { username: () => fail("USERNAME_IS_ALREADY_TAKEN") },
    },
  });
}

/**
 * The names of a new user (`current` is null) or of a change.
 *
 * @throws AuthError the codes above (400)
 */
async function readNames(
  rules: UsernameRules,
  input: Readonly<Record<string, unknown>>,
  current: Readonly<User> | null,
): Promise<Partial<User>> {
  const sent = textIn(input, "displayUsername");
  // An empty field of a sign-up form is a name that was not given.
  const typed = sent === "" && current === null ? undefined : sent;
  const given = textIn(input, "username") ?? (await impliedUsername(rules, typed, current));
  if (given !== undefined) await rules.check(given, 400);
  if (typed !== undefined && rules.keepsDisplayUsername && !(await rules.isValidDisplay(typed))) {
    throw fail("INVALID_DISPLAY_USERNAME");
  }
  const name = given === undefined ? undefined : rules.normalize(given);
  if (name !== undefined) refuseChange(rules, name, current);
  const display = typed ?? (current === null ? given : undefined);
  return {
    ...(name !== undefined && { username: name }),
    ...(rules.keepsDisplayUsername &&
      display !== undefined && { displayUsername: rules.normalizeDisplay(display) }),
  };
}

/** At sign-up, a display username that could be a username is one. */
async function impliedUsername(
  rules: UsernameRules,
  typed: string | undefined,
  current: Readonly<User> | null,
): Promise<string | undefined> {
  if (current !== null || typed === undefined) return undefined;
  return (await rules.isValid(typed)) ? typed : undefined;
}

function refuseChange(rules: UsernameRules, name: string, current: Readonly<User> | null): void {
  if (!rules.isImmutable || current === null) return;
  const isSet = typeof current.username === "string" && current.username !== "";
  if (isSet && current.username !== name) throw fail("USERNAME_IS_IMMUTABLE");
}

/** The endpoint's schema has checked that it is a text. */
function textIn(input: Readonly<Record<string, unknown>>, field: string): string | undefined {
  const value = input[field];
  return typeof value === "string" ? value : undefined;
}
