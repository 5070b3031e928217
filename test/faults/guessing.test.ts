import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request as send, type IncomingMessage } from "node:http";
import { startApp, TEST_ORIGIN, type TestApp, type TestUser } from "../support/app.ts";

const GUESSES = 10_000;
const ADDRESSES = 500;
/** Guesses from each address. */
const ROUNDS = GUESSES / ADDRESSES;
/** Longer than the window in which an address may sign in three times: no guess is refused for its address. */
const ROUND_SECONDS = 11;
/** Guesses that are under way at the same time. */
const AT_ONCE = 50;
/** Of all guesses, so many may reach the check of the password. */
const MAX_CHECKS = 100;

const addressOf = (n: number): string => `198.51.${String(n >> 8)}.${String(n & 255)}`;

describe("POST /sign-in/email, 10,000 guesses at one account from 500 addresses", function () {
  this.timeout(90_000);
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  let t: TestApp;
  let user: TestUser;
  /** Checks of a password, of the attacker and of the owner. */
  const checked = { guesses: 0, owner: 0 };
  const statuses = new Map<number, number>();
  const ownerStatuses: number[] = [];

  /** Without the test client, which takes longer than the server. */
  const signIn = async (password: string, headers: Readonly<Record<string, string>>) => {
    const body = JSON.stringify({ email: user.email, password });
    const sending = send(`${t.url}/auth/sign-in/email`, {
      agent,
      method: "POST",
      headers: { "Content-Type": "application/json", "Content-Length": body.length, ...headers },
    });
    sending.end(body);
    const [response] = (await once(sending, "response")) as [IncomingMessage];
    response.resume();
    await once(response, "end");
    return response.statusCode ?? 0;
  };

  const guess = async (n: number): Promise<void> => {
    const headers = { "X-Forwarded-For": addressOf(n % ADDRESSES) };
    const status = await signIn(`guess ${String(n)}`, headers);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };

  before(async () => {
    const password = {
      hash: (text: string) => Promise.resolve(`plain:${text}`),
      verify({ hash, password: text }: { hash: string; password: string }) {
        checked[text.startsWith("guess ") ? "guesses" : "owner"] += 1;
        return Promise.resolve(hash === `plain:${text}`);
      },
    };
    t = await startApp(
      { emailAndPassword: { enabled: true, password }, rateLimit: { enabled: true } },
      { before: (app) => app.set("trust proxy", true) },
    );
    user = await t.givenUser();
    // Of the browser that signed up, the session is over.
    const device = user.cookie.split("; ").find((pair) => pair.includes("known_device")) ?? "";
    const owner = { "X-Forwarded-For": "203.0.113.7", Cookie: device, Origin: TEST_ORIGIN };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let first = 0; first < ADDRESSES; first += AT_ONCE) {
        const numbers = Array.from({ length: AT_ONCE }, (_, n) => round * ADDRESSES + first + n);
        await Promise.all(numbers.map(guess));
      }
      ownerStatuses.push(await signIn(user.password, owner));
      t.clock.advance(ROUND_SECONDS);
    }
  });
  after(async () => {
    agent.destroy();
    await t.stop();
  });

  it("when they are over, then at most 100 were looked at", () => {
    const { guesses } = checked;
    assert.ok(guesses > 0 && guesses <= MAX_CHECKS, String(guesses));
    assert.deepEqual(Object.fromEntries(statuses), { 401: guesses, 429: GUESSES - guesses });
  });

  it("when they are under way, then the owner signs in each time from the browser that did before", () => {
    assert.deepEqual(
      ownerStatuses,
      Array.from({ length: ROUNDS }, () => 200),
    );
    assert.equal(checked.owner, ROUNDS);
  });
});
