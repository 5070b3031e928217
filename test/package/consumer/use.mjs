const start = performance.now();
const { betterAuth } = await import("better-auth-express");
const importMs = performance.now() - start;
const { startMongo } = await import("better-auth-express/dev");
const { default: express } = await import("express");
const { tryOut } = await import("./try-out.mjs");

await tryOut({ betterAuth, startMongo, express, importMs });
