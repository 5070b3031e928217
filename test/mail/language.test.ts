import assert from "node:assert/strict";
import { inWords, pickLanguage } from "../../lib/mail/language.ts";
import { greetingName, lifetimeOf } from "../../lib/mail/mail-data.ts";

describe("pickLanguage", () => {
  const available = ["en", "de", "zh-hant"];
  const cases: [string | null | undefined, string | undefined][] = [
    [undefined, undefined],
    [null, undefined],
    ["", undefined],
    ["de", "de"],
    ["DE-at", "de"],
    ["it, de;q=0.5, en;q=0.8", "en"],
    ["it, de;q=0.8, en;q=0.8", "de"],
    ["zh-Hant-TW, en", "zh-hant"],
    ["zh-Hans", undefined],
    ["de;q=0, it", undefined],
    ["it, *;q=0.1", "en"],
    ["de;q=2, en;q=x", undefined],
    [`${"x,".repeat(5000)}de`, undefined],
  ];
  for (const [header, expected] of cases) {
    const shown = JSON.stringify(header?.slice(0, 30) ?? header);
    it(`when Accept-Language is ${shown}, then it is ${String(expected)}`, () => {
      assert.equal(pickLanguage(header, available), expected);
    });
  }
});

describe("inWords", () => {
  const cases: [number, string, string][] = [
    [1, "en", "1 second"],
    [90, "en", "1 minute"],
    [3600, "en", "1 hour"],
    [5400, "en", "90 minutes"],
    [30_000, "en", "8 hours"],
    [86_400, "de", "24 Stunden"],
    [604_800, "de", "7 Tage"],
    [3600, "fr", "1\u00a0heure"],
  ];
  for (const [seconds, language, expected] of cases) {
    it(`when it is ${seconds} seconds in ${language}, then it says ${expected}`, () => {
      assert.equal(inWords(seconds, language), expected);
    });
  }
});

describe("greetingName", () => {
  const cases: [string, string | undefined][] = [
    ["Ada Lovelace", "Ada Lovelace"],
    ["  Ada\r\nLovelace ", "Ada Lovelace"],
    ["J. R. R. Tolkien", "J. R. R. Tolkien"],
    ["李小龍", "李小龍"],
    ["<b>Ada", "<b>Ada"],
    ["", undefined],
    ["x".repeat(61), undefined],
    ["Claim it on evil.example", undefined],
    ["https://evil", undefined],
    ["evil。example", undefined],
    ["write to eve@evil", undefined],
    ["Call 0800 123456", undefined],
  ];
  for (const [name, expected] of cases) {
    it(`when the name is ${JSON.stringify(name)}, then it is ${String(expected)}`, () => {
      assert.equal(greetingName(name), expected);
    });
  }
});

describe("lifetimeOf", () => {
  const jwt = (claims: unknown) =>
    `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
  const cases: [string, string, number | undefined][] = [
    ["states one", jwt({ iat: 1000, exp: 4600 }), 3600],
    ["has no exp", jwt({ iat: 1000 }), undefined],
    ["is over before it begins", jwt({ iat: 1000, exp: 1000 }), undefined],
    ["holds no object", jwt(null), undefined],
    ["holds no JSON", "e30.%%%.c2ln", undefined],
    ["is opaque", "4f1d0b", undefined],
  ];
  for (const [name, token, expected] of cases) {
    it(`when the token ${name}, then it is ${String(expected)}`, () => {
      assert.equal(lifetimeOf(token), expected);
    });
  }
});
