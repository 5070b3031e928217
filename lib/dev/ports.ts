import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const CLOSING_MS = 1000;
const CLOSING_STEP_MS = 50;

/** The only address a mongod of ours listens on. */
export const HOST = "127.0.0.1";

/** Whether nothing listens on the port of {@link HOST}; another process may still take it a moment later. */
export async function isFree(port: number): Promise<boolean> {
  return (await tryListen(port)) !== undefined;
}

/** As `isFree`, for a port whose server has just ended: the system may take a moment to close it. */
export async function isSoonFree(port: number): Promise<boolean> {
  for (let waited = 0; waited < CLOSING_MS; waited += CLOSING_STEP_MS) {
    if (await isFree(port)) return true;
    await sleep(CLOSING_STEP_MS);
  }
  return isFree(port);
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
