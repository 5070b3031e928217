import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { failCore, failures } from "../../errors.ts";
import { fieldErrors } from "../../services/additional-fields.ts";
import { isRefusal } from "../../services/database-errors.ts";
import { setSessionCookies } from "../../services/session.ts";
import { expectationOf, readUserFields, takenField } from "../../services/user-fields.ts";
import { updateUser } from "../../services/user.ts";
import { imageAddress, personName, publicUser } from "./schemas.ts";

const errors = {
  BODY_MUST_BE_AN_OBJECT: [400, "Body must be an object"],
  EMAIL_CAN_NOT_BE_UPDATED: [400, "Email can not be updated"],
  NO_FIELDS_TO_UPDATE: [400, "No fields to update"],
  ...fieldErrors,
  FAILED_TO_UPDATE_USER: [422, "Failed to update user"],
} as const;
const fail = failures(errors);

export const updateUserEndpoint = endpoint("updateUser", {
  method: "POST",
  path: "/update-user",
  summary: "Change the name, picture or own fields of the caller",
  access: "session",
  body: z.looseObject({ name: personName.optional(), image: imageAddress.nullish() }),
  response: z.object({ status: z.literal(true), user: publicUser }),
  errors,
  async handler({ auth, active, body, request, reply }) {
    if (Boolean(body["email"])) throw fail("EMAIL_CAN_NOT_BE_UPDATED");
    const { name, image } = body;
    const changes = {
      ...(await readUserFields(auth, body, active.user)),
      ...(name !== undefined && { name }),
      ...(image !== undefined && { image }),
    };
    if (Object.keys(changes).length === 0) throw fail("NO_FIELDS_TO_UPDATE");
    const { where, otherwise } = expectationOf(auth, changes, active.user);
    const expected = { ...where, _id: active.user._id };
    const user = await updateUser(auth, expected, changes).catch((error: unknown) => {
      const taken = takenField(auth, error);
      if (taken !== null) throw taken;
      if (isRefusal(error)) throw fail("FAILED_TO_UPDATE_USER", { cause: error });
      throw error;
    });
    if (user === null) throw otherwise?.() ?? failCore("UNAUTHORIZED");
    await setSessionCookies(auth, request, reply, { ...active, user });
    return { status: true as const, user: auth.views.user(user) };
  },
});
