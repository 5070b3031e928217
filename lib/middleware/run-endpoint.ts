import { parse } from "node:querystring";
import type { Request, RequestHandler } from "express";
import type { AuthContext, RawInput } from "../context.ts";
import type { AnyEndpoint } from "../endpoint.ts";
import { createReply, run } from "../run.ts";
import { requestInfo } from "./request-info.ts";
import { writeAnswer, writeFailure } from "./write-answer.ts";

/** Runs an endpoint for an Express request and writes its answer, or its failure with the cookies set so far. */
export function runEndpoint(
  auth: AuthContext,
  endpoint: AnyEndpoint,
  clientAddress: (req: Request) => string,
): RequestHandler {
  return async function runEndpointMiddleware(req, res) {
    const request = requestInfo(auth.config, req, clientAddress(req));
    const reply = createReply();
    try {
      const value = await run(auth, endpoint, request, rawInput(req), reply);
      writeAnswer(endpoint, req, res, reply, value);
    } catch (error) {
      writeFailure(endpoint, res, error, auth.log, reply);
    }
  };
}

/** The query is parsed here, flat: what `req.query` holds depends on the app's "query parser" setting. */
function rawInput(req: Request): RawInput {
  const start = req.url.indexOf("?");
  const query = start === -1 ? {} : { ...parse(req.url.slice(start + 1)) };
  const body: unknown = req.body;
  return { body, query, params: req.params };
}
