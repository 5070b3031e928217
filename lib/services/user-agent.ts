import type { RequestInfo } from "../context.ts";

/** `User-Agent` is kept up to this length. */
const USER_AGENT_LENGTH = 512;

/** Empty if unknown. */
export function userAgentOf({ headers }: Pick<RequestInfo, "headers">): string {
  return (headers["user-agent"] ?? "").slice(0, USER_AGENT_LENGTH);
}
