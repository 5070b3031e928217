import { z } from "zod";
import { endpoint } from "../../endpoint.ts";
import { formatId } from "../../models/id.ts";
import { after, startingWith } from "../../services/filter.ts";
import { TRUSTED_DEVICE } from "../../services/verification.ts";

const MAX_DEVICES = 100;

/** Without a route: for pages of the app, which hand over the headers of their request. */
export const listTrustedDevices = endpoint("listTrustedDevices", {
  method: "POST",
  path: "/two-factor/list-trusted-devices",
  summary: "List the browsers that need no second factor",
  access: "session!",
  beforeEnrolment: true,
  credentials: true,
  response: z.array(
    z.object({
      id: z.string(),
      userAgent: z.string().describe("Empty if unknown"),
      createdAt: z.date(),
      expiresAt: z.date(),
    }),
  ),
  async handler({ auth, active }) {
    const rows = await auth.models.Verification.find({
      value: formatId(active.user._id),
      identifier: startingWith(TRUSTED_DEVICE.prefix),
      expiresAt: after(auth.now()),
    })
      .sort({ createdAt: -1 })
      .limit(MAX_DEVICES)
      .lean();
    return rows.map(({ _id, userAgent, createdAt, expiresAt }) => ({
      id: formatId(_id),
      userAgent: userAgent ?? "",
      createdAt,
      expiresAt,
    }));
  },
});
