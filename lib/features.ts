import { z } from "zod";
import type { AnyEndpoint } from "./endpoint.ts";
import type { Extension, Plugin } from "./plugin.ts";
import { core } from "./routers/core/index.ts";
import { emailPassword } from "./routers/email-password/index.ts";

/** The features of every instance, in their order; those of `plugins` follow. */
export const builtInFeatures = [core, emailPassword] as const;

/** The features with what each adds to endpoints of the others. */
export function extendFeatures(features: readonly Plugin[]): readonly Plugin[] {
  const extensions = features.flatMap((feature) => Object.entries(feature.extends ?? {}));
  if (extensions.length === 0) return features;
  return features.map((feature) => ({
    ...feature,
    endpoints: feature.endpoints.map((endpoint) =>
      extensions
        .filter(([name]) => name === endpoint.name)
        .reduce((extended, [, extension]) => extend(extended, extension), endpoint),
    ),
  }));
}

function extend(
  endpoint: AnyEndpoint,
  { body = {}, response, errors = {} }: Extension,
): AnyEndpoint {
  return {
    ...endpoint,
    body: endpoint.body instanceof z.ZodObject ? endpoint.body.extend(body) : endpoint.body,
    response: response === undefined ? endpoint.response : z.union([endpoint.response, response]),
    errors: { ...endpoint.errors, ...errors },
  };
}
