import assert from "node:assert/strict";
import type { CookieSettings, RequestInfo } from "../../lib/context.ts";
import type { AuthOptions } from "../../lib/index.ts";
import { readOptions } from "../../lib/read-options.ts";
import { createReply } from "../../lib/run.ts";
import {
  clearCookie,
  clearOtherSessionNames,
  cookieHeaders,
  createCookies,
  readCookies,
  setCookie,
} from "../../lib/services/cookies.ts";
import { TEST_SECRET } from "../support/app.ts";

const OFFICIAL = "better-auth.session_token";
const OWN = "better-auth.session-token";

function cookiesOf(options: AuthOptions, env: Readonly<Record<string, string>> = {}) {
  return createCookies(readOptions({ secret: TEST_SECRET, ...options }, env));
}

function read(cookie: string): Record<string, string> {
  return Object.fromEntries(readCookies({ cookie }));
}

/** The `Set-Cookie` line of a session cookie. */
function lineOf({ sessionToken }: { readonly sessionToken: CookieSettings }, maxAge?: number) {
  const reply = createReply();
  setCookie(reply, sessionToken, "a.b=", maxAge);
  const [line = ""] = cookieHeaders(reply);
  return line;
}

describe("readCookies", () => {
  for (const [header, expected] of [
    ["a=1; b=2", { a: "1", b: "2" }],
    ["a=1;b=2", { a: "1", b: "2" }],
    ["a=b%2Ec%3D", { a: "b.c=" }],
    ["a=b=c", { a: "b=c" }],
    ['a="quoted"', { a: "quoted" }],
    ["a=first; a=second", { a: "first" }],
    ["a=%E0%A4%A", { a: "%E0%A4%A" }],
    ["a=", { a: "" }],
    ["", {}],
    ["; ; ;", {}],
    ["a", {}],
  ] as const) {
    it(`when the header is ${JSON.stringify(header)}, then it reads ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(read(header), expected);
    });
  }

  it("when there is no header, then there are no cookies", () => {
    assert.equal(readCookies({}).size, 0);
  });

  for (const value of ['j:{"$ne":""}', "j:[1]", "j%3A%7B%22a%22%3A1%7D", "j:null", "j:7"]) {
    it(`when a value is JSON, ${value}, then no object comes out of it`, () => {
      const all = [...readCookies({ cookie: `a=${value}` }).values()];
      assert.ok(all.every((one) => typeof one === "string"));
    });
  }

  it("when names are those of prototypes, then they are names, and nothing is polluted", () => {
    const cookies = readCookies({ cookie: "__proto__=x; constructor=y; toString=z" });
    assert.equal(cookies.get("constructor"), "y");
    assert.equal(cookies.get("hasOwnProperty"), undefined);
    assert.equal(typeof {}.toString, "function");
  });

  it("when there are thousands, then they are read in no time", () => {
    const cookie = Array.from({ length: 5000 }, (_, at) => `c${String(at)}=${String(at)}`).join(
      ";",
    );
    assert.equal(readCookies({ cookie }).get("c4999"), "4999");
  });
});

describe("createCookies", () => {
  const PLAIN = `${OWN}=a.b%3D; Path=/; HttpOnly; SameSite=Lax`;

  it("when nothing is configured, then the cookie is as the protocol says", () => {
    const cookies = cookiesOf({ baseURL: "http://app.test" });
    assert.equal(lineOf(cookies), PLAIN);
    assert.equal(cookies.sessionData.name, "better-auth.session_data");
    assert.equal(cookies.dontRemember.name, "better-auth.dont_remember");
  });

  it("when it has a life time, then it is in seconds", () => {
    assert.match(lineOf(cookiesOf({}), 604_800), /; Max-Age=604800(;|$)/);
  });

  for (const [what, options] of [
    ["baseURL is https", { baseURL: "https://app.test" }],
    [
      "useSecureCookies is on",
      { baseURL: "http://app.test", advanced: { useSecureCookies: true } },
    ],
  ] as const) {
    it(`when ${what}, then the cookie is Secure by name and attribute`, () => {
      const line = lineOf(cookiesOf(options));
      assert.match(line, /^__Secure-better-auth\.session-token=.*; Secure(;|$)/);
    });
  }

  it("when useSecureCookies is off, then https changes nothing", () => {
    const options = { baseURL: "https://app.test", advanced: { useSecureCookies: false } };
    assert.equal(lineOf(cookiesOf(options)), PLAIN);
  });

  it("when cookies are not secure, then both names are read with and without prefix, secure first", () => {
    assert.deepEqual(cookiesOf({ baseURL: "http://app.test" }).sessionNames, [
      `__Secure-${OWN}`,
      `__Secure-${OFFICIAL}`,
      OWN,
      OFFICIAL,
    ]);
  });

  it("when cookies are secure, then names without prefix are not read", () => {
    assert.deepEqual(cookiesOf({ baseURL: "https://app.test" }).sessionNames, [
      `__Secure-${OWN}`,
      `__Secure-${OFFICIAL}`,
    ]);
  });

  it("when the prefix is changed, then all names have it", () => {
    const { sessionToken, sessionNames } = cookiesOf({ advanced: { cookiePrefix: "shop" } });
    assert.equal(sessionToken.name, "shop.session-token");
    assert.ok(sessionNames.every((name) => /^(__Secure-)?shop\./.test(name)));
  });

  it("when the session cookie gets the official name, then it is set, and our own is read", () => {
    const advanced = { cookies: { session_token: { name: OFFICIAL } } };
    const { sessionToken, sessionNames } = cookiesOf({ advanced });
    assert.equal(sessionToken.name, OFFICIAL);
    assert.deepEqual([sessionNames[0], sessionNames.includes(OWN)], [OFFICIAL, true]);
    assert.equal(new Set(sessionNames).size, sessionNames.length);
  });

  it("when subdomains share it, then it has the host of baseURL as Domain", () => {
    const advanced = { crossSubDomainCookies: { enabled: true } };
    assert.match(
      lineOf(cookiesOf({ baseURL: "http://app.test:3000", advanced })),
      /; Domain=app\.test(;|$)/,
    );
  });

  it("when a domain is named, then it has that", () => {
    const advanced = { crossSubDomainCookies: { enabled: true, domain: ".example.com" } };
    assert.match(lineOf(cookiesOf({ advanced })), /; Domain=\.?example\.com(;|$)/);
  });

  it("when attributes are given, then the cookie's own go before the defaults", () => {
    const advanced = {
      defaultCookieAttributes: { sameSite: "strict", path: "/app" },
      cookies: { session_token: { attributes: { sameSite: "None", partitioned: true } } },
    } as const;
    const cookies = cookiesOf({ advanced });
    assert.match(lineOf(cookies), /; Path=\/app;.*SameSite=None/);
    assert.match(lineOf(cookies), /; Partitioned(;|$)/);
    assert.equal(cookies.dontRemember.attributes.sameSite, "strict");
  });
});

describe("setCookie and clearCookie", () => {
  const { sessionToken, sessionData } = cookiesOf({ baseURL: "http://app.test" });

  it("when one is set twice, then the later one alone is sent", () => {
    const reply = createReply();
    setCookie(reply, sessionToken, "one", 5);
    setCookie(reply, sessionToken, "two");
    assert.deepEqual(cookieHeaders(reply), [`${OWN}=two; Path=/; HttpOnly; SameSite=Lax`]);
  });

  it("when one is set and cleared, then it is only cleared, with the same attributes", () => {
    const reply = createReply();
    setCookie(reply, sessionToken, "one", 5);
    clearCookie(reply, sessionToken);
    assert.deepEqual(cookieHeaders(reply), [`${OWN}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax`]);
  });

  it("when two are set, then both are sent", () => {
    const reply = createReply();
    setCookie(reply, sessionToken, "one");
    setCookie(reply, sessionData, "two");
    assert.equal(cookieHeaders(reply).length, 2);
  });

  it("when a value has characters that no cookie may have, then they are encoded", () => {
    const reply = createReply();
    setCookie(reply, sessionToken, "a;b, c\r\nSet-Cookie: x=y\u00fc");
    const [line = ""] = cookieHeaders(reply);
    assert.match(line, /^better-auth\.session-token=[\w%.-]+; Path=\/; HttpOnly; SameSite=Lax$/);
  });
});

describe("clearOtherSessionNames", () => {
  const cookies = cookiesOf({ baseURL: "http://app.test" });
  const cleared = (cookie: string) => {
    const reply = createReply();
    const request: RequestInfo = {
      isServerCall: false,
      method: "GET",
      headers: { cookie },
      ip: "",
      path: "/",
      baseURL: () => "http://app.test",
    };
    clearOtherSessionNames(cookies, request, reply);
    return [...reply.cookies.keys()];
  };

  it("when the request carries other names, then those are expired and no more", () => {
    assert.deepEqual(cleared(`${OWN}=a; ${OFFICIAL}=b; other=c`), [OFFICIAL]);
    assert.deepEqual(cleared(`__Secure-${OWN}=a`), [`__Secure-${OWN}`]);
    assert.deepEqual(cleared(`${OWN}=a`), []);
  });

  it("when a name has the Secure prefix, then browsers are told so, or they would ignore it", () => {
    const reply = createReply();
    const headers = { cookie: `__Secure-${OFFICIAL}=b` };
    const request = {
      isServerCall: false,
      method: "GET",
      headers,
      ip: "",
      path: "/",
      baseURL: () => "http://app.test",
    };
    clearOtherSessionNames(cookies, request, reply);
    assert.match(cookieHeaders(reply)[0] ?? "", /Max-Age=0.*; Secure(;|$)/);
  });
});
