import type { Letters } from "../templates.ts";
import { de } from "./de.ts";
import { en } from "./en.ts";
import { fr } from "./fr.ts";

/** The languages that come with the package; English first, because it is the last resort. */
export const builtIn: Readonly<Record<string, Letters>> = { en, de, fr };
