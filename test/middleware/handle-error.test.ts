import assert from "node:assert/strict";
import express from "express";
import request from "supertest";
import { AuthError } from "../../lib/index.ts";
import { handleError } from "../../lib/middleware/handle-error.ts";
import { securityHeaders } from "../../lib/middleware/security-headers.ts";
import { assertRefusal } from "../support/refusal.ts";

describe("handleError", () => {
  const logged: unknown[] = [];
  const note = (...entry: unknown[]) => {
    logged.push(entry);
  };
  const log = { info: note, warn: note, error: note };
  beforeEach(() => {
    logged.length = 0;
  });

  /** Answers of an app in which this is thrown. */
  function thrown(value: unknown) {
    const app = express();
    app.use(securityHeaders(), () => {
      throw value;
    });
    app.use(handleError(null, log));
    return request(app).get("/");
  }

  const SECRET = "mongodb://admin:hunter2@db";

  for (const value of [
    new Error(SECRET),
    Object.assign(new Error(SECRET), { status: 500, expose: true, headers: { "X-Leak": SECRET } }),
    Object.assign(new Error(SECRET), { status: 302 }),
    Object.assign(new Error(SECRET), { status: "400" }),
    SECRET,
    { status: 400, message: SECRET },
  ]) {
    it(`when ${value instanceof Error ? "an error" : JSON.stringify(value)} is thrown, then it is logged and not shown`, async () => {
      const answer = await thrown(value);
      assertRefusal(answer, [500, "INTERNAL_SERVER_ERROR", "Internal Server Error"]);
      assert.equal(JSON.stringify([answer.headers, answer.body]).includes("hunter2"), false);
      assert.equal(logged.length, 1);
    });
  }

  it("when a refusal is thrown, then it is answered with its headers and not logged", async () => {
    const headers = { "Retry-After": "7" };
    const answer = await thrown(new AuthError(418, "TEAPOT", "Short and stout", { headers }));
    assertRefusal(answer, [418, "TEAPOT", "Short and stout"]);
    assert.equal(answer.get("retry-after"), "7");
    assert.deepEqual(logged, []);
  });

  it("when a refusal has a cause, then that is logged and not shown", async () => {
    const cause = new Error(SECRET);
    const answer = await thrown(new AuthError(422, "NOT_NOW", "Not now", { cause }));
    assertRefusal(answer, [422, "NOT_NOW", "Not now"]);
    assert.deepEqual(logged, [["refused with NOT_NOW", cause]]);
  });

  it("when a refusal with status 500 is thrown, then its cause is logged and not shown", async () => {
    const cause = new Error(SECRET);
    const answer = await thrown(new AuthError(500, "INTERNAL_SERVER_ERROR", "Oh", { cause }));
    assertRefusal(answer, [500, "INTERNAL_SERVER_ERROR"]);
    assert.equal(JSON.stringify(answer.body).includes("hunter2"), false);
    assert.deepEqual(logged, [["Oh: GET /", cause]]);
  });

  for (const [status, type, refusal] of [
    [400, "entity.parse.failed", [400, "BAD_REQUEST", "Invalid JSON in request body"]],
    [400, "request.aborted", [400, "BAD_REQUEST", "Bad Request"]],
    [400, undefined, [400, "BAD_REQUEST", "Bad Request"]],
    [413, "entity.too.large", [413, "PAYLOAD_TOO_LARGE"]],
    [415, "charset.unsupported", [415, "UNSUPPORTED_MEDIA_TYPE"]],
  ] as const) {
    it(`when Express reports ${String(status)} ${type ?? ""}, then ${refusal[1]}`, async () => {
      const failure = Object.assign(new Error(SECRET), { status, type });
      assertRefusal(await thrown(failure), refusal);
    });
  }
});
