import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import postalMime, { type Email } from "postal-mime";
import { SMTPServer, type SMTPServerDataStream } from "smtp-server";

/** A mail that arrived. */
export interface ReceivedMail {
  /** Addresses of the envelope, where the mail really goes. */
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  /** Decoded; `"App <no-reply@example.com>"`. */
  readonly from: string;
  /** Addresses of the header. */
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** "" when there is none. */
  readonly html: string;
  /** Values by lower-case name; of a repeated header the last. */
  readonly headers: Readonly<Record<string, string>>;
  /** The first link in the text; "" when there is none. */
  readonly link: string;
  /** As transferred. */
  readonly raw: string;
}

/** How the server differs from the usual one. */
export interface MailServerSettings {
  /** Demanded of clients, and contained in `url`. Default: everyone may send. */
  readonly credentials?: { readonly user: string; readonly pass: string };
  /** `true`: TLS from the first byte; `"starttls"`: offered. With {@link TEST_CERTIFICATE}. Default: none. */
  readonly tls?: boolean | "starttls";
}

/** A real SMTP server on the loopback interface. */
export interface MailServer {
  /** For `smtpMailer()`. */
  readonly url: string;
  /** All mails so far, oldest first. */
  readonly messages: readonly ReceivedMail[];
  /** The oldest mail that was not asked for yet; waits for it, at most 5 s. */
  readonly next: () => Promise<ReceivedMail>;
  /** Refuses every further mail with this answer, until called with null. Default: 554 refused. */
  readonly refuse: (answer?: { readonly code: number; readonly text: string } | null) => void;
  /** Delay before a mail is taken, in milliseconds. */
  delayMs: number;
  /** Connections at this moment. */
  readonly connections: () => number;
  /** Connections since the start. */
  readonly connectionsEver: () => number;
  readonly stop: () => Promise<void>;
}

/** Self-signed, for 127.0.0.1 and nothing but these tests. */
export const TEST_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBTzCB9qADAgECAhRxFIqsPF3Pv4Lea2PCeeb11mm6oDAKBggqhkjOPQQDAjAU
MRIwEAYDVQQDDAkxMjcuMC4wLjEwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEw
MDAwMDBaMBQxEjAQBgNVBAMMCTEyNy4wLjAuMTBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABFrOLYwQVOeOS24BbDmqfsei6f0d3cJg6k0rPXIaEewkrKKW7Ux/qhAb
DuGjmYQ0jigMkuhZ8uHCoJCq26n0c+2jJDAiMA8GA1UdEQQIMAaHBH8AAAEwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA73+gDPU/5eoD0tppE3uH
d31YD0aRR55/G5YGycbuEccCIGRiO0358xi3w1hCFZsXz/0GPcYBDkI2poduPvT5
7011
-----END CERTIFICATE-----`;
const TEST_CERTIFICATE_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6iAbfpBO+l4tpZPn
csPSJ5m+iHjg7G99/Z9yn+RD6vWhRANCAARazi2MEFTnjktuAWw5qn7Houn9Hd3C
YOpNKz1yGhHsJKyilu1Mf6oQGw7ho5mENI4oDJLoWfLhwqCQqtup9HPt
-----END PRIVATE KEY-----`;

const WAIT_MS = 5000;
const POLL_MS = 5;

/** Starts a mail server that keeps what it is sent. */
export async function startMailServer(settings: MailServerSettings = {}): Promise<MailServer> {
  const { credentials, tls = false } = settings;
  const messages: ReceivedMail[] = [];
  let read = 0;
  let ever = 0;
  let refusal: Error | null = null;

  const server = new SMTPServer({
    secure: tls === true,
    ...(tls === false ? {} : { cert: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY }),
    authOptional: credentials === undefined,
    allowInsecureAuth: true,
    disabledCommands: tls === "starttls" ? [] : ["STARTTLS"],
    disableReverseLookup: true,
    onConnect(_session, done) {
      ever += 1;
      done();
    },
    onAuth({ username, password }, _session, done) {
      if (username === credentials?.user && password === credentials?.pass) {
        done(null, { user: username });
        return;
      }
      // As some servers do, it repeats what it was told.
      done(new Error(`${username ?? ""} cannot sign in with ${password ?? ""}`));
    },
    onData(stream, { envelope }, done) {
      const sender = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
      const recipients = envelope.rcptTo.map(({ address }) => address);
      receive(stream)
        .then(async (raw) => {
          await sleep(mailServer.delayMs);
          if (refusal === null) messages.push(await parse(raw, sender, recipients));
          done(refusal);
        })
        .catch(done);
    },
  });
  // A client that breaks off is an error for the server, and the business of the test.
  server.on("error", () => undefined);
  const listener = server.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;

  async function next(): Promise<ReceivedMail> {
    const end = Date.now() + WAIT_MS;
    while (messages.length <= read && Date.now() < end) await sleep(POLL_MS);
    const mail = messages[read];
    if (mail === undefined) throw new Error(`no mail arrived within ${WAIT_MS} ms`);
    read += 1;
    return mail;
  }

  const login = credentials === undefined ? "" : `${encode(credentials)}@`;
  const mailServer: MailServer = {
    url: `${tls === true ? "smtps" : "smtp"}://${login}127.0.0.1:${port}`,
    messages,
    next,
    refuse(answer = { code: 554, text: "refused" }) {
      refusal = answer && Object.assign(new Error(answer.text), { responseCode: answer.code });
    },
    delayMs: 0,
    connections: () => server.connections.size,
    connectionsEver: () => ever,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const connection of server.connections as Set<{ close: () => void }>) {
          connection.close();
        }
      }),
  };
  return mailServer;
}

function encode({ user, pass }: { readonly user: string; readonly pass: string }): string {
  return `${encodeURIComponent(user)}:${encodeURIComponent(pass)}`;
}

async function receive(stream: SMTPServerDataStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function parse(raw: string, from: string, to: readonly string[]): Promise<ReceivedMail> {
  const email = await postalMime.parse(raw);
  const text = email.text ?? "";
  return {
    envelope: { from, to },
    from: `${email.from?.name ?? ""} <${email.from?.address ?? ""}>`.trimStart(),
    to: addressesOf(email),
    subject: email.subject ?? "",
    text,
    html: email.html ?? "",
    headers: Object.fromEntries(email.headers.map(({ key, value }) => [key, value])),
    link: /https?:\/\/\S+/.exec(text)?.[0] ?? "",
    raw,
  };
}

function addressesOf({ to = [] }: Email): string[] {
  return to.flatMap(({ address }) => (address === undefined ? [] : [address]));
}
