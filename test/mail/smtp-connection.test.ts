import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { inspect } from "node:util";
import { smtpMailer, type SmtpMailer, type SmtpMailerOptions } from "../../lib/mail/index.ts";
import { startMailServer, TEST_CERTIFICATE, type MailServer } from "../support/mail.ts";

const user = {
  id: "0123456789abcdef01234567",
  name: "Ada",
  email: "ada@example.com",
  emailVerified: true,
  image: null,
  createdAt: new Date(0),
  updatedAt: new Date(0),
};
const mail = { user, url: "https://app.example/x?token=tok123", token: "tok123" };
const from = "no-reply@orchard.example";

/** Runs with a mailer, and closes it. */
async function withMailer(
  options: Omit<SmtpMailerOptions, "from">,
  work: (mailer: SmtpMailer) => Promise<void>,
): Promise<void> {
  const mailer = smtpMailer({ from, ...options });
  try {
    await work(mailer);
  } finally {
    await mailer.close();
  }
}

/** A TCP server that answers connections with this. */
async function startRawServer(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onConnection(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 3000;
  while (!condition()) {
    assert(Date.now() < end, "it did not happen within 3 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("smtpMailer() connections", () => {
  const servers: { readonly stop: () => Promise<void> }[] = [];
  const start = async (...settings: Parameters<typeof startMailServer>): Promise<MailServer> => {
    const server = await startMailServer(...settings);
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  describe("given a server", () => {
    it("when many mails are sent, then a few connections carry them", async () => {
      const server = await start();
      await withMailer({ url: server.url }, async (mailer) => {
        await Promise.all(Array.from({ length: 30 }, () => mailer.resetPassword(mail)));
        assert.equal(server.messages.length, 30);
        assert(server.connectionsEver() <= 5, `${server.connectionsEver()} connections`);
      });
    });

    it("when the mailer is closed, then mails under way arrive and its connections end", async () => {
      const server = await start();
      server.delayMs = 100;
      const mailer = smtpMailer({ from, url: server.url });
      const sent = [mailer.resetPassword(mail), mailer.verification(mail)];
      await mailer.close();
      await Promise.all(sent);
      assert.equal(server.messages.length, 2);
      await until(() => server.connections() === 0);
    });

    it("when a mail is handed to a closed mailer, then it is rejected", async () => {
      const server = await start();
      const mailer = smtpMailer({ from, url: server.url });
      await mailer.close();
      await mailer.close();
      await assert.rejects(mailer.resetPassword(mail), /the mailer is closed/);
      await assert.rejects(mailer.verify(), /the mailer is closed/);
    });

    it("when it ends an idle connection, then the next mail takes a new one", async () => {
      const server = await start();
      await withMailer({ url: server.url }, async (mailer) => {
        await mailer.resetPassword(mail);
        await server.stop();
        servers.length = 0;
        await assert.rejects(mailer.resetPassword(mail), /ECONNREFUSED|closed/);
      });
    });
  });

  describe("given credentials in the URL", () => {
    const credentials = { user: "ada@example.com", pass: "p@ss/wörd:%?" };

    it("when they are right, then mails go out", async () => {
      const server = await start({ credentials });
      await withMailer({ url: server.url }, async (mailer) => {
        await mailer.verify();
        await mailer.resetPassword(mail);
        assert.equal((await server.next()).link, mail.url);
      });
    });

    it("when they are wrong, then the error tells the reason and not them", async () => {
      const server = await start({ credentials });
      const url = server.url.replace("p%40ss", "wr%40ng");
      await withMailer({ url }, async (mailer) => {
        for (const attempt of [mailer.verify(), mailer.resetPassword(mail)]) {
          await assert.rejects(attempt, (error: Error) => {
            assert.match(error.message, /Invalid login: 535 \*\*\* cannot sign in with \*\*\*$/);
            const everything = inspect(error, { depth: 9, showHidden: true });
            assert.doesNotMatch(everything, /wr(@|%40)ng|wörd|ada(@|%40)example/);
            return true;
          });
        }
        assert.equal(server.messages.length, 0);
      });
    });

    it("when TLS is required and not offered, then nothing is sent, not even they", async () => {
      const server = await start({ credentials });
      await withMailer({ url: server.url, requireTLS: true }, async (mailer) => {
        await assert.rejects(
          mailer.resetPassword(mail),
          /127\.0\.0\.1:\d+: .*(TLS|Upgrad|502|500)/i,
        );
        assert.equal(server.messages.length, 0);
      });
    });
  });

  describe("given a server with TLS", () => {
    for (const tls of [true, "starttls"] as const) {
      it(`when its certificate is unknown (${String(tls)}), then nothing is sent to it`, async () => {
        const server = await start({ tls });
        await withMailer({ url: server.url }, async (mailer) => {
          await assert.rejects(mailer.resetPassword(mail), /certificate/);
          await assert.rejects(mailer.verify(), /certificate/);
        });
      });

      it(`when the app names its authority (${String(tls)}), then mails go out`, async () => {
        const server = await start({ tls });
        const options = { url: server.url, tls: { ca: TEST_CERTIFICATE }, requireTLS: true };
        await withMailer(options, async (mailer) => {
          await mailer.resetPassword(mail);
          assert.equal((await server.next()).link, mail.url);
        });
      });
    }
  });

  describe("given no server that answers", () => {
    it("when nothing listens, then the mail is rejected at once", async () => {
      const server = await startRawServer(() => undefined);
      await server.stop();
      await withMailer({ url: `smtp://ada:s3cret@127.0.0.1:${server.port}` }, async (mailer) => {
        const failure = /127\.0\.0\.1:\d+: .*ECONNREFUSED/;
        await assert.rejects(mailer.resetPassword(mail), failure);
        await assert.rejects(mailer.verify(), failure);
      });
    });

    it("when it never greets, then the mail is rejected in time", async () => {
      const silent = await startRawServer(() => undefined);
      servers.push(silent);
      const options = { url: `smtp://127.0.0.1:${silent.port}`, timeoutMs: 300 };
      await withMailer(options, async (mailer) => {
        const begin = Date.now();
        await assert.rejects(mailer.resetPassword(mail), /Greeting never received/);
        await assert.rejects(mailer.verify(), /Greeting never received/);
        assert(Date.now() - begin < 1500);
      });
    });

    it("when it drips its greeting for ever, then the mail is rejected in time", async () => {
      const dripping = await startRawServer((socket) => {
        socket.write("220 hello\r\n");
        const timer = setInterval(() => socket.write("250-still here\r\n"), 20);
        socket.on("close", () => {
          clearInterval(timer);
        });
      });
      servers.push(dripping);
      const options = { url: `smtp://127.0.0.1:${dripping.port}`, timeoutMs: 300 };
      await withMailer(options, async (mailer) => {
        await assert.rejects(mailer.resetPassword(mail), /no answer within 300 ms/);
        await assert.rejects(mailer.verify(), /no answer within 300 ms/);
      });
    });

    it("when it takes too long over a mail, then those that wait are rejected too", async () => {
      const server = await start();
      server.delayMs = 60_000;
      await withMailer({ url: server.url, timeoutMs: 300 }, async (mailer) => {
        const begin = Date.now();
        const all = Array.from({ length: 12 }, () => mailer.resetPassword(mail));
        const ends = await Promise.allSettled(all);
        assert(ends.every(({ status }) => status === "rejected"));
        assert(Date.now() - begin < 2000, "each waits for itself, not for those before it");
        server.delayMs = 0;
        await mailer.resetPassword(mail);
      });
    });

    it("when it hangs up before it greets, then the mail is rejected", async () => {
      const rude = await startRawServer((socket) => socket.end());
      servers.push(rude);
      await withMailer({ url: `smtp://127.0.0.1:${rude.port}` }, async (mailer) => {
        await assert.rejects(mailer.resetPassword(mail), /after connection was closed/);
      });
    });
  });
});
