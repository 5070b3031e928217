import type { TestApp } from "./app.ts";

/** Makes a collection refuse rows, as an app's own validator would; every row by default. */
export async function refuseRows(
  { database }: Pick<TestApp, "database">,
  collection: string,
  validator: object = { never: { $exists: true } },
): Promise<void> {
  const db = database.getClient().db(database.name);
  await db.command({ collMod: collection, validator });
}
