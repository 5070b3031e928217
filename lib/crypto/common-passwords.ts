let words: Promise<ReadonlySet<string>> | undefined;

/**
 * Tells whether a password is one that guessers try first: one character repeated, or a word of the built-in
 * list, without regard to case (OWASP ASVS 5.0 §6.2.4, NIST SP 800-63B §3.1.1.2). Compared after Unicode NFKC,
 * because that is what is hashed. The list is loaded by the first call (about 140 kB) and kept.
 *
 * @param password as typed; the list has words of 8 characters and more, and the most common of 6 and 7
 */
export async function isCommonPassword(password: string): Promise<boolean> {
  const word = password.normalize("NFKC").toLowerCase();
  if (/^(.)\1*$/su.test(word)) return true;
  words ??= loadWords();
  return (await words).has(word);
}

async function loadWords(): Promise<ReadonlySet<string>> {
  const { commonPasswords } = await import("./common-passwords-data.ts");
  return new Set(commonPasswords.split(/\s+/));
}
