import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { commonPasswords } from "../../lib/crypto/common-passwords-data.ts";
import { isCommonPassword } from "../../lib/crypto/common-passwords.ts";

async function assertAll(passwords: readonly string[], expected: boolean): Promise<void> {
  for (const password of passwords) {
    assert.equal(await isCommonPassword(password), expected, password);
  }
}

describe("isCommonPassword", () => {
  it("when the password is a well-known one, then it is common", () =>
    assertAll(
      ["12345678", "password", "password1", "qwerty123", "iloveyou", "sunshine", "trustno1"],
      true,
    ));

  it("when it is a run, a row of keys or a repetition, then it is common", () =>
    assertAll(
      ["87654321", "abcdefgh", "asdfghjkl", "qwertzuiop", "12121212", "123123123", "19901990"],
      true,
    ));

  it("when it is written in another case or width, then it is common", () =>
    assertAll(["PASSWORD", "PassWord1", "iLoveYou", "ｐａｓｓｗｏｒｄ"], true));

  it("when it is one character repeated, in any length or script, then it is common", () =>
    assertAll(["zzzzzzzz", "zzzzZZZZ", "~".repeat(100), "😀".repeat(8), "\n".repeat(9)], true));

  it("when it only contains a common word, then it is not", () =>
    assertAll(["password correct horse", " password", "password\n", "xpasswordx", ""], false));

  it("when it holds several listed words as the list does, then it is not", async () => {
    const [first = "", second = ""] = commonPasswords.split(" ");
    await assertAll([`${first} ${second}`, "constructor", "__proto__"], false);
  });

  it("when it is a long random one, then it is not", () =>
    assertAll(["gT5#kLw9pZ", "correct horse battery staple", "Tr0ub4dor&3x"], false));
});

describe("the list", () => {
  const words = commonPasswords.split(/\s+/);

  it("when it is read, then it has enough words, each once, printable and in lower case", () => {
    assert.ok(words.filter((word) => word.length >= 8).length > 10_000);
    assert.equal(new Set(words).size, words.length);
    for (const word of words) assert.match(word, /^[!-@[-~]{6,}$/);
  });
});
