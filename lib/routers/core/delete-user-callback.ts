import { z } from "zod";
import { Redirect } from "../../context.ts";
import { endpoint } from "../../endpoint.ts";
import { failures } from "../../errors.ts";
import { formatId } from "../../models/id.ts";
import { findUserById } from "../../services/user.ts";
import { deleteAccount } from "../../services/user-deletion.ts";
import { ACCOUNT_DELETION, consumeVerification } from "../../services/verification.ts";
import { returnAddress } from "./schemas.ts";

const errors = {
  NOT_FOUND: [404, "Not Found"],
  INVALID_TOKEN: [404, "Invalid token"],
} as const;
const fail = failures(errors);

export const deleteUserCallback = endpoint("deleteUserCallback", {
  method: "GET",
  path: "/delete-user/callback",
  summary: "Delete a user with the token of the mail",
  access: "optional",
  consumes: true,
  redirects: true,
  query: z.object({ token: z.string(), callbackURL: returnAddress.optional() }),
  response: z.object({ success: z.literal(true), message: z.string() }),
  errors,
  async handler(call) {
    const { auth, active, query } = call;
    const { enabled, requireSessionOnCallback } = auth.config.user.deleteUser;
    if (!enabled) throw fail("NOT_FOUND");
    // Before the token is used up: the owner may open the link again where they are signed in.
    if (requireSessionOnCallback && active === null) throw fail("INVALID_TOKEN");
    const row = await consumeVerification(auth, ACCOUNT_DELETION, query.token);
    if (row === null) throw fail("INVALID_TOKEN");
    if (active !== null && formatId(active.user._id) !== row.value) throw fail("INVALID_TOKEN");
    const user = await findUserById(auth, row.value);
    if (user === null || !(await deleteAccount(call, user))) throw fail("INVALID_TOKEN");
    if (query.callbackURL !== undefined && query.callbackURL !== "") {
      return new Redirect(query.callbackURL);
    }
    return { success: true as const, message: "User deleted" };
  },
});
