/** More entries than a reader has; the rest of a longer header is not looked at. */
const MAX_RANGES = 30;

/**
 * The available language that a reader likes best (RFC 9110 §12.5.4, look-up of RFC 4647 §3.4: `de-AT` finds `de`).
 *
 * @param header value of `Accept-Language`
 * @param available tags in lower case
 * @returns undefined when none is acceptable
 */
export function pickLanguage(
  header: string | null | undefined,
  available: readonly string[],
): string | undefined {
  const ranges = (header ?? "")
    .split(",", MAX_RANGES)
    .map(parseRange)
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality);
  for (const { tag } of ranges) {
    const found = tag === "*" ? available[0] : lookUp(tag, available);
    if (found !== undefined) return found;
  }
  return undefined;
}

function parseRange(range: string): { readonly tag: string; readonly quality: number } {
  const [tag = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const quality = weight === undefined ? 1 : Number(weight);
  return { tag, quality: quality <= 1 ? quality : 0 };
}

/** `zh-hant-tw`, then `zh-hant`, then `zh`. */
function lookUp(tag: string, available: readonly string[]): string | undefined {
  for (let end = tag.length; end > 0; end = tag.lastIndexOf("-", end - 1)) {
    const shorter = tag.slice(0, end);
    if (available.includes(shorter)) return shorter;
  }
  return undefined;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in words of a language, rounded down: `"1 hour"`, `"24 Stunden"`. */
export function inWords(seconds: number, language: string): string {
  const [unit, length] = unitOf(seconds);
  const style = { style: "unit", unitDisplay: "long", unit } as const;
  return new Intl.NumberFormat(language, style).format(Math.floor(seconds / length));
}

function unitOf(seconds: number): readonly [unit: string, length: number] {
  if (seconds >= 2 * DAY) return ["day", DAY];
  if (seconds >= 6 * HOUR || (seconds >= HOUR && seconds % HOUR === 0)) return ["hour", HOUR];
  return seconds >= MINUTE ? ["minute", MINUTE] : ["second", 1];
}
