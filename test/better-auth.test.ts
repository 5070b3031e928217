import assert from "node:assert/strict";
import { betterAuth, username, type AuthOptions } from "../lib/index.ts";
import { TEST_ORIGIN, TEST_SECRET } from "./support/app.ts";

describe("betterAuth", () => {
  /** What an instance with these options logs at its start. */
  function loggedBy(options: AuthOptions): string[] {
    const logged: string[] = [];
    betterAuth({
      secret: TEST_SECRET,
      baseURL: TEST_ORIGIN,
      logger: { log: (level, message) => logged.push(`${level}: ${message}`) },
      ...options,
    });
    return logged;
  }

  describe("given paths in the options", () => {
    it("when an enabled feature has them, or they are patterns, then nothing is warned of", () => {
      const customRules = { "/sign-in/*": false, "/two-factor/**": false, "/ok": false } as const;
      const disabledPaths = ["/sign-up/email", "/forget-password", "/is-username-available"];
      const plugins = [username()];
      assert.deepEqual(loggedBy({ disabledPaths, rateLimit: { customRules }, plugins }), []);
    });

    it("when no enabled feature has them, then each is named with the nearest path", () => {
      const customRules = { "/sign-in/emial": false } as const;
      const disabledPaths = ["/is-username-availabel", "/sign-up/emial"];
      assert.deepEqual(loggedBy({ disabledPaths, rateLimit: { customRules } }).slice(1), [
        "warn: disabledPaths: no enabled feature has /sign-up/emial; the nearest is /sign-up/email",
        "warn: rateLimit.customRules: no enabled feature has /sign-in/emial; the nearest is /sign-in/email",
      ]);
    });
  });

  it("when $Infer is looked at, then it is empty: it exists for the compiler", () => {
    assert.deepEqual(betterAuth({ secret: TEST_SECRET, baseURL: TEST_ORIGIN }).$Infer, {});
  });
});
