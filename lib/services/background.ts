import type { AuthContext } from "../context.ts";

/**
 * Starts a callback of the app that no answer waits for. What it throws, at once or later, is logged and changes
 * nothing.
 *
 * @param name of the option, for the log
 */
export function runInBackground(
  { log }: AuthContext,
  name: string,
  work: () => Promise<unknown>,
): void {
  setImmediate(() => {
    Promise.resolve()
      .then(work)
      .catch((error: unknown) => {
        log.error(`${name} failed`, error);
      });
  });
}
