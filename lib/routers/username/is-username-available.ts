import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import { exactly } from "../../services/filter.ts";
import { nameErrors, usernameField, type UsernameRules } from "./schemas.ts";

const errors = nameErrors(422);
const fail = failures(errors);

/** Made of the feature's rules. */
export function isUsernameAvailable(rules: UsernameRules) {
  return endpoint("isUsernameAvailable", {
    method: "POST",
    path: "/is-username-available",
    summary: "Ask whether a username is free",
    access: "public",
    body: z.object({ username: usernameField }),
    response: z.object({ available: z.boolean() }),
    errors,
    async handler({ auth, body }) {
      if (body.username === "") throw fail("INVALID_USERNAME");
      await rules.check(body.username, 422);
      const username = exactly(rules.normalize(body.username), "string");
      return { available: (await auth.models.User.exists({ username })) === null };
    },
  });
}
