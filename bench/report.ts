import type { Spread } from "./statistics.ts";

/** A goal of the project for a figure. */
export interface Target {
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** Prints a heading. */
export function heading(text: string): void {
  console.log(`\n## ${text}\n`);
}

/** Prints rows as a Markdown table; the first row is the head, the first column is text, the others are figures. */
export function table(rows: readonly (readonly string[])[]): void {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) =>
    Math.max(3, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => pad(row[column] ?? "", width, column)).join(" | ")} |`;
  const rule = widths.map((width, column) => "-".repeat(width - 1) + (column === 0 ? "-" : ":"));
  console.log([line(head), `| ${rule.join(" | ")} |`, ...body.map(line)].join("\n"));
}

function pad(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}

let missed = 0;

/** Prints one figure beside its target: "ok" or "MISSED". */
export function judge(what: string, value: number, target: Target, text = figure(value)): void {
  const { atMost = Infinity, atLeast = -Infinity } = target;
  const isMet = value <= atMost && value >= atLeast;
  if (!isMet) missed += 1;
  const goal = target.atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
  console.log(`- ${what}: ${text} (target ${goal}) ${isMet ? "ok" : "MISSED"}`);
}

/** How many targets were missed so far. */
export function missedTargets(): number {
  return missed;
}

/** Three significant digits, no exponent. */
export function figure(value: number): string {
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** "0.65 (0.61–0.70)" */
export function spread({ median, least, most }: Spread): string {
  return `${figure(median)} (${figure(least)}–${figure(most)})`;
}
