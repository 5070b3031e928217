import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { coreErrors, failures } from "../../errors.ts";
import { fieldErrors, readFields, updatesOf } from "../../services/additional-fields.ts";
import { changeRow } from "../../services/changes.ts";
import { clearSessionCookies, setSessionCookies } from "../../services/session.ts";
import { publicSession } from "./schemas.ts";

const errors = {
  BODY_MUST_BE_AN_OBJECT: [400, "Body must be an object"],
  NO_FIELDS_TO_UPDATE: [400, "No fields to update"],
  ...fieldErrors,
  VALIDATION_ERROR: coreErrors.VALIDATION_ERROR,
  FAILED_TO_GET_SESSION: [401, "Failed to get session"],
} as const;
const fail = failures(errors);

export const updateSession = endpoint("updateSession", {
  method: "POST",
  path: "/update-session",
  summary: "Change the app's own fields of the caller's session",
  access: "session",
  body: z.looseObject({}),
  response: z.object({ session: publicSession }),
  errors,
  async handler({ auth, active, body, request, reply }) {
    const { additionalFields } = auth.config.session;
    const changes = await readFields(additionalFields, body, "update");
    if (Object.keys(changes).length === 0) throw fail("NO_FIELDS_TO_UPDATE");
    const session = await changeRow(
      auth,
      "Session",
      { _id: active.session._id },
      { ...updatesOf(additionalFields), ...changes, updatedAt: auth.now() },
    );
    if (session === null) {
      clearSessionCookies(auth, request, reply);
      throw fail("FAILED_TO_GET_SESSION");
    }
    await setSessionCookies(auth, request, reply, { ...active, session });
    return { session: auth.views.session(session, active.token) };
  },
});
