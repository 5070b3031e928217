import type { RootHookObject } from "mocha";
import { stopSharedMongo } from "./mongo.ts";
import { checkOutcomes, observeOutcomes } from "./observed.ts";

/** Only the whole suite can be expected to see every outcome. */
const isWhole = process.env["npm_lifecycle_event"] === "test" && !process.argv.includes("--grep");

export const mochaHooks: RootHookObject = {
  beforeAll() {
    observeOutcomes();
  },
  async afterAll() {
    await stopSharedMongo();
    if (isWhole) checkOutcomes();
  },
};
