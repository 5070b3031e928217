import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Express } from "express";
import request from "supertest";
import { OUTCOME_CHANNEL, type Outcome } from "../../lib/index.ts";
import { setCookies, startApp, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { headersOf } from "../support/refusal.ts";

describe("writeAnswer", () => {
  let t: TestApp;
  before(async () => {
    const preceding = (app: Express) =>
      app.use((_req, res, next) => {
        res.cookie("theme", "dark");
        res.setHeader("Access-Control-Expose-Headers", "X-Total");
        res.setHeader("Cache-Control", "public, max-age=60");
        next();
      });
    t = await startApp({}, { before: preceding });
  });
  after(() => t.stop());

  const signIn = (password: string, email: string) =>
    request(t.server).post("/auth/sign-in/email").send({ email, password });

  describe("given an app that sets headers of its own", () => {
    it("when a user signs in, then the app's cookies and headers stay beside ours", async () => {
      const { email } = await t.givenUser();
      const answer = await signIn(TEST_PASSWORD, email).expect(200);
      const names = setCookies(answer).map((line) => line.split("=")[0]);
      assert.deepEqual(names, ["theme", "better-auth.session-token"]);
      const exposed = headersOf(answer)["access-control-expose-headers"];
      assert.equal(exposed, "X-Total, set-auth-token");
    });

    it("when it wants answers to be cached, then ours are not", async () => {
      const answer = await request(t.server).get("/auth/get-session");
      assert.equal(answer.get("cache-control"), "no-store");
    });
  });

  describe("given a JSON answer", () => {
    it("when it is written, then type and length are those of its bytes", async () => {
      const { token } = await t.givenUser({ name: "Åsa 🚀" });
      const answer = await request(t.server)
        .get("/auth/get-session")
        .set("Authorization", `Bearer ${token}`);
      assert.equal(answer.get("content-type"), "application/json");
      assert.equal(Number(answer.get("content-length")), Buffer.byteLength(answer.text));
      assert.match(answer.text, /"name":"Åsa 🚀"/);
    });

    it("when it has dates, then they are ISO 8601 with milliseconds and Z", async () => {
      const { token } = await t.givenUser();
      const answer = await request(t.server)
        .get("/auth/get-session")
        .set("Authorization", `Bearer ${token}`);
      const { user, session } = answer.body as Record<string, Record<string, string>>;
      for (const date of [user?.["createdAt"], user?.["updatedAt"], session?.["expiresAt"]]) {
        assert.match(date ?? "", /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
      }
      assert.match(user?.["id"] ?? "", /^[0-9a-f]{24}$/);
    });
  });

  describe("given a subscriber of the outcome channel", () => {
    const seen: Outcome[] = [];
    const note = (message: unknown) => {
      seen.push(message as Outcome);
    };
    beforeEach(() => {
      seen.length = 0;
      subscribe(OUTCOME_CHANNEL, note);
    });
    afterEach(() => {
      unsubscribe(OUTCOME_CHANNEL, note);
    });

    it("when calls end, then it learns endpoint, status and code, and nothing else", async () => {
      const { email } = await t.givenUser();
      seen.length = 0;
      await signIn(TEST_PASSWORD, email).expect(200);
      await signIn("wrong", email).expect(401);
      await request(t.server).post("/auth/sign-in/email").type("text").send("x").expect(415);
      await request(t.server).get("/auth/nowhere").expect(404);
      assert.deepEqual(seen, [
        { endpoint: "signInEmail", status: 200 },
        { endpoint: "signInEmail", status: 401, code: "INVALID_EMAIL_OR_PASSWORD" },
        { endpoint: "signInEmail", status: 415, code: "UNSUPPORTED_MEDIA_TYPE" },
      ]);
    });
  });
});
