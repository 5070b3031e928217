import { Schema } from "mongoose";
import type { Id } from "./id.ts";

/** A counter of requests, guesses or mails. */
export interface RateLimit {
  _id: Id;
  /** `<client address>|<route pattern>`, or the MAC of an account or mailbox with its purpose in front. */
  key: string;
  count: number;
  /** Milliseconds since the epoch of the last counted one (a number, as in Better Auth). */
  lastRequest: number;
  /** When MongoDB may remove the row; missing in Better Auth's, until they are counted on or `ready()` has seen them. */
  expiresAt?: Date;
}

/** One counter; see `services/counters.ts`. */
export const rateLimitSchema = new Schema<RateLimit>({
  _id: { type: Schema.Types.Mixed, required: true },
  key: { type: String, required: true },
  count: { type: Number, required: true },
  lastRequest: { type: Number, required: true },
  expiresAt: Date,
});
rateLimitSchema.index({ key: 1 }, { unique: true });
rateLimitSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
