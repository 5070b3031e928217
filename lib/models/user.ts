import { Schema } from "mongoose";
import type { Id } from "./id.ts";

/** A person (or program) that can sign in. */
export interface User {
  _id: Id;
  name: string;
  /** Lower case, unique. */
  email: string;
  emailVerified: boolean;
  /** A relative path, an `http(s):` or a `data:image/` address; unset means none. */
  image?: string | null;
  createdAt: Date;
  updatedAt: Date;
  /** Lower case, unique (username). */
  username?: string | null;
  /** As typed (username). */
  displayUsername?: string | null;
  /** Whether sign-in asks for a second factor (two-factor). */
  twoFactorEnabled?: boolean | null;
  /** Role names, joined by commas (admin). */
  role?: string | null;
  /** Whether every session and sign-in is refused, until `banExpires` (admin). */
  banned?: boolean | null;
  banReason?: string | null;
  /** End of the ban; unset means for ever. */
  banExpires?: Date | null;
}

/** Fields and indexes of users. */
export const userSchema = new Schema<User>({
  _id: { type: Schema.Types.Mixed, required: true },
  name: { type: String, default: "" },
  email: { type: String, required: true },
  emailVerified: { type: Boolean, required: true },
  image: String,
  createdAt: { type: Date, required: true },
  updatedAt: { type: Date, required: true },
  username: String,
  displayUsername: String,
  twoFactorEnabled: Boolean,
  role: String,
  banned: Boolean,
  banReason: String,
  banExpires: Date,
});
userSchema.index({ email: 1 }, { unique: true });
userSchema.index(
  { username: 1 },
  { unique: true, partialFilterExpression: { username: { $type: "string" } } },
);
