/** Passwords that no endpoint sets: what is wrong with one, the password, the code. */
export const REFUSED_PASSWORDS = [
  ["is short", "short-7", "PASSWORD_TOO_SHORT"],
  ["is long", "x1".repeat(65), "PASSWORD_TOO_LONG"],
  ["is common", "Password123", "PASSWORD_COMPROMISED"],
  ["is one character repeated", "zzzzzzzzzz", "PASSWORD_COMPROMISED"],
] as const;
