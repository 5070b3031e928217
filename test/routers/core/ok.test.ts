import assert from "node:assert/strict";
import request from "supertest";
import { startApp, type TestApp } from "../../support/app.ts";

describe("GET /ok", () => {
  let t: TestApp;
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());

  it("when asked, then it says that the server runs, as `ok` and as `status`", async () => {
    const response = await request(t.server).get("/auth/ok").expect(200);
    assert.deepEqual(response.body, { ok: true, status: true });
  });

  it("when asked, then caches may keep the answer", async () => {
    const response = await request(t.server).get("/auth/ok");
    assert.equal(response.get("cache-control"), undefined);
  });
});
