import mongoose from "mongoose";
import { freshDatabase } from "./mongo.ts";

/** An address that two old users have. */
export const DOUBLE_ADDRESS = "twice@example.com";

/** A user as an older application stored them. */
export function oldUser(name: string) {
  return {
    name,
    email: DOUBLE_ADDRESS,
    emailVerified: false,
    createdAt: new Date(),
    updatedAt: new Date(),
  };
}

/** URI of a database in which "One" and "Two" have the same address, so that its unique index cannot be built. */
export async function databaseWithDuplicates(): Promise<string> {
  const uri = await freshDatabase();
  const connection = await mongoose.createConnection(uri).asPromise();
  await connection.collection("user").insertMany([oldUser("One"), oldUser("Two")]);
  await connection.close();
  return uri;
}
