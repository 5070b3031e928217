import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { formatId, idForms } from "../../models/id.ts";
import { deleteRow } from "../../services/changes.ts";
import { anyOf, startingWith } from "../../services/filter.ts";
import { TRUSTED_DEVICE } from "../../services/verification.ts";
import { done } from "../core/schemas.ts";

/** Without a route, as `listTrustedDevices`; no effect when there is none, or it is another user's. */
export const revokeTrustedDevice = endpoint("revokeTrustedDevice", {
  method: "POST",
  path: "/two-factor/revoke-trusted-device",
  summary: "Ask a trusted browser for codes again",
  access: "session!",
  beforeEnrolment: true,
  credentials: true,
  body: z.object({ id: z.string() }),
  response: done,
  async handler({ auth, active, body }) {
    await deleteRow(auth, "Verification", {
      _id: anyOf(idForms(body.id)),
      value: formatId(active.user._id),
      identifier: startingWith(TRUSTED_DEVICE.prefix),
    });
    return { status: true as const };
  },
});
