import { scryptSync } from "node:crypto";
import { betterAuth } from "better-auth-express";
import express from "express";
import mongoose from "mongoose";
import { nameOf, readServerSettings, serve } from "./child.ts";

/** As in production, with limits that a load from one address does not reach. */
const rateLimit = { enabled: true, customRules: { "/**": { window: 10, max: 1_000_000_000 } } };

const { uri, secret, baseURL, monitor, officialFormat } = readServerSettings();

/** What one hash costs: by default, or in the official format. */
const HASH = officialFormat
  ? { N: 2 ** 14, r: 16, p: 1, maxmem: 2 ** 26 }
  : { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 26 };

let commands: string[] = [];
const database = monitor ? await monitored() : uri;

const auth = betterAuth({
  database,
  secret,
  baseURL,
  rateLimit,
  advanced: { compatibility: officialFormat ? "better-auth" : undefined },
  logger: { level: "error" },
});
await auth.ready();

const app = express();
app.use("/auth", auth);
app.get("/protected", auth.requireSession, (req, res) => {
  res.json(req.auth.user);
});
serve(app, {
  commands() {
    const sent = commands;
    commands = [];
    return sent;
  },
  /** Microseconds of processor time that one hash takes. */
  hash() {
    const before = process.cpuUsage();
    scryptSync("Lantern-7-orchard", "0123456789abcdef", 64, HASH);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  },
});

async function monitored() {
  const connection = mongoose.createConnection(uri, { monitorCommands: true });
  connection.getClient().on("commandStarted", (event) => {
    commands.push(nameOf({ commandName: event.commandName, command: event.command }));
  });
  return connection.asPromise();
}
