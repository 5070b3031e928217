import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { TOTP, URI } from "otpauth";
import { findTotpStep, totpCode, totpStep, totpURI } from "../../lib/crypto/totp.ts";
import { ALPHANUMERIC, randomToken } from "../../lib/crypto/token.ts";

const SETTINGS = { digits: 6, period: 30 } as const;
const at = (seconds: number) => new Date(seconds * 1000);

describe("totpCode", () => {
  /** RFC 6238 appendix B, HMAC-SHA-1. */
  for (const [seconds, code] of [
    [59, "94287082"],
    [1111111109, "07081804"],
    [1111111111, "14050471"],
    [1234567890, "89005924"],
    [2000000000, "69279037"],
    [20000000000, "65353130"],
  ] as const) {
    it(`when it is second ${seconds}, then it is the code of RFC 6238`, async () => {
      const settings = { digits: 8, period: 30 } as const;
      const secret = "12345678901234567890";
      assert.equal(await totpCode(secret, totpStep(at(seconds), settings), settings), code);
      assert.equal(
        await findTotpStep(code, secret, at(seconds), settings),
        Math.floor(seconds / 30),
      );
    });
  }

  it("when another implementation makes codes, then they are the same", async () => {
    for (let n = 0; n < 200; n += 1) {
      const secret = randomToken(32, `${ALPHANUMERIC}-_`);
      const period = [15, 30, 60][n % 3] ?? 30;
      const settings = { digits: n % 2 === 0 ? 6 : 8, period } as const;
      const timestamp = randomBytes(5).readUIntBE(0, 5);
      const other = URI.parse(
        totpURI(secret, { issuer: "A & b & ü", account: "a+b@c.de" }, settings),
      );
      assert.ok(other instanceof TOTP);
      assert.deepEqual(
        [other.issuer, other.label, other.period],
        ["A & b & ü", "a+b@c.de", period],
      );
      const step = totpStep(new Date(timestamp), settings);
      assert.equal(await totpCode(secret, step, settings), other.generate({ timestamp }));
    }
  });
});

describe("findTotpStep", () => {
  const secret = "12345678901234567890";
  const now = at(1_000_000_000);
  const step = totpStep(now, SETTINGS);

  for (const [away, found] of [
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ] as const) {
    it(`when the code is ${away} steps away, then it is ${found ? "found" : "refused"}`, async () => {
      const code = await totpCode(secret, step + away, SETTINGS);
      assert.equal(await findTotpStep(code, secret, now, SETTINGS), found ? step + away : null);
    });
  }

  it("when digits are followed, led or parted by anything else, then it is refused", async () => {
    const code = await totpCode(secret, step, SETTINGS);
    const wide = code.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
    const others = [
      `${code} `,
      ` ${code}`,
      `${code}a`,
      `${code}\n`,
      `0${code}`,
      code.slice(1),
      `${code.slice(0, 3)} ${code.slice(3)}`,
      `${code.slice(0, 5)}a`,
      `+${code.slice(1)}`,
      wide,
      "",
    ];
    for (const other of others)
      assert.equal(await findTotpStep(other, secret, now, SETTINGS), null, other);
  });
});

describe("totpURI", () => {
  it("when parts need it, then they are encoded, and the secret has no padding", () => {
    const uri = totpURI("abc", { issuer: "My App & co:", account: "ada+1@example.com" }, SETTINGS);
    assert.equal(
      uri,
      "otpauth://totp/My%20App%20%26%20co%3A:ada%2B1%40example.com?secret=MFRGG&issuer=My%20App%20%26%20co%3A&digits=6&period=30",
    );
  });
});
