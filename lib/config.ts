import type { SecretVersion } from "./options.ts";
import type { ParsedOptions } from "./options-schema.ts";

/** Base path of links that are made outside a request, while `basePath` is not given. */
export const DEFAULT_BASE_PATH = "/auth";

/** The options, checked, with every default filled in; frozen. */
export interface Config extends Readonly<
  Omit<
    ParsedOptions,
    | "baseURL"
    | "basePath"
    | "secret"
    | "secrets"
    | "trustedOrigins"
    | "emailAndPassword"
    | "verification"
    | "rateLimit"
    | "advanced"
  >
> {
  /** Whether `NODE_ENV` is `production`. */
  readonly production: boolean;
  /** Serialised origin, "https://app.example.com"; undefined: each request's own origin serves that request. */
  readonly baseURL: string | undefined;
  /** "/auth", "" for the root; undefined: where the Router is mounted, and `DEFAULT_BASE_PATH` outside a request. */
  readonly basePath: string | undefined;
  /** The current secret first, which signs and encrypts; a single `secret` has version 0. */
  readonly secrets: readonly [SecretVersion, ...SecretVersion[]];
  /** Whether `secrets` was given, so that encrypted values name the version of their secret. */
  readonly versionedSecrets: boolean;
  /** Decrypts values without a version: the single secret, or the one given beside `secrets`; undefined: none. */
  readonly legacySecret: string | undefined;
  readonly trustedOrigins: {
    /** Origin of `baseURL`, the listed ones, and those of `BETTER_AUTH_TRUSTED_ORIGINS`; each once. */
    readonly list: readonly string[];
    /** Finds further ones for a request; undefined when the option is no function. */
    readonly find: ((request?: Request) => Promise<readonly string[]>) | undefined;
  };
  readonly emailAndPassword: ParsedOptions["emailAndPassword"] & { readonly enabled: boolean };
  readonly verification: ParsedOptions["verification"] & {
    readonly storeIdentifier: NonNullable<ParsedOptions["verification"]["storeIdentifier"]>;
  };
  readonly rateLimit: Omit<ParsedOptions["rateLimit"], "enabled" | "storage"> & {
    readonly enabled: boolean;
    readonly storage: "memory" | "database";
  };
  readonly advanced: ParsedOptions["advanced"] & {
    readonly useSecureCookies: boolean;
    readonly disableCSRFCheck: boolean;
  };
  /** For the log at start; without secrets. */
  readonly warnings: readonly string[];
}
