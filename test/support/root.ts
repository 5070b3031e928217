import type { RootHookObject } from "mocha";
import { stopSharedMongo } from "./mongo.ts";
import { checkOutcomes, observeOutcomes } from "./observed.ts";

/** Arguments of mocha that choose some tests. */
const CHOSEN = ["--grep", "-g", "--fgrep", "-f"];
/** Only the whole suite can be expected to see every outcome. */
const isWhole =
  process.env["npm_lifecycle_event"] === "test" &&
  !CHOSEN.some((flag) => process.argv.includes(flag));

export const mochaHooks: RootHookObject = {
  beforeAll() {
    observeOutcomes();
  },
  async afterAll() {
    await stopSharedMongo();
    if (isWhole) checkOutcomes();
  },
};
