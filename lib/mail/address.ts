import parseAddresses from "nodemailer/lib/addressparser";

/** One person's address, with nothing that has a meaning in headers or in the envelope. */
const ADDRESS = /^[^\s@<>()[\]\\,;:"\p{Cc}]+@[^\s@<>()[\]\\,;:"\p{Cc}]+$/u;

/** Whether a mail can go to the address, and to nobody else. */
export function isAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/** Reads `"App <no-reply@example.com>"` or the address alone; undefined unless it is exactly one address. */
export function parseMailbox(
  text: string,
): { readonly name: string; readonly address: string } | undefined {
  if (/\p{Cc}/u.test(text)) return undefined;
  const [first, ...others] = parseAddresses(text);
  if (first?.address === undefined || others.length > 0) return undefined;
  const { name, address } = first;
  // The parser guesses where the text is malformed; what it found must stand there.
  const isThere = text.trim() === address || text.trimEnd().endsWith(`<${address}>`);
  return isThere && isAddress(address) ? { name, address } : undefined;
}
