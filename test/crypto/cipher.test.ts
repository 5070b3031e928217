import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { symmetricDecrypt, symmetricEncrypt } from "better-auth/crypto";
import { cipherKey, decrypt, encrypt, type Keyring } from "../../lib/crypto/cipher.ts";

const SECRETS = ["first-secret-first-secret-first-s", "second-secret-second-secret-seco"] as const;
const TEXT = '["aaaaa-bbbbb","ä€😀"]';

const single = (secret: string): Keyring => {
  const key = cipherKey(secret);
  return { current: { version: null, key }, byVersion: new Map([[0, key]]), unversioned: key };
};
const versioned = (current: 0 | 1, legacy?: string): Keyring => ({
  current: { version: current, key: cipherKey(SECRETS[current]) },
  byVersion: new Map(SECRETS.map((secret, version) => [version, cipherKey(secret)])),
  unversioned: legacy === undefined ? undefined : cipherKey(legacy),
});
const official = (currentVersion: number, legacySecret?: string) => ({
  keys: new Map<number, string>(SECRETS.map((secret, version) => [version, secret])),
  currentVersion,
  ...(legacySecret !== undefined && { legacySecret }),
});

describe("encrypt and decrypt", () => {
  it("when one secret encrypts, then it is hex, another text each time, and Better Auth reads it", async () => {
    const keyring = single(SECRETS[0]);
    const [one, other] = [
      await encrypt(TEXT, keyring, randomBytes),
      await encrypt(TEXT, keyring, randomBytes),
    ];
    assert.match(one, /^[0-9a-f]+$/);
    assert.notEqual(one, other);
    assert.equal(await decrypt(one, keyring), TEXT);
    assert.equal(await symmetricDecrypt({ key: SECRETS[0], data: one }), TEXT);
  });

  it("when several secrets are listed, then the text names its version, and Better Auth reads it", async () => {
    const stored = await encrypt(TEXT, versioned(1), randomBytes);
    assert.match(stored, /^\$ba\$1\$[0-9a-f]+$/);
    assert.equal(await decrypt(stored, versioned(0)), TEXT);
    assert.equal(await symmetricDecrypt({ key: official(0), data: stored }), TEXT);
  });

  it("when Better Auth encrypted, then it is read, whichever secret is the current one", async () => {
    const plain = await symmetricEncrypt({ key: SECRETS[0], data: TEXT });
    assert.equal(await decrypt(plain, single(SECRETS[0])), TEXT);
    assert.equal(await decrypt(plain, versioned(1, SECRETS[0])), TEXT);
    const named = await symmetricEncrypt({ key: official(0), data: TEXT });
    assert.equal(await decrypt(named, versioned(1)), TEXT);
  });

  it("when no secret fits, or the text is damaged or none of ours, then it is null", async () => {
    const keyring = single(SECRETS[0]);
    const stored = await encrypt(TEXT, keyring, randomBytes);
    const flipped = (stored.startsWith("0") ? "1" : "0") + stored.slice(1);
    const none = versioned(1);
    assert.equal(await decrypt(stored, single(SECRETS[1])), null);
    assert.equal(await decrypt(stored, none), null);
    for (const text of [
      flipped,
      stored.slice(2),
      stored.slice(0, 78),
      `$ba$7$${stored}`,
      `$ba$x$${stored}`,
      "",
      "zz",
      "JBSWY3DP",
      "a",
    ]) {
      assert.equal(await decrypt(text, keyring), null, text);
      assert.equal(await decrypt(text, none), null, text);
    }
  });
});
