import { Schema } from "mongoose";
import type { Id } from "./id.ts";

/** A short-lived proof: password reset, deletion of an account, pending second factor, OAuth state. */
export interface Verification {
  _id: Id;
  /** Purpose, and `h1:` with the SHA-256 of the secret part (docs/protocol.md §9). */
  identifier: string;
  value: string;
  /** Of the browser that is trusted; other proofs have none. */
  userAgent?: string | null;
  /** False for a sign-in that waits for its second factor, and whose session is to end with the browser. */
  rememberMe?: boolean | null;
  expiresAt: Date;
  createdAt: Date;
  updatedAt: Date;
}

/** Fields and indexes of short-lived proofs. */
export const verificationSchema = new Schema<Verification>({
  _id: { type: Schema.Types.Mixed, required: true },
  identifier: { type: String, required: true },
  value: { type: String, required: true },
  userAgent: String,
  rememberMe: Boolean,
  expiresAt: { type: Date, required: true },
  createdAt: { type: Date, required: true },
  updatedAt: { type: Date, required: true },
});
verificationSchema.index({ identifier: 1 });
verificationSchema.index({ value: 1 });
verificationSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
