import { Schema } from "mongoose";
import type { Id } from "./id.ts";

/** One signed-in browser or device. */
export interface Session {
  _id: Id;
  /**
   * `h1:` and the SHA-256 of the token that the browser holds; the token itself is never stored, except in rows
   * of Better Auth and in compatibility mode.
   */
  token: string;
  userId: Id;
  /** After this instant the session is refused, whether or not MongoDB has removed it yet. */
  expiresAt: Date;
  /** Empty if unknown. */
  ipAddress?: string | null;
  /** Empty if unknown. */
  userAgent?: string | null;
  createdAt: Date;
  updatedAt: Date;
  /** Id of the organization that this session works in, as text (organization). */
  activeOrganizationId?: string | null;
  /** When this session last had a second factor proven; unset means never (two-factor). */
  twoFactorVerifiedAt?: Date | null;
  /** It began with a passkey that verified its user: two factors in one. Unset means no. */
  userVerified?: boolean | null;
  /** Id of the admin who acts as this user, as text (admin). */
  impersonatedBy?: string | null;
}

/** What is known of a session without its row: all but the stored form of the token. */
export type KnownSession = Omit<Session, "token">;

/** Fields and indexes of sessions. */
export const sessionSchema = new Schema<Session>({
  _id: { type: Schema.Types.Mixed, required: true },
  token: { type: String, required: true },
  userId: { type: Schema.Types.Mixed, required: true },
  expiresAt: { type: Date, required: true },
  ipAddress: { type: String, default: "" },
  userAgent: { type: String, default: "" },
  createdAt: { type: Date, required: true },
  updatedAt: { type: Date, required: true },
  activeOrganizationId: String,
  twoFactorVerifiedAt: Date,
  userVerified: Boolean,
  impersonatedBy: String,
});
sessionSchema.index({ token: 1 }, { unique: true });
sessionSchema.index({ userId: 1 });
sessionSchema.index(
  { activeOrganizationId: 1 },
  { partialFilterExpression: { activeOrganizationId: { $type: "string" } } },
);
sessionSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
