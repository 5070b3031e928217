import assert from "node:assert/strict";
import { mongo } from "mongoose";
import { DeadlineExceeded } from "../../lib/models/deadline.ts";
import { isUnavailable } from "../../lib/services/database-errors.ts";

describe("isUnavailable", () => {
  const system = (code: string) =>
    Object.assign(new Error(`write ${code}`), { code, syscall: "write" });

  for (const [what, error, expected] of [
    ["a socket that breaks during a write", system("EPIPE"), true],
    ["a connection that is reset", system("ECONNRESET"), true],
    [
      "a socket that the other side has ended",
      Object.assign(new Error("This socket has been ended by the other party"), { code: "EPIPE" }),
      true,
    ],
    [
      "a socket that is gone",
      Object.assign(new Error("write after end"), { code: "ERR_STREAM_WRITE_AFTER_END" }),
      true,
    ],
    ["a file that is missing", system("ENOENT"), false],
    ["the driver's network error", new mongo.MongoNetworkError("closed"), true],
    ["a deadline", new DeadlineExceeded("4000 ms"), true],
    ["a step-down", new mongo.MongoServerError({ code: 189, message: "stepped down" }), true],
    ["a duplicate key", new mongo.MongoServerError({ code: 11000, message: "duplicate" }), false],
    ["a defect of ours", new TypeError("undefined is not a function"), false],
    ["a text", "ECONNRESET", false],
  ] as const) {
    it(`when it is ${what}, then ${expected ? "the database is away" : "it is something else"}`, () => {
      assert.equal(isUnavailable(error), expected);
    });
  }
});
