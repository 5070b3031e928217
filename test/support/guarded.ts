import assert from "node:assert/strict";
import request from "supertest";
import { TEST_ORIGIN, type TestApp } from "./app.ts";
import { countRows, insertSession } from "./sessions.ts";

/** How a test calls an endpoint that needs a session. */
export interface GuardedCall {
  readonly method: "GET" | "POST";
  /** With the mount path. */
  readonly path: string;
  readonly body?: object;
  /** The endpoint is a credential operation: impersonated sessions are refused (contract README §3). */
  readonly credentials?: boolean;
}

/** Declares the tests of everything that an endpoint with a needed session answers before it runs. */
export function itNeedsASession(
  app: () => TestApp,
  { method, path, body = {}, credentials = false }: GuardedCall,
): void {
  const call = (headers: Readonly<Record<string, string>>) => {
    const { server } = app();
    if (method === "GET") return request(server).get(path).set(headers);
    return request(server)
      .post(path)
      .set({ origin: TEST_ORIGIN, ...headers })
      .send(body);
  };
  const unauthorized = { code: "UNAUTHORIZED", message: "Unauthorized" };

  describe("given no session to go with", () => {
    it("when nothing is presented, then it answers 401", async () => {
      const response = await call({}).expect(401);
      assert.deepEqual(response.body, unauthorized);
    });

    it("when the session has expired, then it answers 401", async () => {
      const t = app();
      const { id } = await t.givenUser();
      const past = { expiresAt: new Date(t.clock.now().getTime() - 1) };
      const { cookie } = await insertSession(t, id, past);
      assert.deepEqual((await call({ cookie }).expect(401)).body, unauthorized);
    });

    it("when its user is gone, then it answers 401", async () => {
      const t = app();
      const { cookie, email } = await t.givenUser();
      await t.auth.models.User.deleteOne({ email });
      assert.deepEqual((await call({ cookie }).expect(401)).body, unauthorized);
    });

    it("when its user is banned, then it answers 403 and ends no session", async () => {
      const t = app();
      const { id, cookie, email } = await t.givenUser();
      await t.auth.models.User.updateOne({ email }, { $set: { banned: true } });
      const response = await call({ cookie }).expect(403);
      assert.equal((response.body as { code: string }).code, "BANNED_USER");
      assert.equal(await countRows(t, id), 1);
    });
  });

  describe("given a session to go with", () => {
    it("when the ban of its user has ended, then it is served", async () => {
      const t = app();
      const { cookie, email } = await t.givenUser();
      const banExpires = new Date(t.clock.now().getTime() - 1);
      await t.auth.models.User.updateOne({ email }, { $set: { banned: true, banExpires } });
      await call({ cookie }).expect(200);
    });

    it("when it comes as Bearer, then it is served", async () => {
      const { token } = await app().givenUser();
      await call({ authorization: `Bearer ${token}` }).expect(200);
    });

    it(`when an admin impersonates, then it is ${credentials ? "refused" : "served"}`, async () => {
      const t = app();
      const { id } = await t.givenUser();
      const { cookie } = await insertSession(t, id, { impersonatedBy: "0123456789abcdef01234567" });
      const response = await call({ cookie }).expect(credentials ? 403 : 200);
      if (!credentials) return;
      const refused = { code: "SESSION_NOT_FRESH", message: "Session is not fresh" };
      assert.deepEqual(response.body, refused);
      assert.equal(await countRows(t, id), 2);
    });
  });
}
