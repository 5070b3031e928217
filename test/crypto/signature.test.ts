import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, it } from "mocha";
import { hmacBase64url, sign, signingKey, unsign } from "../../lib/crypto/signature.ts";

const key = signingKey("a secret of at least thirty-two characters, with ü");
const oldKey = signingKey("the secret before it, also long enough to be one");

describe("sign", () => {
  it("when a value is signed, then the signature is HMAC-SHA-256 over it in standard base64", () => {
    const expected = createHmac("sha256", "a secret of at least thirty-two characters, with ü")
      .update("value")
      .digest("base64");
    assert.equal(sign("value", key), `value.${expected}`);
    assert.match(sign("value", key), /^value\.[A-Za-z0-9+/]{43}=$/);
  });

  it("when the key is a Buffer, then the signature is the same", () => {
    const bytes = Buffer.from("a secret of at least thirty-two characters, with ü");
    assert.equal(sign("value", bytes), sign("value", key));
  });

  it("when RFC 4231 test case 2 is computed, then it agrees", () => {
    const hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const signature = Buffer.from(hex, "hex").toString("base64");
    assert.equal(
      sign("what do ya want for nothing?", Buffer.from("Jefe")),
      `what do ya want for nothing?.${signature}`,
    );
  });
});

describe("unsign", () => {
  it("when any well-formed value is signed, then it comes back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (value) => {
        assert.equal(unsign(sign(value, key), [key]), value);
      }),
    );
  });

  it("when the value has dots, then the last one separates", () => {
    assert.equal(unsign(sign("a.b.c", key), [key]), "a.b.c");
  });

  it("when an older key made the signature, then it is read as long as the key is listed", () => {
    const signed = sign("value", oldKey);
    assert.equal(unsign(signed, [key, oldKey]), "value");
    assert.equal(unsign(signed, [key]), null);
    assert.equal(unsign(signed, []), null);
  });

  it("when one character is changed, then it is null", () => {
    const signed = sign("value", key);
    for (let place = 0; place < signed.length; place += 1) {
      const changed = signed.charAt(place) === "A" ? "B" : "A";
      const forged = signed.slice(0, place) + changed + signed.slice(place + 1);
      assert.equal(unsign(forged, [key]), null, forged);
    }
  });

  it("when the last character spells the same bytes in another way, then it is null", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const signed = sign("value", key);
    const twin = alphabet.charAt(alphabet.indexOf(signed.charAt(signed.length - 2)) ^ 1);
    const forged = `${signed.slice(0, -2)}${twin}=`;
    const bytesOf = (text: string) => Buffer.from(text.slice("value.".length), "base64");
    assert.deepEqual(bytesOf(forged), bytesOf(signed));
    assert.equal(unsign(forged, [key]), null);
  });

  it("when the signature has not the exact form, then it is null", () => {
    const signed = sign("value", key);
    const signature = signed.slice("value.".length);
    for (const forged of [
      "",
      ".",
      "value",
      "value.",
      signature,
      `.${signature}`,
      signed.slice(0, -1),
      `${signed}=`,
      `${signed}\n`,
      ` ${signed}`,
      `value.${signature.slice(0, -1).replaceAll("+", "-").replaceAll("/", "_")}`,
      `value.${encodeURIComponent(signature)}`,
      `value.${"é".repeat(43)}=`,
      `value.${"A".repeat(43)}=`,
    ]) {
      assert.equal(unsign(forged, [key]), null, forged);
    }
  });
});

describe("hmacBase64url", () => {
  it("when a value is given, then it is the same MAC as sign's in base64url without padding", () => {
    const signature = sign("value", key).slice("value.".length);
    assert.equal(
      hmacBase64url("value", key),
      Buffer.from(signature, "base64").toString("base64url"),
    );
    assert.match(hmacBase64url("value", key), /^[A-Za-z0-9_-]{43}$/);
  });
});
