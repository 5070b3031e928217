import assert from "node:assert/strict";
import request from "supertest";
import { username, type AuthOptions } from "../../../lib/index.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
} from "../../support/app.ts";
import { createOutbox } from "../../support/outbox.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { refuseRows } from "../../support/refuse-rows.ts";

const PATH = "/auth/sign-in/username";
const WRONG = [401, "INVALID_USERNAME_OR_PASSWORD", "Invalid username or password"] as const;

const signIn = (t: TestApp, body: object) => request(t.server).post(PATH).send(body);
const signUp = async (t: TestApp, fields: object) => {
  const user = { name: "Ada", email: "ada@example.com", password: TEST_PASSWORD, ...fields };
  const answer = await request(t.server).post("/auth/sign-up/email").send(user).expect(200);
  return (answer.body as { user: { id: string } }).user.id;
};

describe("POST /sign-in/username", () => {
  let t: TestApp;
  let id: string;
  const start = async (options: AuthOptions = {}) => {
    t = await startApp({ plugins: [username()], ...options });
    id = await signUp(t, { username: "Ada.L_1" });
  };
  afterEach(() => t.stop());

  describe("given the default options", () => {
    beforeEach(() => start());

    for (const typed of ["ada.l_1", "Ada.L_1", "ADA.L_1"]) {
      it(`when ${typed} signs in with the right password, then it answers token and user, and sets the session`, async () => {
        const answer = await signIn(t, { username: typed, password: TEST_PASSWORD }).expect(200);
        const { token, user, ...rest } = answer.body as {
          token: string;
          user: Record<string, unknown>;
        };
        assert.deepEqual(rest, { redirect: false, url: null });
        assert.equal(user["id"], id);
        assert.deepEqual([user["username"], user["displayUsername"]], ["ada.l_1", "Ada.L_1"]);
        const session = await request(t.server)
          .get("/auth/get-session")
          .set("cookie", cookieHeader(answer));
        assert.equal((session.body as { session: { token: string } }).session.token, token);
      });
    }

    it("when a callbackURL is given, then redirect, url and Location say so", async () => {
      const body = { username: "ada.l_1", password: TEST_PASSWORD, callbackURL: "/home" };
      const answer = await signIn(t, body).expect(200).expect("location", "/home");
      const { redirect, url } = answer.body as { redirect: boolean; url: string };
      assert.deepEqual([redirect, url], [true, "/home"]);
    });

    for (const [field, value] of [
      ["rememberMe", false],
      ["dontRememberMe", true],
    ] as const) {
      it(`when ${field} is ${value}, then the session ends with the browser`, async () => {
        const body = { username: "ada.l_1", password: TEST_PASSWORD, [field]: value };
        const [cookie = ""] = setCookies(await signIn(t, body).expect(200));
        assert.doesNotMatch(cookie, /Max-Age/);
      });
    }

    for (const [what, body] of [
      ["the password is wrong", { username: "ada.l_1", password: "Wrong-7-orchard" }],
      ["the username is unknown", { username: "nobody", password: TEST_PASSWORD }],
      ["the username is empty", { username: "", password: TEST_PASSWORD }],
      ["the password is empty", { username: "ada.l_1", password: "" }],
      ["the password is over-long", { username: "ada.l_1", password: "x".repeat(129) }],
    ] as const) {
      it(`when ${what}, then it answers INVALID_USERNAME_OR_PASSWORD and no cookie`, async () => {
        const answer = await signIn(t, body);
        assertRefusal(answer, WRONG);
        assert.deepEqual(setCookies(answer), []);
      });
    }

    it("when the user has no password, then it answers INVALID_USERNAME_OR_PASSWORD", async () => {
      await t.auth.models.Account.deleteMany({});
      assertRefusal(await signIn(t, { username: "ada.l_1", password: TEST_PASSWORD }), WRONG);
    });

    for (const [typed, code] of [
      ["ab", "USERNAME_TOO_SHORT"],
      ["a".repeat(31), "USERNAME_TOO_LONG"],
      ["a".repeat(9000), "USERNAME_TOO_LONG"],
      ["ada lovelace", "INVALID_USERNAME"],
      ["ada@example.com", "INVALID_USERNAME"],
      ["adä", "INVALID_USERNAME"],
    ] as const) {
      it(`when the username is ${typed.slice(0, 31)} (${typed.length}), then it answers ${code}`, async () => {
        assertRefusal(await signIn(t, { username: typed, password: TEST_PASSWORD }), [422, code]);
      });
    }

    it("when the user is banned, then BANNED_USER, and only after the right password", async () => {
      await t.auth.models.User.updateOne({ email: "ada@example.com" }, { banned: true });
      assertRefusal(await signIn(t, { username: "ada.l_1", password: "Wrong-7-orchard" }), WRONG);
      const answer = await signIn(t, { username: "ada.l_1", password: TEST_PASSWORD });
      assertRefusal(answer, [403, "BANNED_USER"]);
    });

    it("when the database refuses the session, then it answers FAILED_TO_CREATE_SESSION", async () => {
      await refuseRows(t, "session");
      const answer = await signIn(t, { username: "ada.l_1", password: TEST_PASSWORD });
      assertRefusal(answer, [401, "FAILED_TO_CREATE_SESSION"]);
    });

    it("when a form is sent, then UNSUPPORTED_MEDIA_TYPE, as in Better Auth", async () => {
      const form = { username: "ada.l_1", password: TEST_PASSWORD };
      const sent = request(t.server).post(PATH).type("form").set("origin", TEST_ORIGIN).send(form);
      assertRefusal(await sent, [415, "UNSUPPORTED_MEDIA_TYPE"]);
    });
  });

  it("when passwords are off, then it answers EMAIL_PASSWORD_DISABLED", async () => {
    t = await startApp({ plugins: [username()], emailAndPassword: { enabled: false } });
    const answer = await signIn(t, { username: "ada.l_1", password: TEST_PASSWORD });
    assertRefusal(answer, [400, "EMAIL_PASSWORD_DISABLED"]);
  });

  it("when the feature is off, then it is not found, and users have no username", async () => {
    t = await startApp();
    await signUp(t, { username: "ada.l_1" });
    assertRefusal(await signIn(t, { username: "ada.l_1", password: TEST_PASSWORD }), [
      404,
      "NOT_FOUND",
    ]);
    const row = await t.database.collection("user").findOne({});
    assert.equal(row !== null && "username" in row, false);
  });

  it("when addresses have to be verified, then EMAIL_NOT_VERIFIED after the right password, and a mail", async () => {
    const outbox = createOutbox();
    t = await startApp({
      plugins: [username()],
      emailAndPassword: { requireEmailVerification: true },
      emailVerification: {
        sendVerificationEmail: outbox.sender("verify"),
        sendOnSignUp: false,
        sendOnSignIn: true,
      },
    });
    await signUp(t, { username: "ada.l_1" });
    assertRefusal(await signIn(t, { username: "ada.l_1", password: "Wrong-7-orchard" }), WRONG);
    await outbox.assertEmpty();
    const answer = await signIn(t, { username: "ada.l_1", password: TEST_PASSWORD });
    assertRefusal(answer, [403, "EMAIL_NOT_VERIFIED"]);
    assert.equal((await outbox.next()).user.email, "ada@example.com");
  });

  it("when an account is guessed at too often, then 429, whichever letter case is typed", async () => {
    t = await startApp({
      plugins: [username()],
      rateLimit: {
        enabled: true,
        customRules: { "/**": false },
        account: { maxFailures: 3, window: 60 },
      },
    });
    for (const typed of ["nobody", "NOBODY", "Nobody"]) {
      assertRefusal(await signIn(t, { username: typed, password: "Wrong-7-orchard" }), WRONG);
    }
    const answer = await signIn(t, { username: "noBody", password: "Wrong-7-orchard" });
    assertRefusal(answer, [429, "TOO_MANY_REQUESTS"]);
  });
});
