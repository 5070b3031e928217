import assert from "node:assert/strict";
import { mongo } from "mongoose";
import request from "supertest";
import { hashOfficialPassword, hashPassword } from "../../../lib/crypto/password.ts";
import type { AuthOptions } from "../../../lib/index.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_COST,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";

interface SignedIn {
  readonly redirect: boolean;
  readonly token: string;
  readonly url: string | null;
  readonly user: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly session: Readonly<Record<string, unknown>>;
}

const SESSION_COOKIE = "better-auth.session-token";
const FORGET_COOKIE = "better-auth.dont_remember";
const REFUSED = { code: "INVALID_EMAIL_OR_PASSWORD", message: "Invalid email or password" };

const send = (t: TestApp, body: object) => request(t.server).post("/auth/sign-in/email").send(body);

const setUser = async (t: TestApp, { id }: TestUser, fields: object): Promise<void> => {
  const _id = new mongo.ObjectId(id);
  await t.database.collection("user").updateOne({ _id }, { $set: fields });
};

const setAccount = async (t: TestApp, { id }: TestUser, change: object): Promise<void> => {
  const { matchedCount } = await t.database
    .collection("account")
    .updateOne({ providerId: "credential", accountId: id }, change);
  assert.equal(matchedCount, 1);
};

const storedHash = async (t: TestApp, { id }: TestUser): Promise<unknown> =>
  (await t.database.collection("account").findOne({ providerId: "credential", accountId: id }))?.[
    "password"
  ];

const bodyOf = (response: request.Response): unknown => response.body as unknown;

/** A user with `TEST_PASSWORD`, as an own id generator would have made it. */
const insertUser = async (t: TestApp, id: string, email: string): Promise<void> => {
  const createdAt = new Date();
  const dates = { createdAt, updatedAt: createdAt };
  await t.auth.ready();
  const { User, Account } = t.auth.models;
  await User.create({ _id: id, name: "Ada", email, emailVerified: true, ...dates });
  const password = await hashPassword(TEST_PASSWORD, TEST_COST);
  const account = { accountId: id, providerId: "credential", userId: id, password };
  await Account.create({ _id: `account-${id}`, ...account, ...dates });
};

const countSessions = (t: TestApp): Promise<number> =>
  t.database.collection("session").countDocuments();

describe("POST /sign-in/email", () => {
  let t: TestApp;
  let user: TestUser;
  const password = TEST_PASSWORD;
  before(async () => {
    t = await startApp();
    user = await t.givenUser({ email: "ada@example.com" });
  });
  after(() => t.stop());

  describe("given the right password", () => {
    it("when no callbackURL is sent, then the answer has exactly the protocol's keys, url null", async () => {
      const response = await send(t, { email: user.email, password }).expect(200);
      const { redirect, token, url, user: shown, session } = response.body as SignedIn;
      assert.deepEqual(Object.keys(response.body as object).sort(), [
        "redirect",
        "session",
        "token",
        "url",
        "user",
      ]);
      assert.deepEqual({ redirect, url }, { redirect: false, url: null });
      assert.match(token, /^[A-Za-z0-9]{32}$/);
      assert.equal(shown.id, user.id);
      assert.deepEqual(Object.keys(shown).sort(), [
        "createdAt",
        "email",
        "emailVerified",
        "id",
        "image",
        "name",
        "updatedAt",
      ]);
      assert.equal(session["token"], token);
      assert.equal(session["userId"], user.id);
      assert.equal(response.get("location"), undefined);
      assert.doesNotMatch(response.text, /"password"|c2NyeXB0/);
    });

    it("when it signs in, then cookie, Bearer header and token name the same new session", async () => {
      const response = await send(t, { email: user.email, password }).expect(200);
      const { token } = response.body as SignedIn;
      assert.notEqual(token, user.token);
      const [cookie = ""] = setCookies(response);
      assert.match(cookie, new RegExp(`^${SESSION_COOKIE}=${token}\\.`));
      assert.match(cookie, /; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);
      assert.equal(response.get("access-control-expose-headers"), "set-auth-token");
      for (const [name, value] of [
        ["Cookie", cookieHeader(response)],
        ["Authorization", `Bearer ${token}`],
        ["Authorization", `bearer ${response.get("set-auth-token") ?? ""}`],
      ] as const) {
        const found = await request(t.server).get("/auth/get-session").set(name, value);
        assert.equal((found.body as SignedIn).session["token"], token);
      }
    });

    it("when it signs in, then the new session holds client address and user agent", async () => {
      const agent = "A".repeat(600);
      const body = bodyOf(await send(t, { email: user.email, password }).set("User-Agent", agent));
      const { session } = body as SignedIn;
      assert.equal(session["ipAddress"], "127.0.0.1");
      assert.equal(session["userAgent"], agent.slice(0, 512));
      const _id = new mongo.ObjectId(String(session["id"]));
      const stored = await t.database.collection("session").findOne({ _id });
      assert.equal(stored?.["ipAddress"], "127.0.0.1");
      assert.deepEqual(stored["userId"], new mongo.ObjectId(user.id));
    });

    it("when it signs in, then the earlier session lives on", async () => {
      await send(t, { email: user.email, password }).expect(200);
      const found = await request(t.server).get("/auth/get-session").set("Cookie", user.cookie);
      assert.equal((found.body as SignedIn).user.id, user.id);
    });

    it("when the address is written in capitals, then it signs in", () =>
      send(t, { email: "ADA@Example.COM", password }).expect(200));

    it("when the password is typed in another Unicode form, then it signs in", async () => {
      const email = "amelie@example.com";
      await t.givenUser({ email, password: "Am\u00e9lie-orchard" });
      await send(t, { email, password: "Ame\u0301lie-orchard" }).expect(200);
    });

    it("when a form is posted, then it signs in", async () => {
      const response = await request(t.server)
        .post("/auth/sign-in/email")
        .type("form")
        .send({ email: user.email, password, rememberMe: "false", callbackURL: "" })
        .expect(200);
      const { redirect, url } = response.body as SignedIn;
      assert.deepEqual({ redirect, url }, { redirect: false, url: null });
      assert.equal(response.get("location"), undefined);
      assert.doesNotMatch(setCookies(response)[0] ?? "", /Max-Age/);
    });
  });

  describe("given rememberMe", () => {
    const cases: readonly (readonly [body: object, remembered: boolean])[] = [
      [{}, true],
      [{ rememberMe: true }, true],
      [{ rememberMe: "true" }, true],
      [{ rememberMe: false }, false],
      [{ rememberMe: "false" }, false],
      [{ dontRememberMe: true }, false],
      [{ dontRememberMe: "true" }, false],
      [{ dontRememberMe: false }, true],
      [{ rememberMe: true, dontRememberMe: true }, true],
      [{ rememberMe: false, dontRememberMe: false }, false],
    ];
    for (const [fields, remembered] of cases) {
      it(`when ${JSON.stringify(fields)} is sent, then the session ${remembered ? "lasts seven days" : "ends with the browser"}`, async () => {
        const response = await send(t, { email: user.email, password, ...fields }).expect(200);
        const { session } = response.body as SignedIn;
        const life =
          Date.parse(String(session["expiresAt"])) - Date.parse(String(session["createdAt"]));
        const names = setCookies(response).map((line) => line.split("=")[0]);
        assert.equal(life, remembered ? 604_800_000 : 86_400_000);
        assert.deepEqual(names, remembered ? [SESSION_COOKIE] : [SESSION_COOKIE, FORGET_COOKIE]);
        assert.equal((setCookies(response)[0] ?? "").includes("Max-Age"), remembered);
      });
    }

    it("when a remembered sign-in follows one that was not, then dont_remember is expired", async () => {
      const first = await send(t, { email: user.email, password, rememberMe: false });
      const second = await send(t, { email: user.email, password })
        .set("Cookie", cookieHeader(first))
        .set("Origin", TEST_ORIGIN)
        .expect(200);
      const line = setCookies(second).find((cookie) => cookie.startsWith(FORGET_COOKIE)) ?? "";
      assert.match(line, /^better-auth\.dont_remember=; Max-Age=0;/);
    });

    it("when the browser holds a session under the official name, then that name is expired", async () => {
      const response = await send(t, { email: user.email, password })
        .set("Cookie", "better-auth.session_token=old")
        .set("Origin", TEST_ORIGIN)
        .expect(200);
      assert.ok(
        setCookies(response).some((line) =>
          line.startsWith("better-auth.session_token=; Max-Age=0;"),
        ),
      );
    });
  });

  describe("given a callbackURL", () => {
    const accepted: readonly (readonly [given: string, sent: string])[] = [
      ["/welcome", "/welcome"],
      ["/welcome?tab=1&x=%20", "/welcome?tab=1&x=%20"],
      [TEST_ORIGIN, `${TEST_ORIGIN}/`],
      ["HTTP://APP.TEST/a/../b", `${TEST_ORIGIN}/b`],
      [`${TEST_ORIGIN}/a b`, `${TEST_ORIGIN}/a%20b`],
    ];
    for (const [callbackURL, expected] of accepted) {
      it(`when it is ${callbackURL}, then url and Location are ${expected}, with status 200`, async () => {
        const response = await send(t, { email: user.email, password, callbackURL }).expect(200);
        const { redirect, url } = response.body as SignedIn;
        assert.deepEqual({ redirect, url }, { redirect: true, url: expected });
        assert.equal(response.get("location"), expected);
      });
    }

    for (const callbackURL of [
      "https://evil.example/",
      "//evil.example",
      "/\\evil.example",
      "/..//evil.example",
      "javascript:alert(1)",
      "http://app.test@evil.example/",
      "http://app.test.evil.example/",
      "welcome",
    ]) {
      it(`when it is ${callbackURL}, then it answers INVALID_CALLBACK_URL, wrong password or not`, async () => {
        const before = await countSessions(t);
        const right = await send(t, { email: user.email, password, callbackURL }).expect(403);
        const wrong = await send(t, { email: "x", password: "y", callbackURL }).expect(403);
        assert.deepEqual(right.body, {
          code: "INVALID_CALLBACK_URL",
          message: "Invalid callbackURL",
        });
        assert.deepEqual(wrong.body, right.body);
        assert.equal(await countSessions(t), before);
      });
    }
  });

  describe("given what does not belong together", () => {
    let withoutPassword: TestUser;
    let withoutAccount: TestUser;
    before(async () => {
      withoutPassword = await t.givenUser();
      await setAccount(t, withoutPassword, { $unset: { password: "" } });
      withoutAccount = await t.givenUser();
      await setAccount(t, withoutAccount, { $set: { providerId: "github" } });
    });

    it("when the password is wrong, then it answers INVALID_EMAIL_OR_PASSWORD and sets nothing", async () => {
      const before = await countSessions(t);
      const response = await send(t, { email: user.email, password: "wrong" }).expect(401);
      assert.deepEqual(response.body, REFUSED);
      assert.deepEqual(setCookies(response), []);
      assert.equal(response.get("set-auth-token"), undefined);
      assert.equal(await countSessions(t), before);
    });

    it("when the address is unknown, or has no password, or no credential account, then the answer is the same", async () => {
      const answers = await Promise.all(
        [user.email, "nobody@example.com", withoutPassword.email, withoutAccount.email].map(
          async (email) => {
            const response = await send(t, { email, password: "Lantern-8-orchard" });
            const headers = { ...(response.headers as Record<string, string>), date: "" };
            return { status: response.status, body: response.body as unknown, headers };
          },
        ),
      );
      for (const answer of answers) assert.deepEqual(answer, answers[0]);
      assert.equal(answers[0]?.status, 401);
    });

    it("when an account without a password is tried with an empty one, then it is refused", () =>
      send(t, { email: withoutPassword.email, password: "" }).expect(401));

    for (const stored of [
      "",
      "plain text",
      password,
      "$2b$10$abcdefghijklmnopqrstuv",
      `${"0".repeat(32)}:${"0".repeat(127)}`,
      Buffer.from("scrypt").toString("base64"),
      `c2NyeXB0${"A".repeat(120)}`,
      5,
      true,
      null,
    ]) {
      it(`when the stored hash is ${JSON.stringify(stored).slice(0, 30)}, then it answers 401`, async () => {
        const broken = await t.givenUser();
        await setAccount(t, broken, { $set: { password: stored } });
        const body = bodyOf(await send(t, { email: broken.email, password }).expect(401));
        assert.deepEqual(body, REFUSED);
      });
    }
  });

  describe("given ill-formed input", () => {
    for (const email of [
      "",
      "plain",
      "a@b",
      " ada@example.com",
      "ada@example.com\n",
      "\u212A@a.co",
    ]) {
      it(`when the address is ${JSON.stringify(email)}, then it answers INVALID_EMAIL`, async () => {
        const body = bodyOf(await send(t, { email, password }).expect(400));
        assert.deepEqual(body, { code: "INVALID_EMAIL", message: "Invalid email" });
      });
    }

    const cases: readonly (readonly [field: string, value: unknown])[] = [
      ["email", undefined],
      ["email", null],
      ["email", 5],
      ["email", { $ne: "" }],
      ["email", ["ada@example.com"]],
      ["password", undefined],
      ["password", { $ne: "" }],
      ["password", { $regex: ".*" }],
      ["password", ["Lantern-7-orchard"]],
      ["rememberMe", "yes"],
      ["dontRememberMe", 0],
    ];
    for (const [field, value] of cases) {
      const shown = value === undefined ? "missing" : JSON.stringify(value);
      it(`when ${field} is ${shown}, then it answers VALIDATION_ERROR and names it`, async () => {
        const body = bodyOf(
          await send(t, {
            email: user.email,
            password,
            [field]: value,
          }).expect(400),
        );
        const { code, message } = body as { code: string; message: string };
        assert.equal(code, "VALIDATION_ERROR");
        assert.ok(message.startsWith(`[body.${field}] `), message);
      });
    }
  });

  describe("given a hash of another make", () => {
    it("when it is in the official format, then it signs in and is rehashed in ours", async () => {
      const imported = await t.givenUser();
      await setAccount(t, imported, { $set: { password: await hashOfficialPassword(password) } });
      await send(t, { email: imported.email, password }).expect(200);
      assert.match(String(await storedHash(t, imported)), /^c2NyeXB0/);
      await send(t, { email: imported.email, password }).expect(200);
    });

    it("when it is in the official format and the password wrong, then it stays", async () => {
      const imported = await t.givenUser();
      const official = await hashOfficialPassword(password);
      await setAccount(t, imported, { $set: { password: official } });
      await send(t, { email: imported.email, password: "wrong" }).expect(401);
      assert.equal(await storedHash(t, imported), official);
    });

    it("when it is below the configured cost, then it is rehashed", async () => {
      const old = await t.givenUser();
      const cheap = await hashPassword(password, { logN: 4, r: 8, p: 1 });
      await setAccount(t, old, { $set: { password: cheap } });
      await send(t, { email: old.email, password }).expect(200);
      const header = Buffer.from(String(await storedHash(t, old)), "base64");
      assert.equal(header.readUInt8(7), TEST_COST.logN);
    });

    it("when it is of the configured cost, then it stays", async () => {
      const before = await storedHash(t, user);
      await send(t, { email: user.email, password }).expect(200);
      assert.equal(await storedHash(t, user), before);
    });
  });

  describe("given rows of an older server", () => {
    it("when account.userId is the text of the id, then it signs in", async () => {
      const old = await t.givenUser();
      await setAccount(t, old, { $set: { userId: old.id } });
      await send(t, { email: old.email, password }).expect(200);
    });

    it("when _id is a text, then it signs in and the session names it", async () => {
      const id = "5f0c7a52-0f6c-4b3e-9d57-2f8f4d9a1c3e";
      const email = "uuid@example.com";
      await insertUser(t, id, email);
      const body = bodyOf(await send(t, { email, password }).expect(200));
      const { token, user: shown, session } = body as SignedIn;
      assert.equal(shown.id, id);
      assert.equal(session["userId"], id);
      const found = await request(t.server)
        .get("/auth/get-session")
        .set("Authorization", `Bearer ${token}`);
      assert.equal((found.body as SignedIn).user.id, id);
    });

    it("when a user has several credential rows, then the one named by the user's id counts", async () => {
      const twice = await t.givenUser();
      const now = new Date();
      await t.database.collection("account").insertOne({
        accountId: "someone-else",
        providerId: "credential",
        userId: new mongo.ObjectId(twice.id),
        password: await hashPassword("Another-9-password", TEST_COST),
        createdAt: new Date(0),
        updatedAt: now,
      });
      await send(t, { email: twice.email, password }).expect(200);
      await send(t, { email: twice.email, password: "Another-9-password" }).expect(401);
    });
  });

  describe("given a banned user", () => {
    let banned: TestUser;
    before(async () => {
      banned = await t.givenUser();
      await setUser(t, banned, { banned: true });
    });

    it("when the password is right, then it answers BANNED_USER and makes no session", async () => {
      const before = await countSessions(t);
      const response = await send(t, { email: banned.email, password }).expect(403);
      assert.deepEqual(response.body, {
        code: "BANNED_USER",
        message:
          "You have been banned from this application. Please contact support if you believe this is an error.",
      });
      assert.deepEqual(setCookies(response), []);
      assert.equal(await countSessions(t), before);
    });

    it("when the password is wrong, then nothing tells of the ban", async () => {
      const body = bodyOf(
        await send(t, {
          email: banned.email,
          password: "wrong",
        }).expect(401),
      );
      assert.deepEqual(body, REFUSED);
    });

    it("when the ban has ended, then it signs in", async () => {
      const free = await t.givenUser();
      await setUser(t, free, { banned: true, banExpires: new Date(Date.now() - 1000) });
      await send(t, { email: free.email, password }).expect(200);
    });

    it("when the ban ends later, then it answers BANNED_USER", async () => {
      const waiting = await t.givenUser();
      await setUser(t, waiting, { banned: true, banExpires: new Date(Date.now() + 60_000) });
      await send(t, { email: waiting.email, password }).expect(403, /BANNED_USER/);
    });
  });
});

describe("POST /sign-in/email, when the database refuses the session", () => {
  let t: TestApp;
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());

  it("when the password is right, then it answers FAILED_TO_CREATE_SESSION and sets nothing", async () => {
    const user = await t.givenUser();
    const db = t.database.getClient().db(t.database.name);
    await db.command({ collMod: "session", validator: { userAgent: { $ne: "Refused" } } });
    const response = await send(t, user).set("User-Agent", "Refused").expect(401);
    assert.deepEqual(response.body, {
      code: "FAILED_TO_CREATE_SESSION",
      message: "Failed to create session",
    });
    assert.deepEqual(setCookies(response), []);
    assert.equal(response.get("set-auth-token"), undefined);
  });
});

describe("POST /sign-in/email, given other settings", () => {
  const started: TestApp[] = [];
  const start = async (options: AuthOptions): Promise<TestApp> => {
    const t = await startApp(options);
    started.push(t);
    return t;
  };
  after(() => Promise.all(started.map((t) => t.stop())));

  it("when e-mail and password is off, then it answers EMAIL_PASSWORD_DISABLED", async () => {
    const t = await start({ emailAndPassword: { enabled: false } });
    const body = bodyOf(
      await send(t, {
        email: "a@b.co",
        password: TEST_PASSWORD,
      }).expect(400),
    );
    assert.deepEqual(body, {
      code: "EMAIL_PASSWORD_DISABLED",
      message: "Email and password is not enabled",
    });
  });

  it("when only sign-up is off, then known users sign in", async () => {
    const t = await start({ emailAndPassword: { disableSignUp: true } });
    const user = { email: "known@example.com", password: TEST_PASSWORD };
    await insertUser(t, "known", user.email);
    await send(t, user).expect(200);
  });

  describe("given requireEmailVerification", () => {
    let t: TestApp;
    const email = "unverified@example.com";
    before(async () => {
      t = await start({ emailAndPassword: { requireEmailVerification: true } });
      await request(t.server)
        .post("/auth/sign-up/email")
        .send({ name: "Ada", email, password: TEST_PASSWORD })
        .expect(200);
    });

    it("when the address is unverified and the password right, then it answers EMAIL_NOT_VERIFIED", async () => {
      const response = await send(t, { email, password: TEST_PASSWORD }).expect(403);
      assert.deepEqual(response.body, {
        code: "EMAIL_NOT_VERIFIED",
        message: "Email not verified",
      });
      assert.deepEqual(setCookies(response), []);
      assert.equal(await countSessions(t), 0);
    });

    it("when the password is wrong, then nothing tells that the address is unverified", async () => {
      const body = bodyOf(await send(t, { email, password: "wrong" }).expect(401));
      assert.deepEqual(body, REFUSED);
    });

    it("when the address is verified, then it signs in", async () => {
      await t.database.collection("user").updateOne({ email }, { $set: { emailVerified: true } });
      await send(t, { email, password: TEST_PASSWORD }).expect(200);
    });
  });

  describe("given hash and verify of the app", () => {
    let t: TestApp;
    let user: TestUser;
    const calls: string[] = [];
    before(async () => {
      t = await start({
        emailAndPassword: {
          password: {
            hash(password) {
              calls.push("hash");
              return Promise.resolve(`own:${password}`);
            },
            verify({ hash, password }) {
              calls.push("verify");
              return Promise.resolve(hash === `own:${password}`);
            },
          },
        },
      });
      user = await t.givenUser();
    });
    beforeEach(() => {
      calls.length = 0;
    });

    it("when the password is right, then verify decides and nothing is rehashed", async () => {
      await send(t, user).expect(200);
      assert.deepEqual(calls, ["verify"]);
      assert.equal(await storedHash(t, user), `own:${user.password}`);
    });

    it("when the password is wrong, then verify refuses it", async () => {
      await send(t, { ...user, password: "wrong" }).expect(401, REFUSED);
      assert.deepEqual(calls, ["verify"]);
    });

    it("when the address is unknown, then a hash is computed all the same", async () => {
      await send(t, { email: "nobody@example.com", password: "wrong" }).expect(401, REFUSED);
      assert.deepEqual(calls, ["hash"]);
    });

    for (const email of ["known", "nobody@example.com"]) {
      it(`when the password is over-long and the address ${email}, then it is refused without a hash`, async () => {
        const body = { email: email === "known" ? user.email : email, password: "p".repeat(129) };
        await send(t, body).expect(401, REFUSED);
        assert.deepEqual(calls, []);
      });
    }
  });

  it("when an official server shares the database, then its hash stays and the token is stored as issued", async () => {
    const t = await start({ advanced: { compatibility: "better-auth" } });
    const user = await t.givenUser();
    const before = await storedHash(t, user);
    const body = bodyOf(await send(t, user).expect(200));
    const { token } = body as SignedIn;
    assert.equal(await storedHash(t, user), before);
    assert.equal(await t.database.collection("session").countDocuments({ token }), 1);
  });

  it("when such a server's database holds hashes of ours, then they sign in and are rehashed in its format", async () => {
    const t = await start({ advanced: { compatibility: "better-auth" } });
    const user = await t.givenUser();
    const own = await hashPassword(user.password, TEST_COST);
    await setAccount(t, user, { $set: { password: own } });
    await send(t, user).expect(200);
    assert.match(String(await storedHash(t, user)), /^[0-9a-f]{32}:[0-9a-f]{128}$/);
  });

  it("when a password that is common now was set before, then it signs in", async () => {
    const t = await start({});
    const user = await t.givenUser();
    await setAccount(t, user, { $set: { password: await hashPassword("password", TEST_COST) } });
    await send(t, { ...user, password: "password" }).expect(200);
  });
});
