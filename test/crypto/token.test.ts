import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { ALPHANUMERIC, hashToken, randomToken } from "../../lib/crypto/token.ts";

/** Gives the bytes in turn, over and over. */
function cycle(bytes: readonly number[]): (size: number) => Buffer {
  let next = 0;
  return (size) =>
    Buffer.from(Array.from({ length: size }, () => bytes[next++ % bytes.length] ?? 0));
}

const allBytes = Array.from({ length: 256 }, (_, byte) => byte);

describe("randomToken", () => {
  it("when only a length is given, then the token has that many letters and digits", () => {
    assert.match(randomToken(32), /^[A-Za-z0-9]{32}$/);
    assert.equal(new Set(ALPHANUMERIC).size, 62);
  });

  it("when a thousand are made, then none repeats", () => {
    assert.equal(new Set(Array.from({ length: 1000 }, () => randomToken(32))).size, 1000);
  });

  it("when an alphabet is given, then only its characters appear, in any length", () => {
    const alphabets = fc.uniqueArray(fc.integer({ min: 33, max: 500 }), {
      minLength: 2,
      maxLength: 256,
    });
    fc.assert(
      fc.property(alphabets, fc.integer({ min: 1, max: 100 }), (codes, length) => {
        const alphabet = String.fromCharCode(...codes);
        const token = randomToken(length, alphabet);
        assert.equal(token.length, length);
        assert.ok(token.split("").every((character) => alphabet.includes(character)));
      }),
    );
  });

  it("when every byte comes equally often, then so does every character", () => {
    for (const alphabet of [ALPHANUMERIC, "0123456789", "abc", "01"]) {
      const perCharacter = Math.floor(256 / alphabet.length);
      const token = randomToken(perCharacter * alphabet.length, alphabet, cycle(allBytes));
      for (const character of alphabet) {
        assert.equal(token.split(character).length - 1, perCharacter, alphabet);
      }
    }
  });

  it("when a byte is beyond the last full round of the alphabet, then another one is drawn", () => {
    assert.equal(randomToken(3, "0123456789", cycle([255, 250, 249, 0, 11])), "901");
  });

  it("when the length or alphabet is out of range, then it throws", () => {
    for (const length of [0, -1, 1.5, NaN, Infinity]) {
      assert.throws(() => randomToken(length), RangeError);
    }
    for (const alphabet of ["", "a", "aa", "abca", "é".repeat(257)]) {
      assert.throws(() => randomToken(8, alphabet), RangeError);
    }
  });
});

describe("hashToken", () => {
  it("when a token is given, then it is h1: and the SHA-256 in base64url without padding", () => {
    // FIPS 180-2 appendix B.1: SHA-256("abc")
    const hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert.equal(hashToken("abc"), `h1:${Buffer.from(hex, "hex").toString("base64url")}`);
    assert.match(hashToken(randomToken(32)), /^h1:[A-Za-z0-9_-]{43}$/);
  });
});
