import assert from "node:assert/strict";
import express from "express";
import request from "supertest";
import { z } from "zod";
import { Challenge } from "../lib/context.ts";
import { endpoint } from "../lib/endpoint.ts";
import { betterAuth } from "../lib/index.ts";
import { plugin } from "../lib/plugin.ts";
import { TEST_ORIGIN, TEST_SECRET } from "./support/app.ts";
import { assertRefusal } from "./support/refusal.ts";

/** Answers with a challenge that says `pause`. */
const door = plugin({
  id: "door",
  models: [],
  endpoints: [
    endpoint("knock", {
      method: "GET",
      path: "/knock",
      summary: "Knock at the door",
      access: "public",
      offline: true,
      query: z.object({ pause: z.string().optional() }),
      response: z.object({ open: z.boolean() }),
      handler: ({ query: { pause } }) =>
        pause === undefined ? { open: true } : new Challenge({ pause }),
    }),
  ],
});
const bell = plugin({
  id: "bell",
  models: [],
  endpoints: [],
  extends: { knock: { response: z.object({ pause: z.literal("short") }) } },
});

const common = { secret: TEST_SECRET, baseURL: TEST_ORIGIN, database: "mongodb://127.0.0.1:1/no" };

describe("extends", () => {
  describe("given a feature that adds an answer to another's endpoint", () => {
    const auth = betterAuth({ ...common, logger: { disabled: true }, plugins: [door, bell] });
    const app = express().use("/auth", auth);
    after(() => auth.close());

    it("when the endpoint gives its own answer, then that is sent", async () => {
      await request(app).get("/auth/knock").expect(200, { open: true });
      assert.deepEqual(await auth.api.knock(), { open: true });
    });

    it("when it gives the added one, then that is sent", async () => {
      await request(app).get("/auth/knock?pause=short").expect(200, { pause: "short" });
      const answer = await auth.api.knock({ query: { pause: "short" } });
      assert.ok("pause" in answer);
      assert.equal(answer.pause, "short");
    });

    it("when it gives another one, then 500", async () => {
      const answer = await request(app).get("/auth/knock?pause=long");
      assertRefusal(answer, [500, "INTERNAL_SERVER_ERROR"]);
    });
  });

  describe("given no feature that adds an answer", () => {
    const logged: string[] = [];
    const log = (_level: string, ...parts: unknown[]) => logged.push(parts.map(String).join(" "));
    const auth = betterAuth({
      ...common,
      logger: { log: (...entry) => void log(...entry) },
      plugins: [door],
    });
    after(() => auth.close());

    it("when the endpoint gives one, then 500, and the log names the endpoint", async () => {
      const answer = await request(express().use(auth)).get("/knock?pause=short");
      assertRefusal(answer, [500, "INTERNAL_SERVER_ERROR"]);
      assert.match(logged.join("\n"), /knock: \[response\.open\]/);
    });
  });
});

describe("an endpoint for the server alone", () => {
  it("when a feature names it among its routes, then betterAuth() throws", () => {
    const secret = endpoint("secret", {
      method: "POST",
      path: "/secret",
      summary: "Tell a secret",
      access: "server",
      response: z.string(),
      handler: () => "secret",
    });
    const leak = plugin({ id: "leak", models: [], endpoints: [secret] });
    assert.throws(
      () => betterAuth({ ...common, plugins: [leak] }),
      new TypeError("secret is for the server alone: name it among serverCalls"),
    );
  });
});
