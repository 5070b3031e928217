import assert from "node:assert/strict";
import request from "supertest";
import { startApp, type TestApp } from "./support/app.ts";
import { sendRaw } from "./support/raw.ts";
import { assertClientError, assertHeaders, assertRefusal, headersOf } from "./support/refusal.ts";

const NOT_FOUND = [404, "NOT_FOUND", "Not Found"] as const;

describe("the combined Router", () => {
  let t: TestApp;
  before(async () => {
    t = await startApp({ disabledPaths: ["/sign-up/email", "/error"] });
  });
  after(() => t.stop());

  describe("given an unknown path", () => {
    for (const path of [
      "",
      "/",
      "/nowhere",
      "/ok/",
      "/OK",
      "//ok",
      "/./ok/..",
      "/ok/more",
      "/o%6B",
      "/ok%00",
      "/ok;a=1",
      "/sign-in",
      "/sign-in/email/x",
      "/*",
      "/:path",
      "/__proto__",
      "/constructor",
      "/%E0%A4%A",
      "/%",
      "/%ZZ",
      "/..%2f..%2fetc%2fpasswd",
      `/${"x".repeat(12_000)}`,
      `/${"a/".repeat(5000)}`,
    ]) {
      it(`when it is ${JSON.stringify(path.slice(0, 30))}, then 404 as JSON`, async () => {
        const get = await sendRaw(t.server, [`GET /auth${path} HTTP/1.1`, "Host: app.test"]);
        assertRefusal(get, NOT_FOUND);
        const head = [`POST /auth${path} HTTP/1.1`, "Host: app.test", "Content-Length: 0"];
        assertRefusal(await sendRaw(t.server, head), NOT_FOUND);
      });
    }

    for (const method of ["PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PURGE"]) {
      it(`when it is asked with ${method}, then 404 as JSON`, async () => {
        const head = [`${method} /auth/nowhere HTTP/1.1`, "Host: app.test", "Content-Length: 0"];
        assertRefusal(await sendRaw(t.server, head), NOT_FOUND);
      });
    }

    it("when it is asked with HEAD, then 404 without a body", async () => {
      const answer = await request(t.server).head("/auth/nowhere");
      assert.deepEqual([answer.status, answer.text], [404, undefined]);
      assertHeaders(answer);
    });

    it("when a malformed body comes with it, then 404 all the same", async () => {
      assertRefusal(
        await request(t.server).post("/auth/nowhere").type("json").send("{"),
        NOT_FOUND,
      );
    });

    it("when it only begins as the mount path, then the app answers", async () => {
      const answer = await request(t.server).get("/authentication");
      assert.equal(answer.status, 404);
      assert.match(answer.type, /html/);
    });
  });

  describe("given a known path", () => {
    it("when the query is malformed or long, then it is answered", async () => {
      for (const query of [
        "?%",
        "?%E0%A4%A=%ZZ",
        "?&&==",
        "?a[b][c]=1",
        `?a=${"x".repeat(10_000)}`,
      ]) {
        const head = [`GET /auth/get-session${query} HTTP/1.1`, "Host: app.test"];
        const answer = await sendRaw(t.server, head);
        assert.deepEqual([answer.status, answer.body], [200, null]);
      }
    });

    it("when a query key is an operator, then it is not taken for the key before it", async () => {
      for (const key of ["disableRefresh[$ne]", "disableRefresh.$ne", "disableRefresh[]"]) {
        const asked = request(t.server)
          .get("/auth/get-session")
          .query({ [key]: "true" });
        await asked.expect(200);
      }
    });

    for (const query of [
      "disableRefresh=1",
      "disableRefresh=",
      "disableRefresh=TRUE",
      "disableRefresh=true&disableRefresh=true",
      "disableCookieCache=%7B%22$ne%22:1%7D",
    ]) {
      it(`when the query is ${query}, then it is refused`, async () => {
        for (const method of ["get", "post"] as const) {
          const answer = await request(t.server)[method](`/auth/get-session?${query}`);
          assertRefusal(answer, [400, "VALIDATION_ERROR", /^\[query\.disable/]);
        }
      });
    }

    it("when the query names prototypes, then nothing is polluted", async () => {
      const query = "__proto__=x&__proto__[polluted]=1&constructor[prototype][polluted]=1";
      await request(t.server).get(`/auth/get-session?${query}`).expect(200);
      assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
    });

    it("when it is written as an absolute address, then it is found", async () => {
      const head = ["GET http://app.test/auth/ok HTTP/1.1", "Host: app.test"];
      const answer = await sendRaw(t.server, head);
      assert.deepEqual([answer.status, answer.body], [200, { ok: true, status: true }]);
    });

    for (const [path, allow] of [
      ["/ok", "GET, HEAD"],
      ["/get-session", "GET, HEAD, POST"],
      ["/sign-out", "POST"],
    ] as const) {
      it(`when ${path} is asked with PATCH, then it allows ${allow}`, async () => {
        const answer = await request(t.server).patch(`/auth${path}`);
        assertRefusal(answer, [405, "METHOD_NOT_ALLOWED", "Method Not Allowed"]);
        assert.deepEqual(headersOf(answer)["allow"]?.split(", ").sort(), allow.split(", "));
      });
    }

    it("when it is asked with a method that nobody knows, then the server refuses it", async () => {
      const { status } = await sendRaw(t.server, ["BREW /auth/ok HTTP/1.1", "Host: app.test"]);
      assert.equal(status, 400);
    });

    it("when GET carries a body, then the body is of no importance", async () => {
      const head = ["GET /auth/get-session HTTP/1.1", "Host: app.test", "Content-Length: 1"];
      const answer = await sendRaw(t.server, [...head, "Content-Type: application/json"], "{");
      assert.deepEqual([answer.status, answer.body], [200, null]);
    });
  });

  describe("given disabledPaths", () => {
    it("when a disabled path is asked with any method, then 404", async () => {
      for (const method of ["get", "post", "put", "options"] as const) {
        assertRefusal(await request(t.server)[method]("/auth/sign-up/email"), NOT_FOUND);
        assertRefusal(await request(t.server)[method]("/auth/error"), NOT_FOUND);
      }
    });

    it("when another path is asked, then it is answered", async () => {
      assertRefusal(await request(t.server).post("/auth/sign-in/email"), [400, "VALIDATION_ERROR"]);
    });

    it("when the feature's own Router is asked, then the path is not there either", async () => {
      t.app.use("/alone", t.auth.routers["email-password"]);
      assert.equal((await request(t.server).post("/alone/sign-up/email")).status, 404);
    });

    it("when the server calls it, then it works", async () => {
      const body = { name: "Ada", email: "server@example.com", password: "Lantern-7-orchard" };
      assert.equal((await t.auth.api.signUpEmail({ body })).user.email, body.email);
    });
  });

  describe("given /get-session", () => {
    it("when it is answered, then no cache keeps it", async () => {
      for (const method of ["get", "post", "head"] as const) {
        const answer = await request(t.server)[method]("/auth/get-session").expect(200);
        const { "cache-control": caching, pragma } = headersOf(answer);
        assert.deepEqual([caching, pragma], ["no-store", "no-cache"]);
      }
    });
  });

  describe("given hostile headers", () => {
    const get = (...lines: string[]) =>
      sendRaw(t.server, ["GET /auth/list-sessions HTTP/1.1", "Host: app.test", ...lines]);

    for (const line of [
      "Authorization: Bearer",
      "Authorization: Bearer  ",
      "Authorization: Bearer a b",
      "Authorization: Bearer %E0%A4%A.x",
      "Authorization: Basic YTpi",
      `Authorization: Bearer ${"x".repeat(12_000)}`,
      'Authorization: Bearer {"$ne":""}',
      "Cookie: ;;;===",
      "Cookie: __proto__=x; constructor=y",
      "Cookie: better-auth.session-token=%E0%A4%A",
      'Cookie: better-auth.session-token=j:{"$ne":""}',
      "Cookie: better-auth.session-token=j%3A%5B1%5D",
      "Cookie: better-auth.session-token=s:x.y",
      `Cookie: better-auth.session-token=${"x".repeat(12_000)}`,
      `Cookie: ${"a=b; ".repeat(2500)}`,
    ]) {
      it(`when ${line.slice(0, 55)} is sent, then 401`, async () => {
        assertRefusal(await get(line), [401, "UNAUTHORIZED", "Unauthorized"]);
      });
    }

    it("when what the database holds is sent, then 401", async () => {
      const body = { name: "Ada", email: "stolen@example.com", password: "Lantern-7-orchard" };
      await t.auth.api.signUpEmail({ body });
      const row = (await t.auth.models.Session.findOne().lean()) ?? assert.fail();
      const [, hash = ""] = row.token.split(":");
      for (const value of [row.token, hash, `session_${String(row._id)}`, String(row._id)]) {
        assertRefusal(await get(`Authorization: Bearer ${value}`), [401, "UNAUTHORIZED"]);
        const named = `Cookie: better-auth.session-token=${value}`;
        assertRefusal(await get(named), [401, "UNAUTHORIZED"]);
      }
    });

    it("when headers are longer than Node reads, then the server refuses and lives on", async () => {
      const { status } = await get(`Cookie: a=${"x".repeat(20_000)}`);
      assert.equal(status, 431);
      await request(t.server).get("/auth/ok").expect(200);
    });
  });

  describe("given hostile bodies", () => {
    it("when they have keys of prototypes, then nothing is polluted or taken from them", async () => {
      const evil =
        '{"polluted":1,"email":"p@example.com","name":"P","password":"Lantern-7-orchard"}';
      const body = `{"__proto__":${evil},"constructor":{"prototype":${evil}}}`;
      for (const path of ["/sign-in/email", "/sign-out", "/get-session", "/update-user"]) {
        const answer = await request(t.server).post(`/auth${path}`).type("json").send(body);
        assert.ok(answer.status < 500);
      }
      assertClientError(
        await request(t.server).post("/auth/sign-in/email").type("json").send(body),
      );
      assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
    });
  });
});
