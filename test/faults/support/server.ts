// Started as a process of its own, with its settings as JSON in the only argument; tells its port when it listens.
import { once } from "node:events";
import { createServer } from "node:http";
import express from "express";
import mongoose, { type Connection } from "mongoose";
import { betterAuth } from "../../../lib/index.ts";
import type { AppSettings, ServerSettings } from "./processes.ts";

/** Dies, as by a power cut, as soon as the server has acknowledged an insert into this collection. */
function dieAfterInsert(connection: Connection, collection: string): void {
  const inserts = new Set<number>();
  connection.getClient().on("commandStarted", ({ commandName, command, requestId }) => {
    if (commandName === "insert" && command["insert"] === collection) inserts.add(requestId);
  });
  connection.getClient().on("commandSucceeded", ({ requestId }) => {
    if (inserts.has(requestId)) process.kill(process.pid, "SIGKILL");
  });
}

async function createAuth({ uri, options, dieAfter }: AppSettings) {
  let database: Connection | string = uri;
  if (dieAfter !== undefined) {
    database = await mongoose.createConnection(uri, { monitorCommands: true }).asPromise();
    dieAfterInsert(database, dieAfter);
  }
  return betterAuth({
    baseURL: "http://app.test",
    secret: "secret of a test server, long enough",
    logger: { disabled: true },
    ...options,
    database,
  });
}

async function main({ apps }: ServerSettings): Promise<void> {
  const app = express();
  for (const [name, settings] of Object.entries(apps)) {
    app.use(`/${name}`, await createAuth(settings));
  }
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address === "object") process.send?.({ port: address?.port });
}

const settings: unknown = JSON.parse(process.argv[2] ?? "{}");
await main(settings as ServerSettings);
