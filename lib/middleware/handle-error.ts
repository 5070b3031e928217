import type { ErrorRequestHandler } from "express";
import type { Log } from "../context.ts";
import type { AnyEndpoint } from "../endpoint.ts";
import { writeFailure } from "./write-answer.ts";

/** Answers whatever a step before it threw with `{ code, message }`. */
export function handleError(endpoint: AnyEndpoint | null, log: Log): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  return function handleErrorMiddleware(error, _req, res, _next) {
    writeFailure(endpoint, res, error, log);
  };
}
