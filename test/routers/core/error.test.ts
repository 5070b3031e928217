import assert from "node:assert/strict";
import request from "supertest";
import { startApp, type TestApp } from "../../support/app.ts";

const PATH = "/auth/error";

describe("GET /error", () => {
  let t: TestApp;
  const get = (query: Readonly<Record<string, string | readonly string[]>>) =>
    request(t.server).get(PATH).query(query);

  describe("given the built-in page", () => {
    before(async () => {
      t = await startApp();
    });
    after(() => t.stop());

    it("when it has a code and a description, then the page shows both", async () => {
      const response = await get({
        error: "INVALID_TOKEN",
        error_description: "Ask for a new link",
      });
      assert.equal(response.status, 200);
      assert.equal(response.get("content-type"), "text/html; charset=utf-8");
      assert.match(response.text, /<code>INVALID_TOKEN<\/code>/);
      assert.match(response.text, /Ask for a new link/);
    });

    it("when the code has every allowed kind of character, then it is shown", async () => {
      assert.match((await get({ error: "it's_a-Code9" })).text, /<code>it&#39;s_a-Code9<\/code>/);
    });

    const refused: Readonly<Record<string, Readonly<Record<string, string | string[]>>>> = {
      "is missing": {},
      "is empty": { error: "" },
      "has a space": { error: "PLEASE CALL 0800" },
      "has a dot": { error: "evil.test" },
      "has markup": { error: "<script>alert(1)</script>" },
      "has letters beyond ASCII": { error: "ЕRROR" },
      "is given twice": { error: ["A", "B"] },
    };
    for (const [what, query] of Object.entries(refused)) {
      it(`when the code ${what}, then UNKNOWN is shown in its place`, async () => {
        const { text } = await get(query).expect(200);
        assert.match(text, /<code>UNKNOWN<\/code>/);
        assert.doesNotMatch(text, /0800|evil\.test|<script|ЕRROR/);
      });
    }

    it("when the description has markup, then it is escaped", async () => {
      const error_description = `<img src=x onerror="alert('1')">&`;
      const { text } = await get({ error: "E", error_description });
      assert.doesNotMatch(text, /<img/);
      assert.match(text, /&lt;img src=x onerror=&quot;alert\(&#39;1&#39;\)&quot;&gt;&amp;/);
    });

    it("when the page is sent, then its policy lets nothing in but its own style", async () => {
      const response = await get({ error: "E" });
      const policy = (response.get("content-security-policy") ?? "").split(";");
      const nonce = /<style nonce="([\w-]{22})">/.exec(response.text)?.[1] ?? "none";
      assert.ok(policy.includes("default-src 'none'"));
      assert.ok(policy.includes("frame-ancestors 'none'"));
      assert.ok(policy.includes(`style-src 'nonce-${nonce}'`), policy.join("\n"));
      assert.doesNotMatch(policy.join(";"), /unsafe-inline/);
    });

    it("when it is sent twice, then the nonces differ", async () => {
      const policies = [await get({}), await get({})].map((response) =>
        response.get("content-security-policy"),
      );
      assert.notEqual(policies[0], policies[1]);
    });

    it("when it is sent, then it is neither kept nor sniffed nor referred from", async () => {
      const response = await get({ error: "E" });
      assert.equal(response.get("cache-control"), "no-store");
      assert.equal(response.get("x-content-type-options"), "nosniff");
      assert.equal(response.get("referrer-policy"), "no-referrer");
      assert.equal(response.get("x-powered-by"), undefined);
    });

    it("when HEAD is asked, then the headers come without the page", async () => {
      const response = await request(t.server).head(PATH).expect(200);
      assert.equal(response.get("content-type"), "text/html; charset=utf-8");
      assert.equal(response.text, undefined);
    });
  });

  describe("given onAPIError.errorURL", () => {
    before(async () => {
      t = await startApp({ onAPIError: { errorURL: "https://app.test/oops?from=auth" } });
    });
    after(() => t.stop());

    it("when asked, then it redirects there with code and description", async () => {
      const response = await get({ error: "INVALID_TOKEN", error_description: "a & b" });
      assert.equal(response.status, 302);
      const url = new URL(response.get("location") ?? "");
      assert.equal(url.origin + url.pathname, "https://app.test/oops");
      assert.deepEqual(Object.fromEntries(url.searchParams), {
        from: "auth",
        error: "INVALID_TOKEN",
        error_description: "a & b",
      });
    });

    it("when it redirects, then the body is empty and nothing is kept or referred", async () => {
      const response = await get({ error: "E" });
      assert.equal(response.text, "");
      assert.equal(response.get("cache-control"), "no-store");
      assert.equal(response.get("referrer-policy"), "no-referrer");
    });

    it("when the code is none, then UNKNOWN is sent on", async () => {
      const response = await get({ error: "<b>" });
      assert.equal(response.get("location"), "https://app.test/oops?from=auth&error=UNKNOWN");
    });
  });

  describe("given production", () => {
    const { NODE_ENV } = process.env;
    const settings = {
      "without a page of its own, then it redirects to /": undefined,
      "with a customised page, then the page is shown": { colors: { background: "#fff" } },
    };
    for (const [what, customizeDefaultErrorPage] of Object.entries(settings)) {
      it(`when asked ${what}`, async () => {
        process.env["NODE_ENV"] = "production";
        try {
          t = await startApp({ onAPIError: { customizeDefaultErrorPage } });
        } finally {
          if (NODE_ENV === undefined) delete process.env["NODE_ENV"];
          else process.env["NODE_ENV"] = NODE_ENV;
        }
        try {
          const response = await get({ error: "INVALID_TOKEN" });
          const expected = customizeDefaultErrorPage === undefined ? 302 : 200;
          assert.equal(response.status, expected);
          if (expected === 302) assert.equal(response.get("location"), "/?error=INVALID_TOKEN");
        } finally {
          await t.stop();
        }
      });
    }
  });
});
