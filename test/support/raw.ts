import { once } from "node:events";
import { connect, type AddressInfo } from "node:net";
import type { Server } from "node:http";

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The text read as JSON; undefined when it is none. */
  readonly body: unknown;
}

/**
 * Sends a request that no HTTP client would make.
 *
 * @param head request line and headers; `Connection: close` is added
 */
export async function sendRaw(
  server: Server,
  head: readonly string[],
  body: string | Buffer = "",
): Promise<RawAnswer> {
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.write([...head, "Connection: close", "", ""].join("\r\n"), "latin1");
  socket.write(body);
  await once(socket, "end");
  socket.destroy();
  return readAnswer(Buffer.concat(chunks).toString("utf8"));
}

function readAnswer(answer: string): RawAnswer {
  const headEnd = answer.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = answer.slice(0, headEnd).split("\r\n");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const text = answer.slice(headEnd + 4);
  return {
    status: Number(statusLine.split(" ")[1]),
    headers: Object.fromEntries(headers),
    text,
    body: readJson(text),
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
