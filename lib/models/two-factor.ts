import { Schema } from "mongoose";
import type { Id } from "./id.ts";

/** The authenticator of a user, and their backup codes. */
export interface TwoFactor {
  _id: Id;
  /** Encrypted text of 32 characters, whose UTF-8 bytes are the key of the codes. */
  secret: string;
  /** JSON array of the codes that are not used yet, encrypted unless `storeBackupCodes` says otherwise. */
  backupCodes: string;
  userId: Id;
  /** Whether a code has confirmed the secret; missing in rows of Better Auth 1.4, where it counts as true at sign-in. */
  verified?: boolean | null;
  /** Wrong tries of sign-ins since the last success, or since a lock has ended; missing means none. */
  failedVerificationCount?: number | null;
  /** Until then no code is looked at. */
  lockedUntil?: Date | null;
  /** Step of the last code that was taken (RFC 6238 §5.2: each counts once); missing means none. */
  lastUsedStep?: number | null;
}

/** Fields and indexes of second factors. */
export const twoFactorSchema = new Schema<TwoFactor>({
  _id: { type: Schema.Types.Mixed, required: true },
  secret: { type: String, required: true },
  backupCodes: { type: String, required: true },
  userId: { type: Schema.Types.Mixed, required: true },
  verified: Boolean,
  failedVerificationCount: Number,
  lockedUntil: Date,
  lastUsedStep: Number,
});
twoFactorSchema.index({ userId: 1 }, { unique: true });
