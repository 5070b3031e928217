import express from "express";
import { nameOf, readServerSettings, serve, type SentCommand } from "./child.ts";

// The packages are not among ours: `--official <folder>` names a folder that has them.
interface Official {
  readonly betterAuth: (options: object) => {
    readonly handler: (request: Request) => Promise<Response>;
    readonly api: {
      getSession(input: { headers: Headers }): Promise<{ readonly user: object } | null>;
    };
  };
}
interface NodeIntegration {
  readonly toNodeHandler: (auth: object) => express.RequestHandler;
  readonly fromNodeHeaders: (headers: express.Request["headers"]) => Headers;
}
interface Adapter {
  readonly mongodbAdapter: (database: object, options: object) => object;
}
interface Driver {
  MongoClient: new (
    uri: string,
    options: object,
  ) => {
    connect(): Promise<unknown>;
    db(): object;
    on(event: string, listener: (event: SentCommand) => void): void;
  };
}

async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

const { betterAuth } = await load<Official>("better-auth");
const { toNodeHandler, fromNodeHeaders } = await load<NodeIntegration>("better-auth/node");
const { mongodbAdapter } = await load<Adapter>("better-auth/adapters/mongodb");
const { MongoClient } = await load<Driver>("mongodb");

const { uri, secret, baseURL, monitor } = readServerSettings();
let commands: string[] = [];
const client = new MongoClient(uri, { monitorCommands: monitor });
client.on("commandStarted", (event) => {
  commands.push(nameOf(event));
});
await client.connect();

const auth = betterAuth({
  database: mongodbAdapter(client.db(), { client }),
  secret,
  baseURL,
  basePath: "/auth",
  emailAndPassword: { enabled: true },
  // It has nothing to limit here, and so is spared the work; ours is not.
  rateLimit: { enabled: false },
});

const app = express();
app.all("/auth/*path", toNodeHandler(auth));
app.get("/protected", async (req, res) => {
  const active = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
  if (active === null) res.status(401).end();
  else res.json(active.user);
});
serve(app, {
  commands() {
    const sent = commands;
    commands = [];
    return sent;
  },
});
