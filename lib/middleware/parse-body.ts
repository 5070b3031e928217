import { isUtf8 } from "node:buffer";
import type { NextFunction, Request, RequestHandler } from "express";
import express from "express";
import type { AnyEndpoint } from "../endpoint.ts";
import { failCore } from "../errors.ts";

/** Bytes of a request body at most. */
export const BODY_LIMIT = 100_000;
/** Milliseconds for which the rest of an over-long body is read and thrown away before the connection is closed. */
const DRAIN_MS = 500;

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";
/** JSON is UTF-8 (RFC 8259 §8.1); another name would let a body pass a filter that reads it differently. */
const OTHER_CHARSET = /;\s*charset\s*=\s*(?!"?utf-8"?\s*(?:;|$))/i;

/**
 * Reads the body: JSON, for some endpoints also a form. An earlier `express.json()` of the app has the same effect.
 *
 * @param urlencoded whether a form is accepted too
 * @throws AuthError PAYLOAD_TOO_LARGE (413), UNSUPPORTED_MEDIA_TYPE (415), BAD_REQUEST (400)
 */
export function parseBody({ urlencoded }: Pick<AnyEndpoint, "urlencoded">): RequestHandler {
  const accepted = urlencoded ? [JSON_TYPE, FORM_TYPE] : [JSON_TYPE];
  const json = express.json({ limit: BODY_LIMIT, strict: false, type: JSON_TYPE, verify });
  const form = express.urlencoded({
    limit: BODY_LIMIT,
    extended: false,
    type: FORM_TYPE,
    verify,
  });

  return function parseBodyMiddleware(req, res, done) {
    const next = onlyOnce(done);
    const isEmpty = Number(req.headers["content-length"]) === 0;
    const type = isEmpty ? null : req.is(accepted);
    if (type === null || req.method === "GET" || req.method === "HEAD") {
      next();
      return;
    }
    if (Number(req.headers["content-length"]) > BODY_LIMIT) {
      drain(req);
      throw failCore("PAYLOAD_TOO_LARGE");
    }
    if (type === false || OTHER_CHARSET.test(req.headers["content-type"] ?? "")) {
      throw failCore("UNSUPPORTED_MEDIA_TYPE");
    }
    const parse = type === JSON_TYPE ? json : form;
    if (req.headers["content-length"] === undefined) limitStream(req, next);
    parse(req, res, next);
  };
}

function verify(_req: unknown, _res: unknown, body: Buffer): void {
  if (!isUtf8(body)) throw failCore("BAD_REQUEST", { message: "Request body is not valid UTF-8" });
}

/** A chunked body that is too long is reported by the counter, and at its end by the parser again. */
function onlyOnce(next: NextFunction): (error?: unknown) => void {
  let isCalled = false;
  return function nextOnce(error) {
    if (isCalled) return;
    isCalled = true;
    next(error);
  };
}

/** The parser would read a chunked body to its end before it refuses it. */
function limitStream(req: Request, next: (error: unknown) => void): void {
  let bytes = 0;
  const count = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= BODY_LIMIT) return;
    req.off("data", count);
    drain(req);
    next(failCore("PAYLOAD_TOO_LARGE"));
  };
  req.on("data", count);
}

/** Lets a client that is still sending read the answer, then closes the connection. */
function drain(req: Request): void {
  req.resume();
  const timer = setTimeout(() => req.socket.destroy(), DRAIN_MS);
  req.once("end", () => {
    clearTimeout(timer);
  });
  req.once("close", () => {
    clearTimeout(timer);
  });
}
