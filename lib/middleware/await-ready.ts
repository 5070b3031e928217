import type { RequestHandler } from "express";
import type { Database } from "../context.ts";
import { withDeadline } from "../models/deadline.ts";

/** Holds requests until the database is connected and indexed; 503 while it cannot be reached. */
export function awaitReady(database: Database): RequestHandler {
  return async function awaitReadyMiddleware(_req, _res, next) {
    if (!database.isReady) await withDeadline(database.ready());
    next();
  };
}
