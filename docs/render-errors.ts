import { errorsOf } from "../lib/error-list.ts";
import { coreErrors } from "../lib/errors.ts";
import type { Plugin } from "../lib/plugin.ts";
import { code, table } from "./markdown.ts";

interface Row {
  readonly name: string;
  readonly status: number;
  readonly message: string;
  readonly endpoints: string[];
}

/** Where a code comes from that no endpoint declares. */
const ELSEWHERE: Readonly<Partial<Record<keyof typeof coreErrors, string>>> = {
  FORBIDDEN: "`requireAdmin`",
  NOT_FOUND: "unknown paths",
  METHOD_NOT_ALLOWED: "known paths, other methods",
  INTERNAL_SERVER_ERROR: "anywhere: a defect, whose cause is in the log",
};

/** Every code with status, message and the endpoints that answer with it. */
export function renderErrors(features: readonly Plugin[]): string {
  const endpoints = features.flatMap((feature) => feature.endpoints);
  const found = new Map<string, Row>();
  for (const endpoint of endpoints) {
    for (const [name, [status, message]] of Object.entries(errorsOf(endpoint))) {
      const key = `${name} ${String(status)} ${message}`;
      const row = found.get(key) ?? { name, status, message, endpoints: [] };
      found.set(key, row);
      row.endpoints.push(endpoint.name);
    }
  }
  const all = endpoints.map(({ name }) => name);
  const rows = [...found.values()].map((row) => ({ ...row, where: whereOf(row.endpoints, all) }));
  for (const [name, where] of Object.entries(ELSEWHERE)) {
    const [status, message] = coreErrors[name as keyof typeof coreErrors];
    rows.push({ name, status, message, endpoints: [], where });
  }
  rows.sort((a, b) => a.status - b.status || (a.name < b.name ? -1 : 1));
  const cells = rows.map((row) => [String(row.status), code(row.name), row.message, row.where]);
  return `${INTRODUCTION}\n\n${table(["Status", "Code", "Message", "From"], cells)}\n`;
}

const INTRODUCTION = `# Errors

Made by \`npm run docs\` from the declarations in \`lib\`. Every error is JSON, \`{ "code": "…", "message": "…" }\`. Branch on the
code; messages may name a field instead of the text here (\`VALIDATION_ERROR\`). 429 and 503 carry \`Retry-After\` in
seconds. Endpoints are given by their names on \`auth.api\`; the middleware answers with \`UNAUTHORIZED\`, \`BANNED_USER\`,
\`SESSION_NOT_FRESH\`, \`FORBIDDEN\` and \`SERVICE_UNAVAILABLE\`.`;

function whereOf(endpoints: readonly string[], all: readonly string[]): string {
  const others = all.filter((name) => !endpoints.includes(name));
  if (others.length === 0) return "every endpoint";
  if (others.length > all.length / 3) return endpoints.map(code).join(", ");
  return `every endpoint but ${others.map(code).join(", ")}`;
}
