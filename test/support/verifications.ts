import type { Verification } from "../../lib/index.ts";
import { createId } from "../../lib/models/id.ts";
import type { TestApp } from "./app.ts";

/** Stores a row of an hour's life, as Better Auth does; `fields` differ. */
export async function insertVerification(
  { auth, clock }: TestApp,
  fields: Pick<Verification, "identifier" | "value"> & Partial<Verification>,
): Promise<void> {
  const createdAt = clock.now();
  const expiresAt = new Date(createdAt.getTime() + 3_600_000);
  const row = { _id: createId(), expiresAt, createdAt, updatedAt: createdAt, ...fields };
  await new auth.models.Verification(row).save();
}

/** The open rows of a user whose identifiers begin so. */
export async function findVerifications(
  { auth }: TestApp,
  userId: string,
  front = "",
): Promise<Verification[]> {
  const rows: Verification[] = await auth.models.Verification.find({ value: userId }).lean();
  return rows.filter(({ identifier }) => identifier.startsWith(front));
}
