/** What is counted of an answer. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** How often each answer came: `{ "200": 1, "400 INVALID_TOKEN": 49 }`. */
export type Tally = Readonly<Record<string, number>>;

/** Makes calls at the same time and counts their answers. */
export async function inParallel(
  times: number,
  call: (n: number) => PromiseLike<Answer>,
): Promise<Tally> {
  const answers = await Promise.all(Array.from({ length: times }, (_, n) => call(n)));
  return tally(answers);
}

/** Counts answers by status and code. */
export function tally(answers: readonly Answer[]): Tally {
  const counted: Record<string, number> = {};
  for (const { status, body } of answers) {
    const { code } = (body ?? {}) as { readonly code?: string };
    const name = code === undefined ? String(status) : `${status} ${code}`;
    counted[name] = (counted[name] ?? 0) + 1;
  }
  return counted;
}
