import type { Log, RefusedAddresses } from "../context.ts";
import type { Config } from "../config.ts";
import { parseURL } from "../parse-url.ts";

/** Distinct lines of one instance; whoever sends others every time fills no log. */
const MAX_LINES = 100;
/** Characters of an address. */
const MAX_SHOWN = 200;

/** What is logged of an address is never more than where it leads: queries and user names may be secrets. */
export function createRefusedAddresses({ baseURL }: Config, log: Log): RefusedAddresses {
  const told = new Set<string>();
  const own = `baseURL: ${baseURL ?? "not set"}`;

  function tell(line: string): void {
    if (told.size >= MAX_LINES || told.has(line)) return;
    told.add(line);
    log.warn(line);
  }

  return {
    origin(origin) {
      tell(`Origin ${shown(origin)} is not trusted (${own}); add it to trustedOrigins`);
    },
    returnAddress(address) {
      const what = `Return address ${shown(address)}`;
      if (address.startsWith("/")) tell(`${what} is no plain path of this site, so it is refused`);
      else tell(`${what} is not trusted (${own}); add its origin to trustedOrigins`);
    },
  };
}

function shown(address: string): string {
  const url = parseURL(address);
  const text =
    url === null
      ? address.replace(/[?#].*$/s, "").replace(/[^/\\]*@/g, "")
      : `${url.protocol}//${url.host}`;
  return visible(text).slice(0, MAX_SHOWN);
}

/** Control characters, line ends and what changes the direction of writing, as escapes. */
function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const digits = (character.codePointAt(0) ?? 0).toString(16);
    return `\\u{${digits}}`;
  });
}
