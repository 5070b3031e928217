import assert from "node:assert/strict";
import request from "supertest";
import { PasswordQueueFull } from "../../lib/crypto/password.ts";
import type { AuthOptions } from "../../lib/index.ts";
import {
  KNOWN_DEVICE_COUNTS,
  KNOWN_DEVICE_MAX_AGE,
  MAX_DELAY_MS,
  MAX_KNOWN_ACCOUNTS,
} from "../../lib/services/guess-guard.ts";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  TEST_SECRET,
  type TestApp,
  type TestUser,
} from "../support/app.ts";
import { until } from "../support/outbox.ts";
import { assertRefusal, headersOf } from "../support/refusal.ts";
import { signed, tampered } from "../support/sessions.ts";

const REFUSED = [429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later."] as const;
const WRONG = [401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password"] as const;
const COOKIE = "better-auth.known_device";
const GUESS = "Trumpet-4-harbour";
/** Of the guarded apps, unless a test says otherwise. */
const MAX_FAILURES = 3;

type Limits = NonNullable<AuthOptions["rateLimit"]>;

/** An app whose checks of passwords are counted. */
interface GuardedApp extends TestApp {
  /** Checks of a stored password since the test began. */
  readonly checks: () => number;
  readonly forgetChecks: () => void;
  /** Makes the next checks wait until the returned function is called. */
  readonly hold: () => () => void;
  /** What the next check throws. */
  fail: Error | null;
}

describe("guardGuesses", () => {
  const running: TestApp[] = [];
  /** For all tests that need no options; each has its own accounts. */
  let usual: GuardedApp;
  before(async () => {
    usual = await start();
    running.pop();
  });
  beforeEach(() => {
    usual.forgetChecks();
  });
  const releases: (() => void)[] = [];
  afterEach(async () => {
    for (const release of releases.splice(0)) release();
    for (const t of running.splice(0)) await t.stop();
  });
  after(() => usual.stop());

  async function start(rateLimit: Limits = {}, options: AuthOptions = {}): Promise<GuardedApp> {
    let checks = 0;
    let held = Promise.resolve();
    const password = {
      hash: (text: string) => Promise.resolve(`plain:${text}`),
      async verify({ hash, password: text }: { hash: string; password: string }) {
        checks += 1;
        await held;
        const { fail } = app;
        app.fail = null;
        if (fail !== null) throw fail;
        return hash === `plain:${text}`;
      },
    };
    const t = await startApp({
      ...options,
      emailAndPassword: { enabled: true, password, ...options.emailAndPassword },
      rateLimit: {
        enabled: true,
        customRules: { "/**": false },
        account: { maxFailures: MAX_FAILURES },
        ...rateLimit,
      },
    });
    const app: GuardedApp = {
      ...t,
      checks: () => checks,
      forgetChecks() {
        checks = 0;
      },
      hold() {
        let release = (): void => undefined;
        held = new Promise((resolve) => {
          release = resolve;
        });
        return release;
      },
      fail: null,
    };
    running.push(app);
    return app;
  }

  const signIn = (t: TestApp, email: string, password: string, cookie?: string) =>
    request(t.server)
      .post("/auth/sign-in/email")
      .set(cookie === undefined ? {} : { cookie, origin: TEST_ORIGIN })
      .send({ email, password });

  const guess = async (t: TestApp, email: string, times: number, cookie?: string) => {
    const statuses: number[] = [];
    for (let time = 0; time < times; time += 1) {
      statuses.push((await signIn(t, email, GUESS, cookie)).status);
    }
    return statuses;
  };

  /** The pair for a `Cookie` header that tells the known device. */
  const deviceOf = (response: request.Response): string =>
    setCookies(response)
      .find((line) => line.startsWith(`${COOKIE}=`))
      ?.split(";")[0] ?? "";

  /** Only the known-device cookie of a user's browser, without the session. */
  const givenDevice = async (t: TestApp, { email }: Pick<TestUser, "email">): Promise<string> =>
    deviceOf(await signIn(t, email, TEST_PASSWORD).expect(200));

  describe("given three wrong passwords for an account", () => {
    it("when there is a fourth, then it is refused before the password is looked at", async () => {
      const t = usual;
      const { email } = await t.givenUser();
      assert.deepEqual(await guess(t, email, MAX_FAILURES), [401, 401, 401]);
      assertRefusal(await signIn(t, email, GUESS), REFUSED);
      assert.equal(t.checks(), MAX_FAILURES);
    });

    it("when the right password comes from a stranger, then it is refused too", async () => {
      const t = usual;
      const { email, password } = await t.givenUser();
      await guess(t, email, MAX_FAILURES);
      assertRefusal(await signIn(t, email, password), REFUSED);
      assert.equal(t.checks(), MAX_FAILURES);
    });

    it("when one is refused, then it says when to come back, and then it is let in", async () => {
      const t = await start({ account: { maxFailures: MAX_FAILURES, window: 600 } });
      const { email, password } = await t.givenUser();
      await guess(t, email, MAX_FAILURES);
      t.clock.advance(100);
      const headers = headersOf(await signIn(t, email, GUESS));
      const seconds = Number(headers["retry-after"]);
      assert.ok(seconds > 480 && seconds <= 500, String(seconds));
      assert.equal(headers["x-retry-after"], headers["retry-after"]);
      t.clock.advance(480);
      await signIn(t, email, password).expect(429);
      t.clock.advance(21);
      await signIn(t, email, password).expect(200);
    });

    it("when the address is written in other letters, then it is the same account", async () => {
      const t = usual;
      const { email } = await t.givenUser();
      await guess(t, email, MAX_FAILURES);
      assert.deepEqual(await guess(t, email.toUpperCase(), 1), [429]);
    });

    it("when another account is signed in to, then it is let in", async () => {
      const t = usual;
      const [victim, other] = [await t.givenUser(), await t.givenUser()];
      await guess(t, victim.email, MAX_FAILURES);
      await signIn(t, other.email, other.password).expect(200);
    });

    it("when auth.api is asked, then it is refused as well", async () => {
      const t = usual;
      const { email, password } = await t.givenUser();
      await guess(t, email, MAX_FAILURES);
      await assert.rejects(t.auth.api.signInEmail({ body: { email, password } }), {
        status: 429,
        code: "TOO_MANY_REQUESTS",
      });
    });
  });

  describe("given an account that does not exist", () => {
    it("when it is guessed, then the answers are those of one that does", async () => {
      const t = usual;
      const { email } = await t.givenUser();
      for (let time = 0; time < MAX_FAILURES + 2; time += 1) {
        const known = await signIn(t, email, GUESS);
        const unknown = await signIn(t, "nobody@example.com", GUESS);
        assertRefusal(known, time < MAX_FAILURES ? WRONG : REFUSED);
        assert.deepEqual(unknown.body, known.body);
        assert.equal(unknown.status, known.status);
        const names = (answer: request.Response) => Object.keys(headersOf(answer)).toSorted();
        assert.deepEqual(names(unknown), names(known));
      }
    });

    it("when it is made later, then what was counted before still counts", async () => {
      const t = usual;
      await guess(t, "late@example.com", MAX_FAILURES);
      const { password, email } = await t.givenUser({ email: "late@example.com" });
      await signIn(t, email, password).expect(429);
    });
  });

  describe("given many guesses at once", () => {
    for (const storage of ["memory", "database"] as const) {
      it(`when ${storage} counts, then no more than allowed reach the check`, async () => {
        const t = await start({ storage });
        const { email } = await t.givenUser();
        const release = t.hold();
        releases.push(release);
        const asked = Array.from({ length: 20 }, () => Promise.resolve(signIn(t, email, GUESS)));
        const refused: number[] = [];
        for (const one of asked) void one.then(({ status }) => refused.push(status));
        // All that are refused are answered while the others are still being checked.
        await until(() => refused.length === 20 - MAX_FAILURES, "some wait for the check");
        assert.deepEqual(new Set(refused), new Set([429]));
        release();
        const statuses = (await Promise.all(asked)).map(({ status }) => status);
        assert.equal(statuses.filter((status) => status === 401).length, MAX_FAILURES);
        assert.equal(t.checks(), MAX_FAILURES);
      });
    }
  });

  describe("given right passwords", () => {
    it("when there are more than failures are allowed, then all are let in", async () => {
      const t = usual;
      const { email, password } = await t.givenUser();
      for (let time = 0; time < MAX_FAILURES + 2; time += 1) {
        await signIn(t, email, password).expect(200);
      }
    });

    it("when they come between wrong ones, then only the wrong ones count, and still do", async () => {
      const t = usual;
      const { email, password } = await t.givenUser();
      await guess(t, email, MAX_FAILURES - 1);
      await signIn(t, email, password).expect(200);
      await signIn(t, email, password).expect(200);
      assert.deepEqual(await guess(t, email, 2), [401, 429]);
    });

    for (const storage of ["memory", "database"] as const) {
      it(`when they come often and ${storage} counts, then they do not keep old failures alive`, async () => {
        const t = await start({ storage, account: { maxFailures: 2, window: 600 } });
        const { email, password } = await t.givenUser();
        await guess(t, email, 1);
        t.clock.advance(500);
        await signIn(t, email, password).expect(200);
        t.clock.advance(200);
        assert.deepEqual(await guess(t, email, 3), [401, 401, 429]);
      });
    }

    it("when the address must be verified first, then that is no failure", async () => {
      const t = await start({}, { emailAndPassword: { requireEmailVerification: true } });
      const { email, password } = { email: "new@example.com", password: TEST_PASSWORD };
      const body = { name: "Ada", email, password };
      await request(t.server).post("/auth/sign-up/email").send(body).expect(200);
      for (let time = 0; time < MAX_FAILURES + 1; time += 1) {
        await signIn(t, email, password).expect(403);
      }
    });
  });

  describe("given checks that fail for reasons of ours", () => {
    for (const [what, error, status] of [
      ["the password queue is full", new PasswordQueueFull(), 503],
      ["something unexpected happens", new Error("unexpected"), 500],
    ] as const) {
      it(`when ${what}, then it does not count`, async () => {
        const t = usual;
        const { email, password } = await t.givenUser();
        for (let time = 0; time < MAX_FAILURES + 1; time += 1) {
          t.fail = error;
          await signIn(t, email, GUESS).expect(status);
        }
        await signIn(t, email, password).expect(200);
      });
    }
  });

  describe("given the known-device cookie", () => {
    it("when a user signs in or up, then it is set for 400 days, out of reach of scripts", async () => {
      const t = usual;
      const { email, password } = await t.givenUser();
      const up = await request(t.server)
        .post("/auth/sign-up/email")
        .send({ name: "Bob", email: "bob@example.com", password })
        .expect(200);
      for (const response of [up, await signIn(t, email, password).expect(200)]) {
        const line = setCookies(response).find((set) => set.startsWith(`${COOKIE}=`)) ?? "";
        assert.deepEqual(
          line.split("; ").slice(1).toSorted(),
          [
            "HttpOnly",
            `Max-Age=${String(KNOWN_DEVICE_MAX_AGE)}`,
            "Path=/",
            "SameSite=Lax",
          ].toSorted(),
        );
      }
      assert.equal(KNOWN_DEVICE_MAX_AGE, 400 * 86_400);
    });

    it("when cookies are secure, then it is too", async () => {
      const t = await start({}, { baseURL: "https://app.test" });
      const { email, password } = await t.givenUser();
      const lines = setCookies(await signIn(t, email, password).expect(200));
      const line = lines.find((set) => set.startsWith(`__Secure-${COOKIE}=`)) ?? "";
      assert.match(line, /; Secure/);
    });

    it("when the password is wrong or refused, then it is not set", async () => {
      const t = usual;
      const { email } = await t.givenUser();
      for (let time = 0; time < MAX_FAILURES + 1; time += 1) {
        assert.deepEqual(setCookies(await signIn(t, email, GUESS)), []);
      }
    });

    it("when it is read, then it names neither account nor user", async () => {
      const t = usual;
      const user = await t.givenUser();
      const value = decodeURIComponent(await givenDevice(t, user));
      assert.ok(!value.includes(user.email) && !value.includes(user.id));
      assert.match(value, /=[A-Za-z0-9]{16}![\w-]{22}\.[A-Za-z0-9+/]{43}=$/);
    });

    it("when strangers have used the count up, then the owner signs in from a known browser", async () => {
      const t = usual;
      const user = await t.givenUser();
      const device = await givenDevice(t, user);
      await guess(t, user.email, MAX_FAILURES + 1);
      await signIn(t, user.email, user.password).expect(429);
      await signIn(t, user.email, user.password, device).expect(200);
    });

    it("when it is used for guessing, then it has a limited count of its own", async () => {
      const t = usual;
      const user = await t.givenUser();
      const device = await givenDevice(t, user);
      assert.deepEqual(await guess(t, user.email, MAX_FAILURES + 1, device), [401, 401, 401, 429]);
      await signIn(t, user.email, user.password, device).expect(429);
      await signIn(t, user.email, user.password).expect(200);
    });

    it("when someone has many of them, then they share a limited number of counts", async () => {
      const t = await start({ account: { maxFailures: 1 } });
      const user = await t.givenUser();
      const devices: string[] = [];
      for (let n = 0; n < KNOWN_DEVICE_COUNTS * 3; n += 1) devices.push(await givenDevice(t, user));
      const before = t.checks();
      for (const device of devices) await guess(t, user.email, 2, device);
      assert.ok(t.checks() - before <= KNOWN_DEVICE_COUNTS);
    });

    it("when several accounts use one browser, then it is known to each of the latest", async () => {
      const t = usual;
      const users: TestUser[] = [];
      let device = "";
      for (let n = 0; n <= MAX_KNOWN_ACCOUNTS; n += 1) {
        const user = await t.givenUser();
        device = deviceOf(await signIn(t, user.email, user.password, device || "a=b").expect(200));
        users.push(user);
      }
      const statuses: number[] = [];
      for (const { email, password } of users) {
        await guess(t, email, MAX_FAILURES);
        statuses.push((await signIn(t, email, password, device)).status);
      }
      assert.deepEqual(statuses, [429, 200, 200, 200, 200, 200]);
    });

    it("when a user signs in again, then it keeps its place and is not listed twice", async () => {
      const t = usual;
      const user = await t.givenUser();
      const device = await givenDevice(t, user);
      const again = deviceOf(await signIn(t, user.email, user.password, device).expect(200));
      assert.equal(again, device);
    });

    describe("given an account whose count is used up", () => {
      const decoded = (device: string) => decodeURIComponent(device.slice(COOKIE.length + 1));
      const payloadOf = (device: string) => decoded(device).split(".")[0] ?? "";
      const cookieOf = (value: string) => `${COOKIE}=${encodeURIComponent(value)}`;

      const attacks: Readonly<
        Record<string, (device: string, own: string, email: string) => string>
      > = {
        "of another account": (_device, own) => own,
        "without a signature": (device) => cookieOf(payloadOf(device)),
        "with a wrong signature": (device) => cookieOf(tampered(payloadOf(device))),
        "with the mark of the account put in": (device, own) => {
          const [, signature = ""] = decoded(own).split(".");
          const mark = payloadOf(device).split("!")[1] ?? "";
          return cookieOf(`${payloadOf(own)}!${mark}.${signature}`);
        },
        "that is a signed session": () => cookieOf(signed("a".repeat(32))),
        "that is signed and empty": () => cookieOf(signed("")),
        "that names the address instead": (_device, _own, email) => cookieOf(signed(`x!${email}`)),
        "under the name of the session": (device) =>
          `better-auth.session-token=${device.slice(COOKIE.length + 1)}`,
      };

      for (const [what, forge] of Object.entries(attacks)) {
        it(`when a cookie ${what} is presented, then it is no known device`, async () => {
          const t = usual;
          const [victim, attacker] = [await t.givenUser(), await t.givenUser()];
          const device = await givenDevice(t, victim);
          const own = await givenDevice(t, attacker);
          await guess(t, victim.email, MAX_FAILURES);
          await signIn(t, victim.email, victim.password, device).expect(200);
          const forged = forge(device, own, victim.email);
          await signIn(t, victim.email, victim.password, forged).expect(429);
        });
      }
    });

    it("when the secret was changed and the old one is still accepted, then the device is still known", async () => {
      const user = await usual.givenUser();
      const device = await givenDevice(usual, user);
      const secrets = [
        { version: 1, value: "another-secret-another-secret-another!" },
        { version: 0, value: TEST_SECRET },
      ];
      const second = await start({}, { secrets });
      await second.givenUser({ email: user.email });
      await guess(second, user.email, MAX_FAILURES);
      await signIn(second, user.email, user.password, device).expect(200);
    });
  });

  describe("given a password reset", () => {
    async function startWithMail(rateLimit: Limits = {}) {
      const tokens: string[] = [];
      const sendResetPassword = ({ token }: { readonly token: string }) => {
        tokens.push(token);
        return Promise.resolve();
      };
      const t = await start(rateLimit, { emailAndPassword: { sendResetPassword } });
      const reset = async (email: string, newPassword: string, cookie?: string) => {
        await request(t.server).post("/auth/request-password-reset").send({ email }).expect(200);
        await until(() => tokens.length > 0, "no mail");
        return request(t.server)
          .post("/auth/reset-password")
          .set(cookie === undefined ? {} : { cookie, origin: TEST_ORIGIN })
          .send({ token: tokens.pop(), newPassword })
          .expect(200);
      };
      return { t, reset };
    }
    const NEW_PASSWORD = "Pebble-9-lighthouse";

    it("when the owner has proven themselves by mail, then the failures are forgiven", async () => {
      const { t, reset } = await startWithMail();
      const { email } = await t.givenUser();
      await guess(t, email, MAX_FAILURES);
      await reset(email, NEW_PASSWORD);
      await signIn(t, email, NEW_PASSWORD).expect(200);
    });

    it("when guessing goes on, then the browser of the reset is let in", async () => {
      const { t, reset } = await startWithMail();
      const { email } = await t.givenUser();
      await guess(t, email, MAX_FAILURES);
      const device = deviceOf(await reset(email, NEW_PASSWORD));
      await guess(t, email, MAX_FAILURES);
      await signIn(t, email, NEW_PASSWORD).expect(429);
      await signIn(t, email, NEW_PASSWORD, device).expect(200);
    });

    it("when a known device had used up its own count, then it is let in too", async () => {
      const { t, reset } = await startWithMail();
      const user = await t.givenUser();
      const device = await givenDevice(t, user);
      await guess(t, user.email, MAX_FAILURES + 1, device);
      await reset(user.email, NEW_PASSWORD, device);
      await signIn(t, user.email, NEW_PASSWORD, device).expect(200);
    });

    it("when the token is wrong, then nothing is forgiven and no device becomes known", async () => {
      const { t } = await startWithMail();
      const { email } = await t.givenUser();
      await guess(t, email, MAX_FAILURES);
      const response = await request(t.server)
        .post("/auth/reset-password")
        .send({ token: "a".repeat(24), newPassword: NEW_PASSWORD })
        .expect(400);
      assert.deepEqual(setCookies(response), []);
      assert.deepEqual(await guess(t, email, 1), [429]);
    });

    it("when nothing is guarded, then no device cookie is set", async () => {
      const { t, reset } = await startWithMail({ account: false });
      const { email } = await t.givenUser();
      assert.equal(deviceOf(await reset(email, NEW_PASSWORD)), "");
    });
  });

  describe("given a delay that grows with the failures", () => {
    const timed = async (work: PromiseLike<unknown>): Promise<number> => {
      const started = performance.now();
      await work;
      return performance.now() - started;
    };
    const givenFailures = async (t: TestApp, email: string, failures: number): Promise<void> => {
      await guess(t, email, 1);
      const { modifiedCount } = await t.database
        .collection("rateLimit")
        .updateOne({ key: /^guess/ }, { $set: { count: failures - 1 } });
      assert.equal(modifiedCount, 1);
    };

    for (const [failures, atLeastMs] of [
      [15, 99],
      [35, 299],
      [1000, MAX_DELAY_MS - 1],
    ] as const) {
      it(`when it is failure ${failures}, then the answer takes ${atLeastMs + 1} ms or more`, async () => {
        const t = await start({ storage: "database", account: { maxFailures: 2000 } });
        await givenFailures(t, "nobody@example.com", failures);
        const ms = await timed(signIn(t, "nobody@example.com", GUESS));
        assert.ok(ms >= atLeastMs, String(ms));
      });
    }

    it("when there are very many, then it is capped", async () => {
      const t = await start({ storage: "database", account: { maxFailures: 2_000_000 } });
      await givenFailures(t, "nobody@example.com", 1_000_000);
      const ms = await timed(signIn(t, "nobody@example.com", GUESS));
      assert.ok(ms < 20 * MAX_DELAY_MS, String(ms));
    });
  });

  describe("given a signed-in user", () => {
    const asked: Readonly<Record<string, (password: string) => object>> = {
      "/verify-password": (password) => ({ password }),
      "/change-password": (currentPassword) => ({ currentPassword, newPassword: GUESS }),
      "/delete-user": (password) => ({ password }),
    };

    for (const [path, bodyOf] of Object.entries(asked)) {
      it(`when ${path} is used for guessing, then it is refused before the password is looked at`, async () => {
        const t = await start({}, { user: { deleteUser: { enabled: true } } });
        const { email, password, token } = await t.givenUser();
        const ask = (text: string) =>
          request(t.server)
            .post(`/auth${path}`)
            .set({ authorization: `Bearer ${token}` })
            .send(bodyOf(text));
        for (let time = 0; time < MAX_FAILURES; time += 1) {
          assertRefusal(await ask(GUESS), [400, "INVALID_PASSWORD", "Invalid password"]);
        }
        assertRefusal(await ask(password), REFUSED);
        assert.equal(t.checks(), MAX_FAILURES);
        await signIn(t, email, password).expect(200);
      });

      it(`when strangers guess, then ${path} is not locked`, async () => {
        const t = await start({}, { user: { deleteUser: { enabled: true } } });
        const { email, password, token } = await t.givenUser();
        await guess(t, email, MAX_FAILURES + 1);
        await request(t.server)
          .post(`/auth${path}`)
          .set({ authorization: `Bearer ${token}` })
          .send(bodyOf(password))
          .expect(200);
      });
    }

    it("when the three are mixed, then they share one count", async () => {
      const t = await start({}, { user: { deleteUser: { enabled: true } } });
      const { token } = await t.givenUser();
      const statuses: number[] = [];
      for (const [path, bodyOf] of [...Object.entries(asked), ...Object.entries(asked)]) {
        const response = await request(t.server)
          .post(`/auth${path}`)
          .set({ authorization: `Bearer ${token}` })
          .send(bodyOf(GUESS));
        statuses.push(response.status);
      }
      assert.deepEqual(statuses, [400, 400, 400, 429, 429, 429]);
    });
  });

  describe("given what is stored", () => {
    it("when failures and mails are counted, then no address, name or id of a user is among it", async () => {
      const sendResetPassword = () => Promise.resolve();
      const t = await start({ storage: "database" }, { emailAndPassword: { sendResetPassword } });
      const user = await t.givenUser({ email: "grace.hopper@example.com", name: "Grace" });
      await guess(t, user.email, 2);
      await guess(t, "unknown.person@example.com", 1);
      for (const email of [user.email, "unknown.person@example.com"]) {
        await request(t.server).post("/auth/request-password-reset").send({ email }).expect(200);
      }
      await request(t.server)
        .post("/auth/verify-password")
        .set({ authorization: `Bearer ${user.token}` })
        .send({ password: GUESS })
        .expect(400);
      const rows = await t.database.collection("rateLimit").find().toArray();
      const keys = rows.map(({ key }) => String(key)).toSorted();
      assert.equal(keys.length, 5);
      for (const key of keys) assert.match(key, /^(?:guess\|[\w-]{22}|mail-reset\|[\w-]{43})$/);
      const text = JSON.stringify(rows);
      for (const known of ["example.com", "hopper", "Grace", user.id]) {
        assert.ok(!text.includes(known), known);
      }
    });

    it("when the secret differs, then so do the keys", async () => {
      const keysWith = async (secret: string): Promise<string[]> => {
        const t = await start({ storage: "database" }, { secret });
        await guess(t, "ada@example.com", 1);
        const rows = await t.database.collection("rateLimit").find().toArray();
        return rows.map(({ key }) => String(key));
      };
      const [first, second] = [await keysWith("a".repeat(40)), await keysWith("b".repeat(40))];
      assert.equal(first.length, 1);
      assert.notDeepEqual(first, second);
    });
  });

  describe("given that it is off", () => {
    for (const [what, rateLimit] of [
      ["rateLimit.account is false", { account: false }],
      ["rate limits are off", { enabled: false }],
    ] as const) {
      it(`when ${what}, then every guess is looked at and no device is known`, async () => {
        const t = await start(rateLimit);
        const user = await t.givenUser();
        const statuses = await guess(t, user.email, MAX_FAILURES + 3);
        assert.deepEqual(new Set(statuses), new Set([401]));
        assert.equal(t.checks(), MAX_FAILURES + 3);
        assert.equal(await givenDevice(t, user), "");
      });
    }

    it("when nothing is said, then 50 failures in an hour are allowed", async () => {
      const t = await startApp({ rateLimit: { enabled: true } });
      running.push(t);
      assert.deepEqual(t.auth.config.rateLimit.account, { maxFailures: 50, window: 3600 });
    });
  });

  describe("given a store that fails", () => {
    const breakCollection = async (t: TestApp): Promise<void> => {
      await t.auth.ready();
      const validator = { never: { $exists: true } };
      await t.database.db?.command({ collMod: "rateLimit", validator });
    };

    it("when onStoreFailure is closed, then it answers 503 and looks at no password", async () => {
      const t = await start({ storage: "database" });
      const { email, password } = await t.givenUser();
      await breakCollection(t);
      assertRefusal(await signIn(t, email, password), [503, "SERVICE_UNAVAILABLE"]);
      assert.equal(t.checks(), 0);
    });

    it("when onStoreFailure is open, then passwords are looked at", async () => {
      const t = await start({ storage: "database", onStoreFailure: "open" });
      const { email, password } = await t.givenUser();
      await breakCollection(t);
      await signIn(t, email, password).expect(200);
      await signIn(t, email, GUESS).expect(401);
    });
  });
});
