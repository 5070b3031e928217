import { z } from "zod";
import { endpoint } from "../../endpoint.ts";

export const ok = endpoint("ok", {
  method: "GET",
  path: "/ok",
  summary: "Tell that the server runs",
  access: "public",
  offline: true,
  cacheable: true,
  response: z.object({ ok: z.literal(true), status: z.literal(true) }),
  handler: () => ({ ok: true as const, status: true as const }),
});
