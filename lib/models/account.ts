import { Schema } from "mongoose";
import type { Id } from "./id.ts";

/** `providerId` of the account that holds a user's password. */
export const CREDENTIAL = "credential";

/** One way in which a user proves their identity: a password, or an account at a provider. */
export interface Account {
  _id: Id;
  /** The provider's id of the user; for `credential` the user's own id as text. */
  accountId: string;
  /** `credential` or the provider's id. */
  providerId: string;
  userId: Id;
  /** Password hash, `credential` only: scrypt-kdf's format (base64 of 96 bytes), or Better Auth's `salt:key`. */
  password?: string | null;
  /** Encrypted, see contract data-model.md. */
  accessToken?: string | null;
  refreshToken?: string | null;
  idToken?: string | null;
  accessTokenExpiresAt?: Date | null;
  refreshTokenExpiresAt?: Date | null;
  /** Granted scopes, joined by commas. */
  scope?: string | null;
  createdAt: Date;
  updatedAt: Date;
}

/** Fields and indexes of accounts: ways in which users prove who they are. */
export const accountSchema = new Schema<Account>({
  _id: { type: Schema.Types.Mixed, required: true },
  accountId: { type: String, required: true },
  providerId: { type: String, required: true },
  userId: { type: Schema.Types.Mixed, required: true },
  password: String,
  accessToken: String,
  refreshToken: String,
  idToken: String,
  accessTokenExpiresAt: Date,
  refreshTokenExpiresAt: Date,
  scope: String,
  createdAt: { type: Date, required: true },
  updatedAt: { type: Date, required: true },
});
accountSchema.index({ userId: 1 });
accountSchema.index({ providerId: 1, accountId: 1 }, { unique: true });
