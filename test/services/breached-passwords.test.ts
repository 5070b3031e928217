import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import request from "supertest";
import { BREACH_CHECK_MS } from "../../lib/services/breached-passwords.ts";
import {
  cookieHeader,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
} from "../support/app.ts";
import { createOutbox } from "../support/outbox.ts";
import { assertRefusal } from "../support/refusal.ts";

const SERVICE = "https://api.pwnedpasswords.com";
const BREACHED = "Correct-7-breached-horse";
const UNKNOWN = "Harbour-9-lighthouse";
const MESSAGE =
  "The password you entered has been compromised. Please choose a different password.";

const sha1 = (password: string): string =>
  createHash("sha1").update(password).digest("hex").toUpperCase();
const suffix = (password: string): string => sha1(password).slice(5);

/** The service, answering as each test wants; `asked` holds the requests that came. */
interface Service {
  readonly server: Server;
  readonly url: string;
  readonly asked: IncomingMessage[];
  answer: (res: ServerResponse) => unknown;
}

async function startService(): Promise<Service> {
  const asked: IncomingMessage[] = [];
  const server = createServer((req, res) => {
    asked.push(req);
    service.answer(res);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const service: Service = { server, url, asked, answer: (res) => res.end(padded()) };
  return service;
}

/** An answer that lists these suffixes with their counts, among others. */
function padded(...listed: readonly (readonly [suffix: string, count: number])[]): string {
  const others = Array.from({ length: 900 }, (_, n) => [suffix(`other ${n}`), n % 3] as const);
  return [...others, ...listed].map(([rest, count]) => `${rest}:${count}`).join("\r\n");
}

describe("emailAndPassword.haveIBeenPwned", () => {
  const outbox = createOutbox();
  let service: Service;
  let t: TestApp;
  before(async () => {
    service = await startService();
    t = await startApp({
      emailAndPassword: {
        enabled: true,
        haveIBeenPwned: true,
        sendResetPassword: outbox.sender("reset"),
      },
      fetch: toService,
    });
  });
  const toService: typeof fetch = (input, init) => {
    assert.ok(typeof input === "string" && input.startsWith(`${SERVICE}/range/`));
    return fetch(input.replace(SERVICE, service.url), init);
  };
  beforeEach(() => {
    service.answer = (res) => res.end(padded());
    service.asked.length = 0;
    t.logged.length = 0;
  });
  after(async () => {
    service.server.closeAllConnections();
    service.server.close();
    await t.stop();
  });

  let addresses = 0;
  const signUp = (password: string) => {
    addresses += 1;
    const body = { name: "Ada", email: `breach-${addresses}@example.com`, password };
    return request(t.server).post("/auth/sign-up/email").send(body);
  };

  /** The one warning, which tells neither the password nor any part of its hash. */
  function assertWarned(password: string, reason: RegExp): void {
    assert.equal(t.logged.length, 1, t.logged.join("; "));
    const [line = ""] = t.logged;
    assert.match(line, /^warn: a new password was not looked up among breached ones: /);
    assert.match(line, reason);
    assert.ok(!line.includes(password));
    assert.ok(!line.toUpperCase().includes(sha1(password).slice(0, 5)));
  }

  describe("given a service that answers", () => {
    it("when the password is listed, then it is refused and nothing is written", async () => {
      service.answer = (res) => res.end(padded([suffix(BREACHED), 3]));
      const users = () => t.database.collection("user").countDocuments();
      const before = await users();
      assertRefusal(await signUp(BREACHED), [400, "PASSWORD_COMPROMISED", MESSAGE]);
      assert.equal(await users(), before);
      assert.deepEqual(t.logged, []);
    });

    it("when it asks, then for five digits of the hash, with padding", async () => {
      await signUp(BREACHED).expect(200);
      assert.deepEqual(
        service.asked.map(({ method, url, headers }) => [method, url, headers["add-padding"]]),
        [["GET", `/range/${sha1(BREACHED).slice(0, 5)}`, "true"]],
      );
    });

    it("when the password is not listed, then it is taken, without a word", async () => {
      await signUp(UNKNOWN).expect(200);
      assert.equal(service.asked.length, 1);
      assert.deepEqual(t.logged, []);
    });

    it("when the password is among the padding, whose count is 0, then it is taken", async () => {
      service.answer = (res) => res.end(padded([suffix(BREACHED), 0]));
      await signUp(BREACHED).expect(200);
    });

    it("when the lines end as on Unix, then they are read as well", async () => {
      service.answer = (res) => res.end(`${padded([suffix(BREACHED), 1]).replaceAll("\r", "")}\n`);
      await signUp(BREACHED).expect(400);
    });

    it("when the password is typed in another Unicode form, then it is the same one", async () => {
      service.answer = (res) => res.end(padded([suffix(BREACHED), 1]));
      await signUp(BREACHED.replace("C", "Ｃ")).expect(400);
    });

    for (const [what, password, code] of [
      ["too short", "Ab-1", "PASSWORD_TOO_SHORT"],
      ["too long", "Ab-1".repeat(40), "PASSWORD_TOO_LONG"],
      ["in the built-in list", "password123", "PASSWORD_COMPROMISED"],
    ] as const) {
      it(`when the password is ${what}, then nobody is asked`, async () => {
        assertRefusal(await signUp(password), [400, code]);
        assert.deepEqual(service.asked, []);
      });
    }
  });

  describe("given a service that fails", () => {
    for (const [how, answer, reason] of [
      ["answers 500", (res) => res.writeHead(500).end(padded([suffix(BREACHED), 1])), /status 500/],
      ["answers 404", (res) => res.writeHead(404).end(), /status 404/],
      ["sends elsewhere", (res) => res.writeHead(302, { Location: "/" }).end(), /TypeError/],
      ["drops the connection", (res) => res.destroy(), /TypeError/],
      [
        "drops it within the answer",
        (res) => {
          res.write(padded([suffix(BREACHED), 1]));
          setTimeout(() => res.destroy(), 50);
        },
        /TypeError/,
      ],
      ["answers with a page", (res) => res.end("<html>Please sign in</html>"), /no list of hashes/],
      ["answers with nothing", (res) => res.end(), /no list of hashes/],
      [
        "answers with a list and a page",
        (res) => res.end(`${padded([suffix(BREACHED), 1])}\r\n<html>`),
        /no list of hashes/,
      ],
      ["answers with bytes", (res) => res.end(Buffer.alloc(5000, 0xff)), /no list of hashes/],
      [
        "sends more than a megabyte",
        (res) => res.end(`${padded([suffix(BREACHED), 1])}\r\n`.repeat(40)),
        /too long/,
      ],
    ] as const satisfies readonly (readonly [string, Service["answer"], RegExp])[]) {
      it(`when it ${how}, then the password is taken and a warning logged`, async () => {
        service.answer = answer;
        await signUp(BREACHED).expect(200);
        assertWarned(BREACHED, reason);
      });
    }

    for (const [how, answer] of [
      ["does not answer", () => undefined],
      [
        "answers drop by drop",
        (res: ServerResponse) => {
          const drops = setInterval(() => res.write(`${suffix(String(Math.random()))}:1\r\n`), 100);
          res.on("close", () => {
            clearInterval(drops);
          });
        },
      ],
    ] as const) {
      it(`when it ${how}, then the password is taken after 2 s`, async () => {
        service.answer = answer;
        const start = performance.now();
        await signUp(BREACHED).expect(200);
        const spent = performance.now() - start;
        assert.ok(spent > BREACH_CHECK_MS - 50 && spent < BREACH_CHECK_MS + 1500, `${spent} ms`);
        assertWarned(BREACHED, /TimeoutError/);
      });
    }

    it("when the app's own fetch throws, then what it says of the address is not logged", async () => {
      const prefix = sha1(BREACHED).slice(0, 5);
      const app = await startApp({
        emailAndPassword: { enabled: true, haveIBeenPwned: true },
        fetch: (input) => Promise.reject(new Error(`request to ${input as string} failed`)),
      });
      await app.givenUser({ password: BREACHED });
      assert.equal(app.logged.length, 1);
      assert.ok(!app.logged.join().includes(prefix));
      await app.stop();
    });
  });

  describe("given the other endpoints that set a password", () => {
    const breached = (res: ServerResponse) => res.end(padded([suffix(BREACHED), 1]));
    const post = (path: string, cookie: string, body: object) =>
      request(t.server).post(`/auth${path}`).set({ cookie, origin: TEST_ORIGIN }).send(body);

    it("when a password is changed to it, then it is refused and the old one stays", async () => {
      const user = await t.givenUser();
      service.answer = breached;
      const body = { currentPassword: TEST_PASSWORD, newPassword: BREACHED };
      const answer = await post("/change-password", user.cookie, body);
      assertRefusal(answer, [400, "PASSWORD_COMPROMISED", MESSAGE]);
      await t.givenSession(user);
    });

    it("when a password is reset to it, then it is refused and the token stays", async () => {
      const { email } = await t.givenUser();
      await post("/request-password-reset", "", { email }).expect(200);
      const { token } = await outbox.next();
      service.answer = breached;
      const answer = await post("/reset-password", "", { token, newPassword: BREACHED });
      assertRefusal(answer, [400, "PASSWORD_COMPROMISED", MESSAGE]);
      service.answer = (res) => res.end(padded());
      await post("/reset-password", "", { token, newPassword: UNKNOWN }).expect(200);
    });

    it("when a first password is set to it, then it is refused", async () => {
      const { cookie } = await t.givenUser();
      await t.auth.models.Account.updateMany({}, { $unset: { password: 1 } });
      service.answer = breached;
      const answer = await post("/set-password", cookie, { newPassword: BREACHED });
      assertRefusal(answer, [400, "PASSWORD_COMPROMISED", MESSAGE]);
    });
  });

  it("when a user signs in, then nobody is asked", async () => {
    const user = await t.givenUser({ password: UNKNOWN });
    service.asked.length = 0;
    await t.givenSession(user);
    assert.deepEqual(service.asked, []);
  });

  it("when common passwords are allowed, then breached ones are refused all the same", async () => {
    service.answer = (res) => res.end(padded([suffix("password123"), 250_000]));
    const app = await startApp({
      emailAndPassword: { enabled: true, haveIBeenPwned: true, blockCommonPasswords: false },
      fetch: toService,
    });
    const body = { name: "Ada", email: "ada@example.com", password: "password123" };
    const answer = await request(app.server).post("/auth/sign-up/email").send(body);
    assertRefusal(answer, [400, "PASSWORD_COMPROMISED"]);
    assert.equal(cookieHeader(answer), "");
    await app.stop();
  });

  it("when the option is off, then nobody is asked", async () => {
    const app = await startApp({ fetch: () => assert.fail("asked") });
    await app.givenUser({ password: BREACHED });
    await app.stop();
  });
});
