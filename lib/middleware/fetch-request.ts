import type { Request as ExpressRequest } from "express";
import type { Config } from "../options.ts";
import { fetchRequest } from "../services/fetch-request.ts";
import { requestInfo } from "./request-info.ts";

/** The fetch `Request` that callbacks of a Better Auth configuration expect; made only for them, without body. */
export function toFetchRequest(config: Config, req: ExpressRequest): Request {
  return fetchRequest(requestInfo(config, req, ""));
}
