export { betterAuth, type Auth, type AuthInstance } from "./better-auth.ts";
export type { HookContext } from "./context.ts";
export type { AnyEndpoint, Endpoint, Signature } from "./endpoint.ts";
export { AuthError } from "./errors.ts";
export type {
  AuthOnRequest,
  AuthRequest,
  Guard,
  GuardOptions,
  SessionGuard,
} from "./middleware/require-session.ts";
export { OUTCOME_CHANNEL, type Outcome } from "./middleware/write-answer.ts";
export type { Account } from "./models/account.ts";
export type { Models } from "./models/index.ts";
export type { Session } from "./models/session.ts";
export type { TwoFactor } from "./models/two-factor.ts";
export type { User } from "./models/user.ts";
export type { Verification } from "./models/verification.ts";
export type * from "./options.ts";
export type { ApiArguments, ApiCall, ApiHeaders, Exposed, Plugin, ServerApi } from "./plugin.ts";
export { twoFactor, type TwoFactorOptions } from "./routers/two-factor/index.ts";
export { username, type UsernameOptions } from "./routers/username/index.ts";
export type { IndexFailure, IndexReport } from "./services/indexes.ts";
export type { SessionOf, UserOf } from "./record-types.ts";
export type { PublicSession, PublicUser, SessionView, ShownSession, UserView } from "./views.ts";
