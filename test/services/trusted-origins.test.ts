import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { parseURL } from "../../lib/parse-url.ts";
import { compileOrigins } from "../../lib/services/trusted-origins.ts";

/** Checks which of these origins, and the addresses below them, a list of patterns trusts. */
function assertOrigins(patterns: string[], trusted: string[], untrusted: string[]): void {
  const compiled = compileOrigins(patterns);
  for (const origin of trusted) {
    assert.equal(compiled.matchesOrigin(origin), true, `${origin} must be trusted`);
    assert.equal(compiled.matchesUrl(new URL(`${origin}/a/b?c#d`)), true, `${origin}/… must be`);
  }
  for (const origin of untrusted) {
    assert.equal(compiled.matchesOrigin(origin), false, `${origin} must not be trusted`);
    if (!URL.canParse(`${origin}/a`)) continue;
    assert.equal(compiled.matchesUrl(new URL(`${origin}/a`)), false, `${origin}/a must not be`);
  }
}

function assertAddresses(patterns: string[], trusted: string[], untrusted: string[]): void {
  const compiled = compileOrigins(patterns);
  for (const url of trusted) assert.equal(compiled.matchesUrl(new URL(url)), true, url);
  for (const url of untrusted) assert.equal(compiled.matchesUrl(new URL(url)), false, url);
}

describe("compileOrigins", () => {
  describe("given a full origin", () => {
    it("when scheme, host and port are equal, then it is trusted, and nothing else is", () => {
      assertOrigins(
        ["https://app.example.com"],
        ["https://app.example.com"],
        [
          "http://app.example.com",
          "https://app.example.com:8443",
          "https://example.com",
          "https://app.example.com.",
          "https://app.example.com.evil.test",
          "https://evil-app.example.com",
          "https://appXexample.com",
          "https://a.app.example.com",
          "wss://app.example.com",
          "null",
          "",
          "app.example.com",
          "//app.example.com",
        ],
      );
    });

    it("when it is written in another way, then the serialised origin is meant", () => {
      assertOrigins(["HTTPS://App.Example.com:443"], ["https://app.example.com"], []);
      assertOrigins(["https://münchen.example"], ["https://xn--mnchen-3ya.example"], []);
      assertOrigins(["http://[0:0:0:0:0:0:0:1]:3000"], ["http://[::1]:3000"], ["http://[::1]"]);
    });

    it("when the header is no serialised origin, then it is not trusted", () => {
      const { matchesOrigin } = compileOrigins(["https://app.example.com"]);
      for (const origin of [
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com:443",
        "HTTPS://app.example.com",
        " https://app.example.com",
        "https://app.example.com\t",
        "https://user@app.example.com",
        "https:app.example.com",
        "https:\\\\app.example.com",
        "https://app.example.com, https://app.example.com",
      ]) {
        assert.equal(matchesOrigin(origin), false, origin);
      }
    });

    it("when a blob or file has the trusted origin inside, then it is not trusted", () => {
      assertAddresses(
        ["https://app.example.com"],
        [],
        ["blob:https://app.example.com/1", "filesystem:https://app.example.com/temporary/1"],
      );
    });
  });

  describe("given wildcards with a scheme", () => {
    it("when the star stands for subdomains, then only they are trusted", () => {
      assertOrigins(
        ["https://*.example.com"],
        ["https://a.example.com", "https://a.b.example.com"],
        [
          "https://example.com",
          "http://a.example.com",
          "https://a.example.com:8443",
          "https://a.example.com.evil.test",
          "https://evil-example.com",
          "https://aXexample.com",
          "https://a.example.org",
        ],
      );
    });

    it("when the star stands for the port, then any port is trusted", () => {
      assertOrigins(
        ["http://localhost:*"],
        ["http://localhost:3000", "http://localhost:5173"],
        ["http://localhost", "https://localhost:3000", "http://localhost.evil.test:3000"],
      );
    });

    it("when the question mark stands for one character, then exactly one is needed", () => {
      assertOrigins(
        ["https://app?.example.com"],
        ["https://app1.example.com", "https://app-.example.com"],
        ["https://app.example.com", "https://app12.example.com"],
      );
    });

    it("when the scheme has a wildcard, then web addresses only are meant", () => {
      assertOrigins(
        ["http*://app.example.com", "*://b.example.com"],
        ["https://app.example.com", "http://app.example.com", "https://b.example.com"],
        ["myapp://b.example.com", "ftp://b.example.com"],
      );
      assertAddresses(["*://*", "**"], ["https://a.test/"], ["javascript://a.test/", "myapp://a"]);
    });
  });

  describe("given wildcards without a scheme", () => {
    it("when host and port match, then http and https are trusted", () => {
      assertOrigins(
        ["*.example.com", "localhost:*"],
        ["https://a.example.com", "http://a.example.com", "http://localhost:3000"],
        [
          "https://example.com",
          "https://a.example.com:1",
          "http://localhost",
          "ws://a.example.com",
        ],
      );
    });

    it("when the pattern is written in capitals, then it means the same", () => {
      assertOrigins(["*.Example.COM"], ["https://a.example.com"], []);
    });
  });

  describe("given numbers with wildcards", () => {
    it("when the host is a name that begins like the address, then it is not trusted", () => {
      for (const patterns of [["http://192.168.*.*:*"], ["192.168.*:3000"]]) {
        assertOrigins(
          patterns,
          ["http://192.168.0.7:3000"],
          [
            "http://192.168.evil.test:3000",
            "http://192.168.0.evil.test:3000",
            "http://10.0.0.1:3000",
          ],
        );
      }
    });
  });

  describe("given a custom scheme", () => {
    it("when only the scheme is named, then every address with an authority part is trusted", () => {
      assertAddresses(
        ["myapp://"],
        ["myapp://", "myapp://host", "myapp://host/path?a=b", "myapp:///path", "MYAPP://x"],
        ["myapp2://host", "my://host", "myapp:host", "myapp:/host", "https://myapp"],
      );
      const { matchesOrigin } = compileOrigins(["myapp://", "chrome-extension://abcdef"]);
      assert.equal(matchesOrigin("myapp://"), true);
      assert.equal(matchesOrigin("chrome-extension://abcdef"), true);
      assert.equal(matchesOrigin("chrome-extension://abcdefg"), false);
      assert.equal(matchesOrigin("my\tapp://"), false);
    });

    it("when a host is named, then that host only is trusted, without regard to case", () => {
      assertAddresses(
        ["myapp://Host"],
        ["myapp://host", "myapp://HOST/any/path"],
        ["myapp://host.evil", "myapp://hostess", "myapp://host:1", "myapp://", "myapp:///host"],
      );
    });

    it("when a path is named, then that path and what is below it are trusted", () => {
      assertAddresses(
        ["myapp://host/callback"],
        [
          "myapp://host/callback",
          "myapp://host/callback/",
          "myapp://host/callback/done?x=/../",
          "myapp://host/other/../callback",
          "myapp://host/call%62ack",
          "myapp://host/./callback",
        ],
        [
          "myapp://host",
          "myapp://host/",
          "myapp://host/callbacks",
          "myapp://host/Callback",
          "myapp://host/callback/../evil",
          "myapp://host/callback/%2e%2e/evil",
          "myapp://host/callback/%2E./evil",
          "myapp://host/callback%2f..%2fevil",
          "myapp://host/callback/%252e%252e/evil",
          "myapp://host/callback%5c..%5cevil",
          "myapp://host/callback/%25252e%25252e/evil",
          "myapp://host/callback/%zz",
          "myapp://host/callback/%c0%ae%c0%ae/evil",
        ],
      );
    });

    it("when it has wildcards, then the whole address is compared", () => {
      assertAddresses(
        ["exp://192.168.*.*:*/**", "other://*.host/cb-?"],
        [
          "exp://192.168.1.5:8081/--/path",
          "exp://192.168.1.5:8081/",
          "exp://192.168.1.5:8081",
          "other://a.host/cb-1",
          "other://A.HOST/cb-1?query",
        ],
        [
          "exp://10.0.0.1:8081/",
          "exp://192.168.1.5/",
          "other://a.host/cb-",
          "other://a.host/cb-1/x",
          "other://a.host/x/../cb-12",
          "other://evil/.host/cb-1",
          "exp:192.168.1.5:8081/",
        ],
      );
      assertAddresses(["myapp://host/a?c"], ["myapp://host/abc"], ["myapp://host/a/c"]);
      assertAddresses(["exp://**"], ["exp://a/b/c", "exp://a"], ["exps://a"]);
    });
  });

  describe("given a malformed pattern", () => {
    for (const pattern of [
      "",
      "app.example.com",
      "localhost:3000",
      "https://",
      "https://app.example.com/",
      "https://app.example.com/path",
      "https://*.example.com/",
      "https://*.example.com/**",
      "*.example.com/",
      "https://user@app.example.com",
      "https://app.example.com#x",
      "https://app.example.com\\x",
      "https://app .example.com",
      " https://app.example.com",
      "https://app.example.com\n",
      "https://*.münchen.example",
      "https://app.example.com:99999",
      "https://a%2fb",
      "1app://host",
      "://host",
      "myapp://ho st",
      "myapp://host/%252e",
      "myapp://host/%zz",
      "javascript://",
      "JavaScript://*",
      "data://x",
      "blob://",
      "file:///etc",
    ]) {
      it(`when it is ${JSON.stringify(pattern)}, then it throws a TypeError naming the option`, () => {
        assert.throws(() => compileOrigins(["https://good.example.com", pattern]), {
          name: "TypeError",
          message: /^betterAuth\(\): trustedOrigins: /,
        });
      });
    }
  });

  it("when there is no pattern, then nothing is trusted", () => {
    assertOrigins([], [], ["https://app.example.com", "myapp://", "null"]);
  });

  it("when pattern and host are made to backtrack, then it is still fast", () => {
    const { matchesUrl } = compileOrigins([
      `https://${"*a".repeat(20)}*b.example.com`,
      "**a**a**b",
    ]);
    const start = performance.now();
    assert.equal(matchesUrl(new URL(`https://${"a".repeat(2000)}.example.com`)), false);
    assert.equal(matchesUrl(new URL(`https://${"a".repeat(1_000_000)}b.example.com`)), false);
    assert.ok(performance.now() - start < 500);
  });

  it("when wildcards are mixed at random, then the result is that of a plain definition", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 7 });
    const host = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 7 });
    const matches = (glob: string, text: string): boolean => {
      if (glob === "") return text === "";
      const [head, tail] = [glob.slice(0, 1), glob.slice(1)];
      if (head === "*") return matches(tail, text) || (text !== "" && matches(glob, text.slice(1)));
      return text !== "" && (head === "?" || text.startsWith(head)) && matches(tail, text.slice(1));
    };
    fc.assert(
      fc.property(pattern, host, (glob, name) => {
        const compiled = compileOrigins([`https://${glob}*x`]);
        const expected = matches(`${glob}*x`, `${name}x`);
        assert.equal(compiled.matchesOrigin(`https://${name}x`), expected);
      }),
    );
  });
});

describe("parseURL", () => {
  it("when it has been called often, then international names are still read", () => {
    const read = Array.from({ length: 20_000 }, () => parseURL("https://münchen.example/")?.host);
    assert.deepEqual(new Set(read), new Set(["xn--mnchen-3ya.example"]));
  });
});
