/**
 * Parses an absolute address with the WHATWG parser; null when it is none. `URL.canParse` will not do: in Node 20 it
 * refuses international names once it has been called often (its fast path reads Latin-1 text as UTF-8).
 */
export function parseURL(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
