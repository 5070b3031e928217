import assert from "node:assert/strict";
import { mongo } from "mongoose";
import request from "supertest";
import type { AuthOptions, UserLike } from "../../../lib/index.ts";
import {
  setCookies,
  startApp,
  TEST_COST,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
} from "../../support/app.ts";
import { refuseRows } from "../../support/refuse-rows.ts";

interface SignedUp {
  readonly token: string | null;
  readonly user: Readonly<Record<string, unknown>> & {
    readonly id: string;
    readonly email: string;
  };
  readonly session: Readonly<Record<string, unknown>> | null;
}

const SESSION_COOKIE = "better-auth.session-token";
/** Name and beginning of a stored hash. */
const SECRET_TEXT = /"password"|c2NyeXB0/;

const bodyOf = (response: request.Response): unknown => response.body as unknown;

let addresses = 0;
const newAddress = (): string => `new-${(addresses += 1)}@example.com`;

const send = (t: TestApp, body: object) =>
  request(t.server)
    .post("/auth/sign-up/email")
    .send({ name: "Ada", email: newAddress(), password: TEST_PASSWORD, ...body });

const rows = (t: TestApp, collection: string, filter: object = {}) =>
  t.database.collection(collection).find(filter).toArray();

const countAll = async (t: TestApp): Promise<number[]> =>
  Promise.all(
    ["user", "account", "session"].map((name) => t.database.collection(name).countDocuments()),
  );

/** Makes a collection refuse rows, as an app's own validator would. */
const setValidator = async (t: TestApp, collection: string, validator: object): Promise<void> => {
  await t.auth.ready();
  await refuseRows(t, collection, validator);
};

describe("POST /sign-up/email", () => {
  let t: TestApp;
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());

  describe("given an unknown address", () => {
    it("when it signs up, then the answer has token, user and session, each with exactly the protocol's keys", async () => {
      const email = newAddress();
      const response = await send(t, { email }).expect(200);
      const { token, user, session } = response.body as SignedUp;
      assert.deepEqual(Object.keys(response.body as object).sort(), ["session", "token", "user"]);
      assert.match(token ?? "", /^[A-Za-z0-9]{32}$/);
      assert.match(user.id, /^[0-9a-f]{24}$/);
      const { id: _id, createdAt, updatedAt, ...rest } = user;
      assert.deepEqual(rest, { name: "Ada", email, emailVerified: false, image: null });
      assert.match(String(createdAt), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.equal(updatedAt, createdAt);
      assert.deepEqual(Object.keys(session ?? {}).sort(), [
        "createdAt",
        "expiresAt",
        "id",
        "ipAddress",
        "token",
        "updatedAt",
        "userAgent",
        "userId",
      ]);
      assert.deepEqual([session?.["token"], session?.["userId"]], [token, user.id]);
      assert.doesNotMatch(response.text, SECRET_TEXT);
    });

    it("when it signs up, then user, credential account and session are stored", async () => {
      const response = await send(t, { image: "/ada.png" }).expect(200);
      const { user } = response.body as SignedUp;
      const [stored] = await rows(t, "user", { email: user.email });
      const [account] = await rows(t, "account", { providerId: "credential", accountId: user.id });
      const sessions = await rows(t, "session", { userId: stored?._id });
      assert.equal(String(stored?._id), user.id);
      assert.equal(stored?.["emailVerified"], false);
      assert.equal(stored["image"], "/ada.png");
      assert.equal(account?.["providerId"], "credential");
      assert.deepEqual(account["userId"], stored._id);
      assert.match(String(account["password"]), /^c2NyeXB0/);
      assert.equal(sessions.length, 1);
    });

    it("when it signs up, then the stored row has no key beyond the protocol's", async () => {
      const body = bodyOf(await send(t, {}).expect(200));
      const [stored] = await rows(t, "user", { email: (body as SignedUp).user.email });
      assert.deepEqual(Object.keys(stored ?? {}).sort(), [
        "_id",
        "createdAt",
        "email",
        "emailVerified",
        "name",
        "updatedAt",
      ]);
    });

    it("when it signs up, then the session's cookie and headers are set", async () => {
      const response = await send(t, {}).expect(200);
      const { token } = response.body as SignedUp;
      const cookies = setCookies(response);
      assert.equal(cookies.length, 1);
      assert.match(cookies[0] ?? "", new RegExp(`^${SESSION_COOKIE}=${String(token)}\\.`));
      assert.match(cookies[0] ?? "", /; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);
      assert.ok(response.get("set-auth-token")?.startsWith(`${String(token)}.`));
      assert.equal(response.get("cache-control"), "no-store");
    });

    it("when it signs up, then the token opens its session", async () => {
      const body = bodyOf(await send(t, {}).expect(200));
      const { token, user } = body as SignedUp;
      const found = await request(t.server)
        .get("/auth/get-session")
        .set("Authorization", `Bearer ${String(token)}`);
      assert.equal((found.body as SignedUp).user.id, user.id);
    });

    it("when it signs up, then the session holds client address and user agent", async () => {
      const body = bodyOf(await send(t, {}).set("User-Agent", "Analytical Engine").expect(200));
      const { session } = body as SignedUp;
      const [row] = await rows(t, "session", { _id: new mongo.ObjectId(String(session?.["id"])) });
      assert.equal(row?.["ipAddress"], "127.0.0.1");
      assert.equal(session?.["ipAddress"], "127.0.0.1");
      assert.equal(session["userAgent"], "Analytical Engine");
    });

    it("when the address has capitals, then it is stored and answered in lower case", async () => {
      const email = newAddress();
      const body = bodyOf(await send(t, { email: email.toUpperCase() }).expect(200));
      assert.equal((body as SignedUp).user.email, email);
      assert.equal((await rows(t, "user", { email })).length, 1);
    });

    it("when a trusted callbackURL is sent, then the answer is the same without it", async () => {
      const response = await send(t, { callbackURL: "/welcome" }).expect(200);
      assert.equal(response.get("location"), undefined);
      assert.deepEqual(Object.keys(response.body as object).sort(), ["session", "token", "user"]);
    });

    it("when unknown keys are sent, then they are ignored", async () => {
      const body = bodyOf(await send(t, { nickname: "Countess" }).expect(200));
      const [stored] = await rows(t, "user", { email: (body as SignedUp).user.email });
      assert.equal(stored?.["nickname"], undefined);
    });

    for (const rememberMe of [false, "false"]) {
      it(`when rememberMe is ${JSON.stringify(rememberMe)}, then cookies end with the browser and the row after a day`, async () => {
        const response = await send(t, { rememberMe }).expect(200);
        const cookies = setCookies(response);
        assert.deepEqual(
          cookies.map((line) => line.split("=")[0]),
          [SESSION_COOKIE, "better-auth.dont_remember"],
        );
        for (const line of cookies) assert.doesNotMatch(line, /Max-Age|Expires/);
        const { session } = response.body as SignedUp;
        const life =
          Date.parse(String(session?.["expiresAt"])) - Date.parse(String(session?.["createdAt"]));
        assert.equal(life, 86_400_000);
      });
    }

    for (const rememberMe of [true, "true"]) {
      it(`when rememberMe is ${JSON.stringify(rememberMe)}, then the cookie lasts seven days`, async () => {
        const response = await send(t, { rememberMe }).expect(200);
        assert.match(setCookies(response)[0] ?? "", /Max-Age=604800/);
      });
    }

    it("when a form is posted, then it signs up as JSON does", async () => {
      const email = newAddress();
      const response = await request(t.server)
        .post("/auth/sign-up/email")
        .type("form")
        .send({ name: "Ada", email, password: TEST_PASSWORD, rememberMe: "false" })
        .expect(200);
      assert.equal((response.body as SignedUp).user.email, email);
      assert.doesNotMatch(setCookies(response)[0] ?? "", /Max-Age/);
    });
  });

  describe("given an e-mail address", () => {
    const local64 = "a".repeat(64);
    // 189 characters: 254 together with the longest local part and the @.
    const domain = `${"d".repeat(63)}.${"e".repeat(63)}.${"f".repeat(57)}.com`;
    const accepted = [
      "a@b.co",
      "first.last@sub.example.com",
      "user+tag@example.com",
      "o'brien@example.com",
      "under_score-dash@example.com",
      "1234@example.com",
      "a@x-y.example.com",
      "a@1.example.com",
      `${local64}@example.com`,
      `${local64}@${domain}`,
    ];
    for (const email of accepted) {
      it(`when it is ${email.slice(0, 40)}, then it is taken`, () =>
        send(t, { email }).expect(200));
    }

    const refused: readonly unknown[] = [
      "",
      "plain",
      "@example.com",
      "a@",
      "a@example",
      "a@example.c0m",
      "a@example.123",
      "a@.example.com",
      "a@example..com",
      "a@example.com.",
      "a@-example.com",
      "a@example-.com",
      ".a@example.com",
      "a.@example.com",
      "a..b@example.com",
      "a b@example.com",
      " a@example.com",
      "a@example.com ",
      "a@example.com\n",
      "a@b@example.com",
      '"a"@example.com',
      "a@[127.0.0.1]",
      "a@127.0.0.1",
      "a(comment)@example.com",
      "a@example.com,b@example.com",
      "Ada <a@example.com>",
      "mailto:a@example.com",
      "ä@example.com",
      "a@exämple.com",
      "a@example.com\u0000",
      // KELVIN SIGN, whose lower case is the ASCII letter k.
      "\u212Aate@example.com",
      "a@\u212A.example.com",
      `${local64}a@example.com`,
      `${"b".repeat(61)}@${domain}.com`,
      null,
      7,
      true,
      ["a@example.com"],
      { $ne: "" },
      { $gt: "" },
    ];
    for (const email of refused) {
      const shown = JSON.stringify(email).slice(0, 40);
      it(`when it is ${shown}, then it answers VALIDATION_ERROR`, async () => {
        const body = bodyOf(await send(t, { email }).expect(400));
        const { code, message } = body as { code: string; message: string };
        assert.equal(code, "VALIDATION_ERROR");
        assert.ok(message.startsWith("[body.email] "), message);
      });
    }
  });

  describe("given the other fields", () => {
    const accepted: readonly object[] = [
      { name: "" },
      { name: "Ada\u00e9 王 😀" },
      { name: "<script>alert(1)</script>" },
      { name: "n".repeat(256) },
      { image: null },
      { image: "pictures/ada.png" },
      { image: "/pictures/ada.png?size=2" },
      { image: "http://example.com/a.png" },
      { image: "HTTPS://example.com/a.png" },
      ...["png", "jpeg", "gif", "webp", "avif"].map((kind) => ({
        image: `data:image/${kind};base64,AAAA`,
      })),
    ];
    for (const fields of accepted) {
      it(`when ${JSON.stringify(fields).slice(0, 60)} is sent, then it signs up`, async () => {
        const body = bodyOf(await send(t, fields).expect(200));
        for (const [name, value] of Object.entries(fields)) {
          assert.equal((body as SignedUp).user[name], value);
        }
      });
    }

    const refused: readonly (readonly [field: string, value: unknown])[] = [
      ["name", undefined],
      ["name", null],
      ["name", 5],
      ["name", ["Ada"]],
      ["name", { $ne: "" }],
      ["name", "n".repeat(257)],
      ["password", undefined],
      ["password", ""],
      ["password", 12345678],
      ["password", ["Lantern-7-orchard"]],
      ["password", { $ne: "" }],
      ["email", undefined],
      ["image", 5],
      ["image", "javascript:alert(1)"],
      ["image", " javascript:alert(1)"],
      ["image", "java\tscript:alert(1)"],
      ["image", "data:text/html,<script>"],
      ["image", "data:image/svg+xml,<svg/>"],
      ["image", "file:///etc/passwd"],
      ["image", "//evil.example/a.png"],
      ["image", "/\\evil.example/a.png"],
      ["image", "http://"],
      ["rememberMe", "yes"],
      ["rememberMe", 1],
      ["rememberMe", null],
    ];
    for (const [field, value] of refused) {
      const shown = value === undefined ? "missing" : JSON.stringify(value).slice(0, 40);
      it(`when ${field} is ${shown}, then it answers VALIDATION_ERROR and names it`, async () => {
        const body = bodyOf(await send(t, { [field]: value }).expect(400));
        const { code, message } = body as { code: string; message: string };
        assert.equal(code, "VALIDATION_ERROR");
        assert.ok(message.startsWith(`[body.${field}] `), message);
      });
    }

    it("when several are wrong, then the message names each", async () => {
      const body = bodyOf(
        await send(t, {
          name: 5,
          email: "x",
          password: "",
        }).expect(400),
      );
      const { message } = body as { message: string };
      for (const field of ["name", "email", "password"]) {
        assert.ok(message.includes(`[body.${field}] `), message);
      }
    });

    for (const body of ["[]", '"text"', "5", "true"]) {
      it(`when the whole body is ${body}, then it answers VALIDATION_ERROR`, () =>
        request(t.server)
          .post("/auth/sign-up/email")
          .type("json")
          .send(body)
          .expect(400)
          .expect(/"code":"VALIDATION_ERROR"/));
    }
  });

  describe("given a password", () => {
    const email = "augusta.king@example.com";
    const cases: readonly (readonly [what: string, password: string, code: string])[] = [
      ["7 characters", "Orch4rd", "PASSWORD_TOO_SHORT"],
      ["7 UTF-16 units in 4 characters", "🍎🍊🍋x", "PASSWORD_TOO_SHORT"],
      ["common and too short", "123456", "PASSWORD_TOO_SHORT"],
      ["129 characters", "xY3".repeat(43), "PASSWORD_TOO_LONG"],
      ["130 UTF-16 units in 65 characters", `🍎${"🍊".repeat(64)}`, "PASSWORD_TOO_LONG"],
      ["in the list of common ones", "password123", "PASSWORD_COMPROMISED"],
      ["common in capitals", "PassWord123", "PASSWORD_COMPROMISED"],
      ["common in full-width letters", "ｐassword123", "PASSWORD_COMPROMISED"],
      ["one character repeated", "zzzzzzzzzzzz", "PASSWORD_COMPROMISED"],
      ["the own address", email, "PASSWORD_COMPROMISED"],
      ["the own address in capitals", email.toUpperCase(), "PASSWORD_COMPROMISED"],
    ];
    for (const [what, password, code] of cases) {
      it(`when it is ${what}, then it answers ${code} and nothing is written`, async () => {
        const before = await countAll(t);
        const body = bodyOf(await send(t, { email, password }).expect(400));
        assert.equal((body as { code: string }).code, code);
        assert.deepEqual(await countAll(t), before);
      });
    }

    const accepted: readonly (readonly [what: string, password: string])[] = [
      ["8 characters", "Orch4rd!"],
      ["8 UTF-16 units in 4 characters", "🍎🍊🍋🍇"],
      ["128 characters", `${"xY3".repeat(42)}ab`],
      ["with spaces at its ends", "  spaced out  "],
      ["with NUL and a line break", "nul\u0000line\nbreak"],
    ];
    for (const [what, password] of accepted) {
      it(`when it is ${what}, then it signs up and in`, async () => {
        const address = newAddress();
        await send(t, { email: address, password }).expect(200);
        await request(t.server)
          .post("/auth/sign-in/email")
          .send({ email: address, password })
          .expect(200);
      });
    }
  });

  describe("given fields that a client must not choose", () => {
    for (const fields of [
      { emailVerified: true },
      { emailVerified: "true" },
      { role: "admin" },
      { banned: true },
      { banReason: "none" },
      { banExpires: "2030-01-01" },
      { twoFactorEnabled: true },
    ]) {
      const [name = ""] = Object.keys(fields);
      it(`when ${JSON.stringify(fields)} is sent, then it answers FIELD_NOT_ALLOWED and nothing is written`, async () => {
        const before = await countAll(t);
        const body = bodyOf(await send(t, fields).expect(400));
        assert.deepEqual(body, {
          code: "FIELD_NOT_ALLOWED",
          message: `${name} is not allowed to be set`,
        });
        assert.deepEqual(await countAll(t), before);
      });
    }

    it("when ids, dates and the hash are sent, then they are dropped", async () => {
      const forged = {
        _id: "0".repeat(24),
        id: "0".repeat(24),
        createdAt: "2000-01-01T00:00:00.000Z",
        updatedAt: "2000-01-01T00:00:00.000Z",
        accountId: "forged",
        userId: "0".repeat(24),
        providerId: "github",
        expiresAt: "2999-01-01T00:00:00.000Z",
      };
      const body = bodyOf(await send(t, forged).expect(200));
      const { user } = body as SignedUp;
      const [stored] = await rows(t, "user", { email: user.email });
      const [account] = await rows(t, "account", { providerId: "credential", accountId: user.id });
      assert.notEqual(user.id, forged._id);
      assert.ok(stored?.["createdAt"] > new Date(Date.now() - 60_000));
      assert.ok(stored?.["updatedAt"] > new Date(Date.now() - 60_000));
      assert.equal(account?.["providerId"], "credential");
    });

    it("when a prototype is sent, then nothing of it counts", async () => {
      const email = newAddress();
      const json = `{"name":"Ada","email":"${email}","password":"${TEST_PASSWORD}","__proto__":{"emailVerified":true,"image":"/x"},"constructor":{"prototype":{"role":"admin"}}}`;
      const body = bodyOf(
        await request(t.server).post("/auth/sign-up/email").type("json").send(json).expect(200),
      );
      const { user } = body as SignedUp;
      assert.equal(user["emailVerified"], false);
      assert.equal(user["image"], null);
      assert.equal(Reflect.get({}, "role"), undefined);
    });
  });

  describe("given a taken address", () => {
    for (const spelling of ["taken@example.com", "TAKEN@Example.COM"]) {
      it(`when ${spelling} signs up, then it answers 422 and nothing is written`, async () => {
        if ((await rows(t, "user", { email: "taken@example.com" })).length === 0) {
          await t.givenUser({ email: "taken@example.com" });
        }
        const before = await countAll(t);
        const response = await send(t, { email: spelling }).expect(422);
        assert.deepEqual(response.body, {
          code: "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
          message: "User already exists. Use another email.",
        });
        assert.deepEqual(setCookies(response), []);
        assert.deepEqual(await countAll(t), before);
      });
    }
  });
});

describe("POST /sign-up/email, when the database refuses a row", () => {
  let t: TestApp;
  before(async () => {
    t = await startApp();
    await setValidator(t, "user", { name: { $ne: "Refused" } });
    await setValidator(t, "session", { userAgent: { $ne: "Refused" } });
  });
  after(() => t.stop());

  it("when it is the user's, then it answers FAILED_TO_CREATE_USER and nothing is written", async () => {
    const body = bodyOf(await send(t, { name: "Refused" }).expect(422));
    assert.deepEqual(body, { code: "FAILED_TO_CREATE_USER", message: "Failed to create user" });
    assert.deepEqual(await countAll(t), [0, 0, 0]);
  });

  it("when it is the session's, then it answers FAILED_TO_CREATE_SESSION and nothing is written", async () => {
    const response = await send(t, {}).set("User-Agent", "Refused").expect(400);
    assert.deepEqual(response.body, {
      code: "FAILED_TO_CREATE_SESSION",
      message: "Failed to create session",
    });
    assert.deepEqual(setCookies(response), []);
    assert.deepEqual(await countAll(t), [0, 0, 0]);
  });
});

for (const [option, emailAndPassword] of [
  ["enabled: false", { enabled: false }],
  ["disableSignUp", { disableSignUp: true }],
] as const) {
  describe(`POST /sign-up/email, given ${option}`, () => {
    let t: TestApp;
    before(async () => {
      t = await startApp({ emailAndPassword });
    });
    after(() => t.stop());

    it("when anyone signs up, then it answers EMAIL_PASSWORD_SIGN_UP_DISABLED", async () => {
      const body = bodyOf(await send(t, {}).expect(400));
      assert.deepEqual(body, {
        code: "EMAIL_PASSWORD_SIGN_UP_DISABLED",
        message: "Email and password sign up is not enabled",
      });
      assert.deepEqual(await countAll(t), [0, 0, 0]);
    });
  });
}

for (const [mode, emailAndPassword] of [
  ["autoSignIn: false", { autoSignIn: false }],
  ["requireEmailVerification", { requireEmailVerification: true }],
] as const) {
  describe(`POST /sign-up/email, given ${mode}`, () => {
    const known = "known@example.com";
    const told: { user: UserLike; request: Request | undefined }[] = [];
    let hashes = 0;
    let t: TestApp;
    before(async () => {
      t = await startApp({
        emailAndPassword: {
          ...emailAndPassword,
          password: {
            cost: TEST_COST,
            hash: (password) => {
              hashes += 1;
              return Promise.resolve(`hash of ${password}`);
            },
          },
          onExistingUserSignUp({ user }, request) {
            told.push({ user, request });
            throw new Error("mail server down");
          },
        },
        user: {
          additionalFields: {
            plan: { type: "string", defaultValue: "free", input: false },
            city: { type: "string", required: false },
            handle: { type: "string", required: false, unique: true },
            note: { type: "string", required: false, returned: false },
          },
        },
      });
      await send(t, { email: known, handle: "taken", note: "hidden" }).expect(200);
    });
    after(() => t.stop());

    it("when an unknown address signs up, then there is a user but no session", async () => {
      const response = await send(t, { city: "London" }).expect(200);
      const { token, user, session } = response.body as SignedUp;
      assert.deepEqual({ token, session }, { token: null, session: null });
      assert.deepEqual(setCookies(response), []);
      assert.equal(response.get("set-auth-token"), undefined);
      assert.equal((await rows(t, "user", { email: user.email })).length, 1);
      assert.equal((await rows(t, "session")).length, 0);
    });

    it("when the known address signs up, then the answer differs from a real one only in its values", async () => {
      const fields = { name: "Eve", image: "/eve.png", city: "Paris", note: "mine" };
      const real = await send(t, fields).expect(200);
      const fake = await send(t, { ...fields, email: known.toUpperCase() }).expect(200);
      const shape = (response: request.Response) => {
        const { user, ...rest } = response.body as SignedUp;
        const { id, email: _email, createdAt, updatedAt, ...shown } = user;
        const forms = [id, createdAt, updatedAt].map((text) =>
          String(text).replace(/[0-9a-f]/g, "0"),
        );
        return { ...rest, keys: Object.keys(user), shown, forms };
      };
      assert.deepEqual(shape(fake), shape(real));
      assert.equal((fake.body as SignedUp).user.email, known);
      assert.deepEqual(Object.keys(fake.headers as object), Object.keys(real.headers as object));
    });

    it("when the known address signs up, then the made-up id is nobody's, nothing is written, and one hash is computed", async () => {
      const before = await countAll(t);
      hashes = 0;
      const body = bodyOf(await send(t, { email: known }).expect(200));
      const [stored] = await rows(t, "user", { email: known });
      assert.notEqual((body as SignedUp).user.id, String(stored?._id));
      assert.deepEqual(await countAll(t), before);
      assert.equal(hashes, 1);
    });

    it("when the known address signs up, then onExistingUserSignUp gets the known user, and its failure is only logged", async () => {
      told.length = 0;
      await send(t, { email: known, name: "Mallory" }).expect(200);
      for (let left = 100; left > 0 && told.length === 0; left -= 1) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.equal(told.length, 1);
      assert.equal(told[0]?.user.name, "Ada");
      assert.equal(told[0].user.email, known);
      assert.equal(told[0].request?.url, `${TEST_ORIGIN}/auth/sign-up/email`);
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(t.logged.includes("error: onExistingUserSignUp failed"));
    });

    it("when a taken handle is tried with a known and an unknown address, then both are refused alike", async () => {
      const unknown = await send(t, { handle: "taken" }).expect(422);
      const taken = await send(t, { handle: "taken", email: known }).expect(422);
      assert.equal((unknown.body as { code: string }).code, "FAILED_TO_CREATE_USER");
      assert.deepEqual(taken.body, unknown.body);
    });

    it("when the password is refused, then it is so for the known address too", async () => {
      const unknown = await send(t, { password: "short" }).expect(400);
      const taken = await send(t, { password: "short", email: known }).expect(400);
      assert.deepEqual(taken.body, unknown.body);
    });
  });
}

describe("POST /sign-up/email, given additional fields", () => {
  let t: TestApp;
  before(async () => {
    const options = {
      user: {
        additionalFields: {
          country: { type: "string" },
          age: { type: "number", required: false },
          news: { type: "boolean", defaultValue: false },
          born: { type: "date", required: false },
          size: { type: ["small", "large"], required: false },
          tags: { type: "string[]", required: false },
          handle: { type: "string", required: false, unique: true },
          points: { type: "number", defaultValue: () => 10, input: false },
          score: { type: "number", required: false, input: false },
          note: { type: "string", required: false, returned: false, fieldName: "internal_note" },
        },
      },
    } as const satisfies AuthOptions;
    t = await startApp(options);
  });
  after(() => t.stop());

  it("when all are sent, then they are stored in their types and answered unless hidden", async () => {
    const body = bodyOf(
      await send(t, {
        country: "GB",
        age: 36,
        news: "true",
        born: "1815-12-10",
        size: "small",
        tags: ["a", "b"],
        handle: "countess",
        note: "hidden",
      }).expect(200),
    );
    const { user } = body as SignedUp;
    const { country, age, news, born, size, tags, handle, points, score } = user;
    assert.deepEqual(
      { country, age, news, born, size, tags, handle, points, score },
      {
        country: "GB",
        age: 36,
        news: true,
        born: "1815-12-10T00:00:00.000Z",
        size: "small",
        tags: ["a", "b"],
        handle: "countess",
        points: 10,
        score: null,
      },
    );
    assert.equal("note" in user || "internal_note" in user, false);
    const [stored] = await rows(t, "user", { email: user.email });
    assert.equal(stored?.["internal_note"], "hidden");
    assert.ok(stored["born"] instanceof Date);
  });

  it("when a required one is missing, then it answers MISSING_FIELD", async () => {
    const body = bodyOf(await send(t, {}).expect(400));
    assert.deepEqual(body, { code: "MISSING_FIELD", message: "country is required" });
  });

  it("when one closed to input is set, then it answers FIELD_NOT_ALLOWED", async () => {
    const body = bodyOf(await send(t, { country: "GB", score: 5 }).expect(400));
    assert.deepEqual(body, {
      code: "FIELD_NOT_ALLOWED",
      message: "score is not allowed to be set",
    });
  });

  it("when one closed to input with a default is set, then the default applies", async () => {
    const body = bodyOf(await send(t, { country: "GB", points: 1_000_000 }).expect(200));
    assert.equal((body as SignedUp).user["points"], 10);
  });

  for (const [field, value] of [
    ["country", { $ne: "" }],
    ["country", ["GB"]],
    ["age", "36"],
    ["age", { $gt: 0 }],
    ["news", "yes"],
    ["born", "no date"],
    ["size", "huge"],
    ["tags", ["a", { $ne: 1 }]],
  ] as const) {
    it(`when ${field} is ${JSON.stringify(value)}, then it answers VALIDATION_ERROR and names it`, async () => {
      const body = bodyOf(await send(t, { country: "GB", [field]: value }).expect(400));
      const { code, message } = body as { code: string; message: string };
      assert.equal(code, "VALIDATION_ERROR");
      assert.ok(message.startsWith(`[body.${field}] `), message);
    });
  }

  it("when a unique one is taken, then it answers FAILED_TO_CREATE_USER and nothing is written", async () => {
    await send(t, { country: "GB", handle: "unique" }).expect(200);
    const before = await countAll(t);
    const body = bodyOf(await send(t, { country: "GB", handle: "unique" }).expect(422));
    assert.equal((body as { code: string }).code, "FAILED_TO_CREATE_USER");
    assert.deepEqual(await countAll(t), before);
  });

  it("when a unique one is left out by two users, then both sign up", async () => {
    await send(t, { country: "GB" }).expect(200);
    await send(t, { country: "GB" }).expect(200);
  });
});

describe("POST /sign-up/email, given other password settings", () => {
  const started: TestApp[] = [];
  const start = async (options: AuthOptions): Promise<TestApp> => {
    const t = await startApp(options);
    started.push(t);
    return t;
  };
  const storedHash = async (t: TestApp): Promise<unknown> =>
    (await rows(t, "account"))[0]?.["password"];
  after(() => Promise.all(started.map((t) => t.stop())));

  it("when common passwords are allowed, then one signs up", async () => {
    const t = await start({ emailAndPassword: { blockCommonPasswords: false } });
    await send(t, { password: "password123" }).expect(200);
  });

  it("when the lengths are set, then they count", async () => {
    const t = await start({ emailAndPassword: { minPasswordLength: 12, maxPasswordLength: 14 } });
    await send(t, { password: "Orchard-777" }).expect(400, /PASSWORD_TOO_SHORT/);
    await send(t, { password: "Orchard-7777" }).expect(200);
    await send(t, { password: "Orchard-7777777" }).expect(400, /PASSWORD_TOO_LONG/);
  });

  it("when the cost is set, then it is written into the hash", async () => {
    const t = await start({ emailAndPassword: { password: { cost: { logN: 9, r: 4, p: 2 } } } });
    await send(t, {}).expect(200);
    const header = Buffer.from(String(await storedHash(t)), "base64");
    const cost = [header.readUInt8(7), header.readUInt32BE(8), header.readUInt32BE(12)];
    assert.deepEqual(cost, [9, 4, 2]);
  });

  it("when the app hashes by itself, then its hash is stored", async () => {
    const hash = (password: string) => Promise.resolve(`own:${String(password.length)}`);
    const t = await start({ emailAndPassword: { password: { hash } } });
    await send(t, {}).expect(200);
    assert.equal(await storedHash(t), `own:${String(TEST_PASSWORD.length)}`);
  });

  it("when an official server shares the database, then hash and token are in its formats", async () => {
    const t = await start({ advanced: { compatibility: "better-auth" } });
    const body = bodyOf(await send(t, {}).expect(200));
    const [session] = await rows(t, "session");
    assert.match(String(await storedHash(t)), /^[0-9a-f]{32}:[0-9a-f]{128}$/);
    assert.equal(session?.["token"], (body as SignedUp).token);
  });

  it("when nothing is set, then the stored token is a hash that opens nothing", async () => {
    const t = await start({});
    const body = bodyOf(await send(t, {}).expect(200));
    const [session] = await rows(t, "session");
    const stored = String(session?.["token"]);
    assert.match(stored, /^h1:[\w-]{43}$/);
    assert.notEqual(stored, (body as SignedUp).token);
    const replayed = await request(t.server)
      .get("/auth/get-session")
      .set("Authorization", `Bearer ${stored}`)
      .expect(200);
    assert.equal(replayed.body, null);
  });

  it("when addresses are not to be tracked, then the session has none", async () => {
    const t = await start({ advanced: { ipAddress: { disableIpTracking: true } } });
    const body = bodyOf(await send(t, {}).expect(200));
    assert.equal((body as SignedUp).session?.["ipAddress"], "");
    assert.equal((await rows(t, "session"))[0]?.["ipAddress"], "");
  });
});
