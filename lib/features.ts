import { core } from "./routers/core/index.ts";
import { emailPassword } from "./routers/email-password/index.ts";

/** The features of every instance, in their order; those of `plugins` follow. */
export const builtInFeatures = [core, emailPassword] as const;
