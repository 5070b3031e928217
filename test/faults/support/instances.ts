// Started as a process of its own, with `{ uri }` as JSON in the only argument: one instance for each way in which an
// app can give its database. Tells its port when it listens; told "close", it ends the instances and then itself.
import { once } from "node:events";
import { createServer } from "node:http";
import express from "express";
import mongoose from "mongoose";
import { betterAuth, type AuthOptions } from "../../../lib/index.ts";

const { uri } = JSON.parse(process.argv[2] ?? "{}") as { uri: string };

const options: AuthOptions = {
  baseURL: "http://app.test",
  secret: "secret of a test server, long enough",
  logger: { disabled: true },
  emailAndPassword: { enabled: true, password: { cost: { logN: 8, r: 8, p: 1 } } },
};

async function main(): Promise<void> {
  delete process.env["MONGODB_URI"];
  // As an app would, except that it goes on when its own connection cannot be opened at first.
  const connections = [mongoose.createConnection(uri), mongoose.createConnection(uri)] as const;
  for (const connection of connections) connection.asPromise().catch(() => undefined);
  const instances = {
    uri: betterAuth({ ...options, database: uri }),
    connection: betterAuth({ ...options, database: connections[0] }),
    default: betterAuth(options),
    late: betterAuth({ ...options, database: connections[1] }),
  };
  mongoose.connect(uri).catch(() => undefined);

  const app = express();
  for (const [name, auth] of Object.entries(instances)) {
    app.use(`/${name}`, auth);
    app.get(`/${name}-guarded`, auth.requireSession, (_req, res) => {
      res.json({ passed: true });
    });
    app.get(`/${name}-admin`, auth.requireAdmin, (_req, res) => {
      res.json({ passed: true });
    });
  }
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address === "object") process.send?.({ port: address?.port });

  await once(process, "message");
  server.close();
  server.closeAllConnections();
  await Promise.all(Object.values(instances).map((auth) => auth.close()));
  process.send?.("closed");
  await mongoose.disconnect();
  process.disconnect();
}

await main();
