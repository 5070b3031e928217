import { readFileSync } from "node:fs";
import { allFeatures, separateFeatures } from "./features.ts";
import { renderEndpoints, renderEndpointSummary } from "./render-endpoints.ts";
import { renderErrors } from "./render-errors.ts";
import { renderChosenOptions, renderOptions } from "./render-options.ts";

/** The options that the README shows. */
const README_OPTIONS = [
  "baseURL",
  "secret",
  "database",
  "trustedOrigins",
  "emailAndPassword.enabled",
  "emailAndPassword.minPasswordLength",
  "session.expiresIn",
  "session.updateAge",
  "session.freshAge",
  "rateLimit.enabled",
  "advanced.useSecureCookies",
  "advanced.compatibility",
  "adminRoles",
];

const README = new URL("../README.md", import.meta.url);

/** Everything that `npm run docs` writes: path from the root of the project → content as it should be. */
export function generatedDocuments(): ReadonlyMap<string, string> {
  const readme = [
    ["endpoints", renderEndpointSummary(separateFeatures)],
    ["options", renderChosenOptions(README_OPTIONS)],
  ] as const;
  return new Map([
    ["docs/endpoints.md", renderEndpoints(separateFeatures)],
    ["docs/errors.md", renderErrors(allFeatures)],
    ["docs/options.md", renderOptions()],
    ["README.md", readme.reduce(replaceSection, readFileSync(README, "utf8"))],
  ]);
}

/** Replaces what stands between the two markers of this name. */
function replaceSection(text: string, [name, content]: readonly [string, string]): string {
  const [start, end] = [`<!-- ${name}: made by npm run docs -->`, `<!-- end of ${name} -->`];
  const [before, rest] = text.split(start);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) {
    throw new Error(`README.md lacks the markers of "${name}"`);
  }
  const unformatted = ["<!-- prettier-ignore-start -->", content, "<!-- prettier-ignore-end -->"];
  return `${before}${start}\n\n${unformatted.join("\n\n")}\n\n${end}${after}`;
}
