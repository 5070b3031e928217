import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { CompactEncrypt, decodeProtectedHeader, EncryptJWT } from "jose";
import { decryptJwt, encryptJwt } from "../../lib/crypto/jwe.ts";
import { signingKey } from "../../lib/crypto/signature.ts";

const key = signingKey("a secret of at least thirty-two characters, with ü");
const oldKey = signingKey("the secret before it, also long enough to be one");
const now = new Date("2026-01-01T00:00:00.000Z");
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const salt = "purpose";

describe("an encrypted JWT", () => {
  it("when claims are encrypted, then they come back with their times, and nobody reads them", async () => {
    const claims = { user: { name: "Zoë 😀" } };
    const token = await encryptJwt(claims, key, { salt, expiresIn: 300, now });
    const { kid, ...header } = decodeProtectedHeader(token);
    assert.deepEqual(header, { alg: "dir", enc: "A256CBC-HS512" });
    assert.match(kid ?? "", /^[\w-]{43}$/);
    assert.ok(!Buffer.from(token, "base64url").toString("latin1").includes("name"));
    const iat = now.getTime() / 1000;
    const read = await decryptJwt(token, [oldKey, key], { salt, now: later(299) });
    assert.deepEqual(read, { ...claims, iat, exp: iat + 300 });
  });

  it("when key, purpose or time are others, then it is refused", async () => {
    const token = await encryptJwt({ a: 1 }, key, { salt, expiresIn: 300, now });
    assert.equal(await decryptJwt(token, [oldKey], { salt, now }), null);
    assert.equal(await decryptJwt(token, [key], { salt: "another", now }), null);
    assert.equal(await decryptJwt(token, [key], { salt, now: later(300) }), null);
    for (const at of [5, 120, token.length - 3]) {
      const other = token.charAt(at) === "A" ? "B" : "A";
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      assert.equal(await decryptJwt(changed, [key], { salt, now }), null, String(at));
    }
  });

  it("when it is anything else, then it is refused", async () => {
    const password = new Uint8Array(64).fill(1);
    const texts = [
      ...["", "....", "a.b.c.d.e", "a.b.c"],
      await new EncryptJWT({ a: 1 })
        .setProtectedHeader({ alg: "dir", enc: "A256CBC-HS512" })
        .setExpirationTime(later(300))
        .encrypt(password),
      await new CompactEncrypt(new TextEncoder().encode("{}"))
        .setProtectedHeader({ alg: "dir", enc: "A256CBC-HS512" })
        .encrypt(password),
      await new EncryptJWT({ a: 1 })
        .setProtectedHeader({ alg: "PBES2-HS256+A128KW", enc: "A256CBC-HS512" })
        .setExpirationTime(later(300))
        .encrypt(password),
    ];
    for (const text of texts) {
      assert.equal(await decryptJwt(text, [key], { salt, now }), null, text);
    }
  });

  it("when the library is loaded, then jose is not: only the first use loads it", () => {
    const source = readFileSync(new URL("../../lib/crypto/jwe.ts", import.meta.url), "utf8");
    assert.match(source, /import\("jose"\)/);
    assert.doesNotMatch(source, /^import .*"jose"/m);
  });
});
