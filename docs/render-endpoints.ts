import { z } from "zod";
import type { AnyEndpoint } from "../lib/endpoint.ts";
import { errorsOf } from "../lib/error-list.ts";
import type { Plugin } from "../lib/plugin.ts";
import { code, table } from "./markdown.ts";
import { isAddressCode } from "./remedies.ts";

const ACCESS: Readonly<Record<AnyEndpoint["access"], string>> = {
  server: "the server",
  public: "anyone",
  optional: "anyone; a session is read",
  session: "session",
  "session!": "session, always from the database",
  fresh: "fresh session",
  pending: "session, or pending sign-in",
};

/** Every endpoint: what it is for, who may call it, how often, and how it can fail. */
export function renderEndpoints(features: readonly Plugin[]): string {
  const all = features.flatMap((feature) => [...feature.endpoints]);
  const everywhere = sharedCodes(all);
  const ofWrites = sharedCodes(all.filter(writes)).filter((name) => !everywhere.includes(name));
  const head = ["Method", "Path", "`auth.api`", "Summary", "Access", "Limit", "Other codes"];

  const sections = features.map(({ id, endpoints, extends: others = {} }) => {
    const rows = endpoints.map((endpoint) => {
      const said = writes(endpoint) ? [...everywhere, ...ofWrites] : everywhere;
      const codes = Object.keys(errorsOf(endpoint)).filter((name) => !said.includes(name));
      return [
        ...routeOf(endpoint),
        code(endpoint.name),
        endpoint.summary,
        accessOf(endpoint),
        limitOf(endpoint),
        listed(codes),
      ];
    });
    return [`## ${id}`, table(head, rows), ...additions(others)].join("\n\n");
  });
  const shared = [
    `- every endpoint: ${listed(everywhere)}`,
    `- every endpoint with \`POST\`: ${listed(ofWrites)}`,
  ];
  return `${INTRODUCTION}\n\n${shared.join("\n")}\n\n${sections.join("\n\n")}\n`;
}

/** What a feature adds to endpoints of others. */
function additions(others: NonNullable<Plugin["extends"]>): string[] {
  const lines = Object.entries(others).map(([name, { body, response, errors }]) => {
    const added = [
      ["fields", body],
      ["in place of its answer", response instanceof z.ZodObject ? response.shape : undefined],
      ["codes", errors],
    ] as const;
    const parts = added
      .filter(([, names]) => names !== undefined)
      .map(([what, names = {}]) => [what, ...Object.keys(names).map(code)].join(" "));
    return `- ${code(name)}: ${parts.join("; ")}`;
  });
  return lines.length === 0 ? [] : [`Adds to other endpoints:\n\n${lines.join("\n")}`];
}

/** The codes of return addresses as one. */
function listed(codes: readonly string[]): string {
  const others = codes.filter((name) => !isAddressCode(name)).map(code);
  return [...others, ...(codes.some(isAddressCode) ? [ADDRESSES] : [])].join(" ");
}

const ADDRESSES = "and those of [return addresses](errors.md#return-addresses)";

function writes({ methods }: AnyEndpoint): boolean {
  return methods.includes("POST");
}

/** Codes that each of these endpoints can answer with. */
function sharedCodes(endpoints: readonly AnyEndpoint[]): string[] {
  const [first = [], ...others] = endpoints.map((endpoint) => Object.keys(errorsOf(endpoint)));
  return first.filter((name) => others.every((codes) => codes.includes(name)));
}

const INTRODUCTION = `# Endpoints

Made by \`npm run docs\` from the declarations in \`lib/routers\`. Paths are relative to where the router is mounted.
"Limit" is requests of one client in seconds, counted while \`rateLimit.enabled\`; "default" means \`rateLimit.max\` in
\`rateLimit.window\`. A defect of ours would be 500 \`INTERNAL_SERVER_ERROR\`. What each code means: [errors.md](errors.md).

Codes that are not repeated in the tables:`;

/** The short form for the README. */
export function renderEndpointSummary(features: readonly Plugin[]): string {
  const rows = features.flatMap(({ endpoints }) =>
    endpoints.map((endpoint) => [...routeOf(endpoint), endpoint.summary, accessOf(endpoint)]),
  );
  return table(["Method", "Path", "What it does", "Access"], rows);
}

function routeOf({ methods, paths }: AnyEndpoint): [methods: string, paths: string] {
  return [methods.join(", "), paths.map(code).join(" ")];
}

function accessOf({ access, credentials }: AnyEndpoint): string {
  return credentials ? `${ACCESS[access]}; not impersonated` : ACCESS[access];
}

function limitOf({ rateLimit }: AnyEndpoint): string {
  return rateLimit === undefined
    ? "default"
    : `${String(rateLimit.max)} in ${String(rateLimit.window)} s`;
}
