import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import {
  checkRedirectURL,
  resolveRedirectURL,
  withQuery,
} from "../../lib/services/redirect-url.ts";
import { compileOrigins } from "../../lib/services/trusted-origins.ts";
import {
  HOSTILE_ABSOLUTE,
  HOSTILE_RELATIVE,
  TRUSTED_PATTERNS,
} from "../support/hostile-addresses.ts";

const BASE = "https://app.example.com";
const trusted = compileOrigins(TRUSTED_PATTERNS);

describe("checkRedirectURL", () => {
  describe("given a plain relative address", () => {
    for (const value of [
      "/",
      "/dashboard",
      "/a/b/c/",
      "/a_b-c.d+e@f",
      "/...",
      "/.well-known/x",
      "/a..b",
      "/a?b=c&d=e",
      "/a?next=/b//c/../d",
      "/a?b=%2f%5c%00",
      "/a?b=%zz",
      "/@evil.test",
      "/evil.test",
    ]) {
      it(`when it is ${value}, then it is accepted as it is`, () => {
        assert.equal(checkRedirectURL(value, trusted), value);
      });
    }

    it("when the query is empty, then the parser's spelling is returned", () => {
      assert.equal(checkRedirectURL("/a?", trusted), "/a");
    });
  });

  describe("given a hostile relative address", () => {
    for (const value of HOSTILE_RELATIVE) {
      it(`when it is ${JSON.stringify(value)}, then it is refused`, () => {
        assert.equal(checkRedirectURL(value, trusted), null);
      });
    }
  });

  describe("given an absolute address of a trusted origin", () => {
    for (const [value, expected] of [
      ["https://app.example.com", "https://app.example.com/"],
      ["https://app.example.com/a?b=c#d", "https://app.example.com/a?b=c#d"],
      ["https://app.example.com/a?next=https://evil.test", null],
      ["https://app.example.com//evil.test", null],
      ["https://app.example.com/%2f%2fevil.test", null],
      ["https://x.preview.example.com/", null],
      ["http://localhost:3000/cb", null],
      ["myapp://host/path", null],
      ["pinned://host/callback?x=1", null],
      ["HTTPS://APP.EXAMPLE.COM/Path", "https://app.example.com/Path"],
      ["https://app.example.com:443/a/../b", "https://app.example.com/b"],
      ["https:app.example.com/a", "https://app.example.com/a"],
      ["https:/app.example.com/a", "https://app.example.com/a"],
      ["https:////app.example.com/a", "https://app.example.com/a"],
      ["https://ａｐｐ.example.com/ä b", "https://app.example.com/%C3%A4%20b"],
      ["https://app。example．com/", "https://app.example.com/"],
      ["https://app%2eexample%2ecom/", "https://app.example.com/"],
      ["https://app.example.com/\u2028", "https://app.example.com/%E2%80%A8"],
      ["https://app.example.com/@evil.test", null],
      ["https://app.example.com?@evil.test", "https://app.example.com/?@evil.test"],
      ["https://app.example.com#@evil.test", "https://app.example.com/#@evil.test"],
    ] as const) {
      it(`when it is ${JSON.stringify(value)}, then it is accepted in the parser's spelling`, () => {
        assert.equal(checkRedirectURL(value, trusted), expected ?? value);
      });
    }
  });

  describe("given a hostile absolute address", () => {
    for (const value of HOSTILE_ABSOLUTE) {
      it(`when it is ${JSON.stringify(value)}, then it is refused`, () => {
        assert.equal(checkRedirectURL(value, trusted), null);
      });
    }
  });

  describe("given a very long address", () => {
    const long = 1_000_000;
    for (const [what, value] of [
      ["slashes", "/".repeat(long)],
      ["segments of dots", "/..".repeat(long)],
      ["a long path and a bad end", `/${"a/".repeat(long)}\\`],
      ["a long host", `https://${"a.".repeat(long)}test`],
      ["a long scheme", `${"a".repeat(long)}:x`],
      ["many at signs", `https://${"@".repeat(long)}app.example.com`],
      ["percent signs", `pinned://host/callback/${"%252e".repeat(long)}`],
    ] as const) {
      it(`when it has ${what}, then it is refused in no time`, () => {
        const start = performance.now();
        assert.equal(checkRedirectURL(value, trusted), null);
        assert.ok(performance.now() - start < 1000);
      });
    }
  });

  describe("given any text at all", () => {
    const piece = fc.constantFrom(
      ...[
        "/",
        "//",
        "\\",
        ".",
        "..",
        "@",
        ":",
        "?",
        "#",
        "&",
        "=",
        "%2f",
        "%5c",
        "%2e",
        "%00",
        "%",
      ],
      ...["https:", "http:", "https://", "javascript:", "data:", "blob:", "myapp://", "pinned://"],
      ...[
        "app.example.com",
        "evil.test",
        ".preview.example.com",
        "localhost:3000",
        "host/callback",
      ],
      ...["\t", "\n", "\r", "\0", " ", "\u00a0", "\u2028", "\uff0f", "\uff0e", "\u3002", "\ufeff"],
      ...["a", "user", "[::1]", "443", "xn--", "ä", "\ud800"],
    );
    const hostile = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
    const rooted = hostile.map((text) => `/${text}`);
    const web = hostile.map((text) => `https://app.example.com${text}`);
    const any = fc.oneof(hostile, rooted, web, fc.string({ unit: "binary" }), fc.webUrl());

    /** As a browser at BASE would follow it. */
    function isSafeTarget(location: string): boolean {
      const url = new URL(location, BASE);
      if (url.username !== "" || url.password !== "") return false;
      if (url.protocol === "myapp:") return url.href.startsWith("myapp://");
      if (url.protocol === "pinned:") return /^pinned:\/\/host\/callback(?![^/?#])/.test(url.href);
      return (
        [BASE, "http://localhost:3000"].includes(url.origin) ||
        /^https:\/\/[^/]*\.preview\.example\.com$/.test(url.origin)
      );
    }

    it("when it is accepted, then a browser ends at a trusted origin", () => {
      let accepted = 0;
      fc.assert(
        fc.property(any, (value) => {
          const result = checkRedirectURL(value, trusted);
          if (result === null) return;
          accepted += 1;
          assert.ok(isSafeTarget(result), result);
          assert.ok(isSafeTarget(resolveRedirectURL(result, BASE)), result);
          assert.ok(isSafeTarget(withQuery(result, { error: "X" })), result);
          assert.match(result, /^[!-~]+$/, "printable ASCII only, so it cannot split a header");
          assert.equal(result.startsWith("/"), value.startsWith("/"));
        }),
        { numRuns: 3000 },
      );
      assert.ok(accepted > 100, `only ${String(accepted)} were accepted`);
    });

    it("when it is accepted, then so is the result, unchanged", () => {
      fc.assert(
        fc.property(any, (value) => {
          const result = checkRedirectURL(value, trusted);
          if (result !== null) assert.equal(checkRedirectURL(result, trusted), result);
        }),
        { numRuns: 3000 },
      );
    });
  });
});

describe("resolveRedirectURL", () => {
  it("when the address is relative, then it belongs to the base's origin, whatever its path", () => {
    assert.equal(resolveRedirectURL("/a?b=c", BASE), "https://app.example.com/a?b=c");
    assert.equal(resolveRedirectURL("/a", "http://h.test:8080/x/auth"), "http://h.test:8080/a");
    assert.equal(resolveRedirectURL("/", new URL(BASE)), "https://app.example.com/");
  });

  it("when the address is absolute, then it stays", () => {
    assert.equal(resolveRedirectURL("https://other.test/a?b#c", BASE), "https://other.test/a?b#c");
    assert.equal(resolveRedirectURL("myapp://host/a", BASE), "myapp://host/a");
  });

  it("when a relative address was not checked and leaves the origin, then it throws", () => {
    for (const value of ["//evil.test", "/\\evil.test", "/\t/evil.test"]) {
      assert.throws(() => resolveRedirectURL(value, BASE), TypeError, value);
    }
  });
});

describe("withQuery", () => {
  for (const [url, expected] of [
    ["/a", "/a?error=X"],
    ["/a?b=c", "/a?b=c&error=X"],
    ["/a?", "/a?error=X"],
    ["/a?b&", "/a?b&error=X"],
    ["/a?b=%zz&c=/d+e%20f", "/a?b=%zz&c=/d+e%20f&error=X"],
    ["/a?b=c#d?e", "/a?b=c&error=X#d?e"],
    ["/a#d", "/a?error=X#d"],
    ["https://app.example.com/", "https://app.example.com/?error=X"],
    ["https://app.example.com/a?b=c#d", "https://app.example.com/a?b=c&error=X#d"],
    ["myapp://", "myapp://?error=X"],
    ["myapp://host/a#b", "myapp://host/a?error=X#b"],
  ] as const) {
    it(`when the address is ${url}, then the parameter is added and the rest stays`, () => {
      assert.equal(withQuery(url, { error: "X" }), expected);
    });
  }

  it("when the address brings a parameter of the same name, then ours replaces it", () => {
    assert.equal(withQuery("/a?token=evil&b=c&token=evil", { token: "t" }), "/a?b=c&token=t");
    assert.equal(withQuery("/a?%74oken=evil&token&b=c", { token: "t" }), "/a?b=c&token=t");
    assert.equal(
      withQuery("/a?tokens=1&toString=2", { token: "t" }),
      "/a?tokens=1&toString=2&token=t",
    );
  });

  it("when there are no parameters, then the address stays", () => {
    assert.equal(withQuery("/a?b=c#d", {}), "/a?b=c#d");
    assert.equal(withQuery("/a", {}), "/a");
  });

  it("when any values are added, then they are read back, and the path stays", () => {
    const params = fc.dictionary(fc.string({ minLength: 1 }), fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(params, (added) => {
        const url = new URL(withQuery("/a?kept=1#f", { ...added, kept: "2" }), BASE);
        assert.equal(url.pathname + url.hash, "/a#f");
        assert.deepEqual(
          new Map(url.searchParams),
          new Map(Object.entries({ ...added, kept: "2" })),
        );
      }),
    );
  });
});
