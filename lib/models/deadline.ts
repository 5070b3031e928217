/** Milliseconds that one database operation may take before the caller gets `DeadlineExceeded`. */
export const OPERATION_DEADLINE_MS = 4000;

/** An operation took longer than its deadline; whether it took effect is unknown. Answered as 503. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/**
 * Bounds the wait for a promise, because a silent MongoDB server leaves it open for ever.
 *
 * @param milliseconds default `OPERATION_DEADLINE_MS`
 * @throws DeadlineExceeded when the time is up first; the operation itself is not stopped
 */
export function withDeadline<T>(
  work: Promise<T>,
  milliseconds = OPERATION_DEADLINE_MS,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new DeadlineExceeded(`no answer within ${String(milliseconds)} ms`));
    }, milliseconds);
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
