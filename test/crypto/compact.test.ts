import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { signCompact, verifyCompact } from "../../lib/crypto/compact.ts";
import { signingKey } from "../../lib/crypto/signature.ts";

const SECRET = "a secret of at least thirty-two characters, with ü";
const key = signingKey(SECRET);
const oldKey = signingKey("the secret before it, also long enough to be one");
const now = new Date("2026-01-01T00:00:00.000Z");
const later = (ms: number) => new Date(now.getTime() + ms);

describe("a compact text", () => {
  it("when claims are signed, then form and signature are those of docs/protocol.md", () => {
    const text = signCompact({ user: { name: "Zoë" }, version: "1" }, key, { expiresIn: 300, now });
    const expiresAt = now.getTime() + 300_000;
    const signed = `{"user":{"name":"Zoë"},"version":"1","expiresAt":${expiresAt}}`;
    assert.deepEqual(JSON.parse(Buffer.from(text, "base64url").toString()), {
      session: { user: { name: "Zoë" }, version: "1" },
      expiresAt,
      signature: createHmac("sha256", SECRET).update(signed).digest("base64url"),
    });
  });

  it("when any JSON is signed, then it comes back, with an older key too", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false })),
        (claims) => {
          const given = JSON.parse(JSON.stringify(claims)) as Record<string, unknown>;
          const text = signCompact(given, oldKey, { expiresIn: 1, now });
          assert.match(text, /^[A-Za-z0-9_-]+$/);
          assert.deepEqual(verifyCompact(text, [key, oldKey], later(999)), given);
          assert.equal(verifyCompact(text, [key], now), null);
        },
      ),
    );
  });

  it("when its time is over, then it is refused", () => {
    const text = signCompact({ a: 1 }, key, { expiresIn: 300, now });
    assert.notEqual(verifyCompact(text, [key], later(299_999)), null);
    assert.equal(verifyCompact(text, [key], later(300_000)), null);
  });

  it("when one character differs, then it is refused", () => {
    const text = signCompact({ a: "some text" }, key, { expiresIn: 300, now });
    for (let at = 0; at < text.length - 1; at += 1) {
      const other = text.charAt(at) === "A" ? "B" : "A";
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      assert.equal(verifyCompact(changed, [key], now), null, String(at));
    }
  });

  it("when it is anything else, then it is refused", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.equal(verifyCompact(text, [key], now), null);
      }),
    );
    for (const json of ["null", "1", "[]", "{}", '{"session":{}}', '"text"', "{"]) {
      const text = Buffer.from(json).toString("base64url");
      assert.equal(verifyCompact(text, [key], now), null, json);
    }
  });
});
