import { subscribe } from "node:diagnostics_channel";
import assert from "node:assert/strict";
import { errorsOf } from "../../lib/error-list.ts";
import { builtInFeatures } from "../../lib/features.ts";
import type { Plugin } from "../../lib/plugin.ts";
import { OUTCOME_CHANNEL, type Outcome } from "../../lib/index.ts";

/** Every feature of the package. */
export const allFeatures: readonly Plugin[] = builtInFeatures;

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

/** Fails when a declared outcome of any endpoint was never seen, or one was seen that is not declared. */
export function checkOutcomes(): void {
  const missing: string[] = [];
  const undeclared: string[] = [];
  for (const endpoint of allFeatures.flatMap(({ endpoints }) => [...endpoints])) {
    const declared = new Set(["success", ...Object.keys(errorsOf(endpoint))]);
    const seen = observed.get(endpoint.name) ?? new Set<string>();
    for (const code of declared) if (!seen.has(code)) missing.push(`${endpoint.name}: ${code}`);
    for (const code of seen) if (!declared.has(code)) undeclared.push(`${endpoint.name}: ${code}`);
  }
  assert.deepEqual(
    { missing, undeclared },
    { missing: [], undeclared: [] },
    "outcomes of endpoints",
  );
}
