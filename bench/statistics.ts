/** The middle of several rounds, and how far they lie apart. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** The value below which this share (0 to 1) of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)] ?? NaN;
  const high = sorted[Math.ceil(middle)] ?? NaN;
  return (low + high) / 2;
}

/** Of values that stand for themselves. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/**
 * The chance that a value of the one series is greater than one of the other, 0 to 1; what is equal counts half. Near
 * 0.5 when they cannot be told apart (the statistic of Mann and Whitney).
 */
export function chanceOfMore(values: readonly number[], others: readonly number[]): number {
  const wins = values.flatMap((value) => others.map((other) => (Math.sign(value - other) + 1) / 2));
  return wins.reduce((sum, win) => sum + win, 0) / wins.length;
}

/** Each round divided by the same round of another series: noise of the machine that lasts hits both. */
export function ratios(values: readonly number[], base: readonly number[]): Spread {
  return spreadOf(values.map((value, round) => value / (base[round] ?? NaN)));
}
