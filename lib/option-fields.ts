import { z } from "zod";
import { wrongOptions } from "./option-errors.ts";

// Messages complete the sentence "<option> must be …".

/** A function of the app. */
export const callback = <F>() =>
  z.custom<F>((value) => typeof value === "function", { error: "a function", abort: true });

/** A switch. */
export const flag = z.boolean("true or false");

/**
 * Reads the options of a feature.
 *
 * @param call as the app writes it, "username()"
 * @throws TypeError naming the options that are wrong
 */
export function readFeatureOptions<S extends z.ZodType>(
  call: string,
  schema: S,
  options: unknown,
): z.output<S> {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw wrongOptions(call, parsed.error);
  return parsed.data;
}
