/** Where mails are handed in. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly secure: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
}

/** Ports of RFC 6409 and RFC 8314. */
const PORTS = { "smtp:": 587, "smtps:": 465 } as const;

/** Reads `smtp://user:password@host:port`; undefined when it is anything else. */
export function parseServerUrl(text: string): MailServer | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text);
  if (protocol !== "smtp:" && protocol !== "smtps:") return undefined;
  if (hostname === "" || (pathname !== "" && pathname !== "/") || search !== "" || hash !== "") {
    return undefined;
  }
  const user = decode(username);
  const pass = decode(password);
  if (user === undefined || pass === undefined) return undefined;
  return {
    // Of an IPv6 address a socket wants no brackets.
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? PORTS[protocol] : Number(port),
    secure: protocol === "smtps:",
    auth: user === "" && pass === "" ? undefined : { user, pass },
  };
}

/** Whether a connection to the host stays on this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
