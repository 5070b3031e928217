import { once } from "node:events";
import { createServer } from "node:net";

/** The only address a mongod of ours listens on. */
export const HOST = "127.0.0.1";

/** Whether nothing listens on the port of {@link HOST}; another process may still take it a moment later. */
export async function isFree(port: number): Promise<boolean> {
  return (await tryListen(port)) !== undefined;
}

/** A port nothing listens on, chosen by the system. */
export async function findFreePort(): Promise<number> {
  const port = await tryListen(0);
  if (port === undefined) throw new Error(`no free port on ${HOST}`);
  return port;
}

async function tryListen(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, HOST);
    await once(server, "listening");
    const address = server.address();
    return address === null || typeof address === "string" ? undefined : address.port;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
