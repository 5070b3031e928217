import { errorsOf } from "../lib/error-list.ts";
import { coreErrors } from "../lib/errors.ts";
import type { Plugin } from "../lib/plugin.ts";
import { code, table } from "./markdown.ts";
import { isAddressCode, REMEDIES } from "./remedies.ts";

interface Row {
  readonly name: string;
  readonly status: number;
  readonly message: string;
  readonly endpoints: string[];
}

/** Where a code comes from that no endpoint declares. */
const ELSEWHERE: Readonly<Partial<Record<keyof typeof coreErrors, string>>> = {
  FORBIDDEN: "`requireAdmin`",
  TWO_FACTOR_REQUIRED: "guards with `twoFactor: true`",
  NOT_FOUND: "unknown paths",
  METHOD_NOT_ALLOWED: "known paths, other methods",
  INTERNAL_SERVER_ERROR:
    "anywhere: a defect, or an error that your hook threw; the log has the cause",
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
  const addresses = rows.filter(({ name }) => isAddressCode(name));
  const others = rows.filter(({ name }) => !isAddressCode(name));
  assertKnown(rows.map(({ name }) => name));
  const cells = others.map((row) => [...cellsOf(row), row.where, REMEDIES[row.name] ?? ""]);
  const main = table(["Status", "Code", "Message", "From", "What to do"], cells);
  const ofAddresses = table(["Status", "Code", "Message"], addresses.map(cellsOf));
  return `${INTRODUCTION}\n\n${main}\n\n${ADDRESSES}\n\n${ofAddresses}\n`;
}

function cellsOf({ status, name, message }: Row): string[] {
  return [String(status), code(name), message];
}

/** A remedy whose code is gone would never be read again. */
function assertKnown(names: readonly string[]): void {
  const unknown = Object.keys(REMEDIES).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`docs: no endpoint answers with ${unknown.join(", ")}`);
}

const INTRODUCTION = `# Errors

Made by \`npm run docs\` from the declarations in \`lib\`. Every error is JSON, \`{ "code": "…", "message": "…" }\`. Branch on the
code; messages may name a field instead of the text here (\`VALIDATION_ERROR\`). 429 and 503 carry \`Retry-After\` in
seconds. Endpoints are given by their names on \`auth.api\`; the middleware answers with \`UNAUTHORIZED\`, \`BANNED_USER\`,
\`SESSION_NOT_FRESH\`, \`TWO_FACTOR_ENROLMENT_REQUIRED\`, \`FORBIDDEN\` and \`SERVICE_UNAVAILABLE\` too.`;

const ADDRESSES = `## Return addresses

From every endpoint with \`POST\`, whether or not it has a use for the address, and from those with \`GET\` that send a browser on.

What to do: use a path of the app (\`/welcome\`), or add the origin of the address to \`trustedOrigins\`. What an address may look
like: [protocol, section 5](protocol.md#5-origins-and-return-addresses). 400: give it once, as a text.`;

function whereOf(endpoints: readonly string[], all: readonly string[]): string {
  const others = all.filter((name) => !endpoints.includes(name));
  if (others.length === 0) return "every endpoint";
  if (others.length > all.length / 3) return endpoints.map(code).join(", ");
  return `every endpoint but ${others.map(code).join(", ")}`;
}
