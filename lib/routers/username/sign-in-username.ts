import type { UsernameRules } from "./schemas.ts";
export function signInUsername(rules: UsernameRules) { return rules; }
