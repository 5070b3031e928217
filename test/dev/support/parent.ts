// Started as a process of its own: `parent.ts <dbPath or ""> <"serve" or "leave">`.
import { mongo } from "mongoose";
import { startEmbeddedMongo } from "../../../lib/dev/index.ts";

const [dbPath = "", manner] = process.argv.slice(2);

async function main(): Promise<void> {
  const server = await startEmbeddedMongo({
    dbPath: dbPath === "" ? undefined : dbPath,
    // Which port is free is not what the test asks.
    log: (line) => {
      if (!line.startsWith("port ")) console.error(line);
    },
  });
  const client = await mongo.MongoClient.connect(server.uri);
  await client.db().collection("note").insertOne({ text: "kept" });
  if (manner === "leave") await client.close();
  if (manner === "serve") setInterval(() => undefined, 1_000);
  process.once(
    "SIGINT",
    () =>
      void client
        .close()
        .then(server.stop)
        .then(() => process.exit(0)),
  );
  console.log(JSON.stringify({ pid: server.pid, port: server.port }));
}

void main();
