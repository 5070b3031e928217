import { subscribe } from "node:diagnostics_channel";
import { errorsOf } from "../../lib/error-list.ts";
import { allFeatures } from "../../docs/features.ts";
import { OUTCOME_CHANNEL, type Outcome } from "../../lib/index.ts";

const observed = new Map<string, Set<string>>();

/** Notes how every call of an endpoint in this process ends. */
export function observeOutcomes(): void {
  subscribe(OUTCOME_CHANNEL, (message) => {
    const { endpoint, status, code } = message as Outcome;
    const codes = observed.get(endpoint) ?? new Set();
    codes.add(code ?? (status < 400 ? "success" : String(status)));
    observed.set(endpoint, codes);
  });
}

/**
 * Compares what was seen with what the endpoints declare.
 *
 * @throws Error that lists the outcomes that were never seen, and those that are not declared; without a stack
 */
export function checkOutcomes(): void {
  const missing: string[] = [];
  const undeclared: string[] = [];
  for (const endpoint of allFeatures.flatMap(({ endpoints }) => [...endpoints])) {
    const declared = new Set(["success", ...Object.keys(errorsOf(endpoint))]);
    const seen = observed.get(endpoint.name) ?? new Set<string>();
    for (const code of declared) if (!seen.has(code)) missing.push(`${endpoint.name}: ${code}`);
    // A defect of ours is in no list; tests that provoke one do so on purpose.
    declared.add("INTERNAL_SERVER_ERROR");
    // What an app throws in its hooks is its own, and so is a change that one of them refuses by returning false.
    declared.add("FORBIDDEN");
    for (const code of seen) if (code.startsWith("APP_")) declared.add(code);
    for (const code of seen) if (!declared.has(code)) undeclared.push(`${endpoint.name}: ${code}`);
  }
  const lines = [
    ...listed("outcomes that no test has seen", missing),
    ...listed("outcomes that are seen, but not declared", undeclared),
  ];
  if (lines.length === 0) return;
  const failure = new Error(lines.join("\n"));
  failure.stack = failure.message;
  throw failure;
}

function listed(title: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${title}:`, ...names.map((name) => `  ${name}`)];
}
