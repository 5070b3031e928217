import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import request from "supertest";
import { sign, signingKey } from "../lib/crypto/signature.ts";
import { username, type AuthOptions } from "../lib/index.ts";
import {
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  TEST_SECRET,
  type TestApp,
  type TestUser,
} from "./support/app.ts";
import { createOutbox } from "./support/outbox.ts";
import { inParallel } from "./support/parallel.ts";
import { sendRaw } from "./support/raw.ts";
import { assertRefusal } from "./support/refusal.ts";

const OTHER_PASSWORD = "Another-9-harbour";

/** Tries that once succeeded, against what someone else owns. */
describe("attacks on accounts", () => {
  let t: TestApp;
  const outbox = createOutbox();
  const mailing: AuthOptions = {
    emailAndPassword: { sendResetPassword: outbox.sender("reset") },
    emailVerification: { sendVerificationEmail: outbox.sender("verification") },
    user: {
      changeEmail: { enabled: true },
      deleteUser: { enabled: true, sendDeleteAccountVerification: outbox.sender("deletion") },
    },
  };
  const start = async (options: AuthOptions) => {
    t = await startApp(options);
  };
  afterEach(() => t.stop());

  const post = (path: string, body: object, { token }: { token?: string } = {}) =>
    request(t.server)
      .post(`/auth${path}`)
      .set(token === undefined ? {} : { authorization: `Bearer ${token}` })
      .send(body);
  const verify = (token: string) => request(t.server).get("/auth/verify-email").query({ token });
  const isLive = async (token: string) =>
    (await request(t.server).get("/auth/get-session").auth(token, { type: "bearer" })).body !==
    null;
  const mailedToken = async () => (await outbox.next()).token;
  const resetToken = async ({ email }: Pick<TestUser, "email">) => {
    await post("/forget-password", { email }).expect(200);
    return mailedToken();
  };

  describe("given a sign-in with the old password while it is being replaced", () => {
    /** Holds the transaction open, after its sessions are gone and before it is committed. */
    const slowly = (): AuthOptions => {
      let isSlow = false;
      return {
        ...mailing,
        databaseHooks: {
          account: { update: { after: () => (isSlow ? sleep(300) : undefined) } },
          user: {
            create: { after: () => void (isSlow = true) },
            delete: { after: () => sleep(300) },
          },
        },
      };
    };
    const meanwhile = async <A>(work: () => PromiseLike<A>, { email, password }: TestUser) => {
      const running = Promise.resolve(work());
      await sleep(120);
      const signIn = await post("/sign-in/email", { email, password });
      return { answer: await running, signIn };
    };
    const tokenOf = (answer: request.Response) => (answer.body as { token?: string }).token ?? "";

    it("when the password is reset, then its session ends with the others", async () => {
      await start(slowly());
      const user = await t.givenUser();
      const token = await resetToken(user);
      const reset = () => post("/reset-password", { token, newPassword: OTHER_PASSWORD });
      const { answer, signIn } = await meanwhile(reset, user);
      assert.equal(answer.status, 200);
      assert.equal(signIn.status, 200);
      assert.equal(await isLive(tokenOf(signIn)), false);
    });

    it("when it is changed and the others are revoked, then its session ends, and the new one lives", async () => {
      await start(slowly());
      const user = await t.givenUser();
      const change = () =>
        post(
          "/change-password",
          {
            currentPassword: user.password,
            newPassword: OTHER_PASSWORD,
            revokeOtherSessions: true,
          },
          user,
        );
      const { answer, signIn } = await meanwhile(change, user);
      assert.deepEqual([answer.status, signIn.status], [200, 200]);
      assert.equal(await isLive(tokenOf(signIn)), false);
      assert.equal(await isLive(tokenOf(answer)), true);
    });

    it("when the user is deleted, then no row of theirs is left", async () => {
      const { user: _user, ...options } = slowly();
      await start({ ...options, user: { deleteUser: { enabled: true } } });
      const user = await t.givenUser();
      const { answer } = await meanwhile(() => post("/delete-user", {}, user), user);
      assert.equal(answer.status, 200);
      for (const name of ["session", "account", "verification", "user"]) {
        assert.equal(await t.database.collection(name).countDocuments(), 0, name);
      }
    });
  });

  describe("given a change of the address that a thief asked for", () => {
    const asked = async () => {
      const user = await t.givenUser();
      const thief = await t.givenSession(user);
      await post("/change-email", { newEmail: "thief@evil.example" }, thief).expect(200);
      return { user, token: await mailedToken() };
    };

    it("when the owner resets the password, then its link is void", async () => {
      await start(mailing);
      const { user, token } = await asked();
      const reset = { token: await resetToken(user), newPassword: OTHER_PASSWORD };
      await post("/reset-password", reset).expect(200);
      assertRefusal(await verify(token), [401, "INVALID_TOKEN"]);
      assert.notEqual(await t.auth.models.User.findOne({ email: user.email }), null);
    });

    it("when the owner changes the password, then its link is void", async () => {
      await start(mailing);
      const { user, token } = await asked();
      const body = { currentPassword: user.password, newPassword: OTHER_PASSWORD };
      await post("/change-password", body, user).expect(200);
      assertRefusal(await verify(token), [401, "INVALID_TOKEN"]);
    });

    it("when the old address had only agreed, then nothing is mailed to the new one any more", async () => {
      const sendChangeEmailConfirmation = outbox.sender("confirmation");
      await start({
        ...mailing,
        user: { changeEmail: { enabled: true, sendChangeEmailConfirmation } },
      });
      const user = await t.givenUser();
      await t.auth.models.User.updateOne({ email: user.email }, { emailVerified: true });
      await post("/change-email", { newEmail: "thief@evil.example" }, user).expect(200);
      const token = await mailedToken();
      const body = { currentPassword: user.password, newPassword: OTHER_PASSWORD };
      await post("/change-password", body, user).expect(200);
      assertRefusal(await verify(token), [401, "INVALID_TOKEN"]);
      await outbox.assertEmpty();
    });

    it("when nothing was changed, then the link works", async () => {
      await start(mailing);
      const { token } = await asked();
      await verify(token).expect(200);
      assert.notEqual(await t.auth.models.User.findOne({ email: "thief@evil.example" }), null);
    });
  });

  it("when the address has changed, then what was mailed to the old one is void", async () => {
    await start(mailing);
    const user = await t.givenUser();
    const reset = await resetToken(user);
    await post("/delete-user", {}, user).expect(200);
    const deletion = await mailedToken();
    await post("/change-email", { newEmail: `new-${user.email}` }, user).expect(200);
    await verify(await mailedToken()).expect(200);
    const body = { token: reset, newPassword: OTHER_PASSWORD };
    assertRefusal(await post("/reset-password", body), [400, "INVALID_TOKEN"]);
    const callback = request(t.server).get("/auth/delete-user/callback").query({ token: deletion });
    assertRefusal(await callback, [404, "INVALID_TOKEN"]);
  });

  it("when the password is reset, then a deletion that was asked for before is void", async () => {
    await start(mailing);
    const user = await t.givenUser();
    await post("/delete-user", {}, user).expect(200);
    const deletion = await mailedToken();
    const body = { token: await resetToken(user), newPassword: OTHER_PASSWORD };
    await post("/reset-password", body).expect(200);
    const callback = request(t.server).get("/auth/delete-user/callback").query({ token: deletion });
    assertRefusal(await callback, [404, "INVALID_TOKEN"]);
  });

  it("when deletion is asked for 50 times, then five mails go out", async () => {
    await start({ ...mailing, rateLimit: { enabled: true } });
    const user = await t.givenUser();
    const tally = await inParallel(50, () => post("/delete-user", {}, user));
    assert.deepEqual(tally, { "200": 50 });
    const mailed = await Promise.all([1, 2, 3, 4, 5].map(() => outbox.next()));
    await outbox.assertEmpty();
    assert.equal(mailed.length, 5);
    assert.equal(await t.auth.models.Verification.countDocuments(), 5);
  });

  it("when someone has asked for mails to an address without a user, then its user is mailed at sign-up", async () => {
    await start({
      ...mailing,
      emailAndPassword: { requireEmailVerification: true },
      rateLimit: { enabled: true, customRules: { "/**": false } },
    });
    const email = "victim@example.com";
    for (let time = 0; time < 6; time += 1)
      await post("/send-verification-email", { email }).expect(200);
    await outbox.assertEmpty();
    await post("/sign-up/email", { name: "Ada", email, password: TEST_PASSWORD }).expect(200);
    assert.equal((await outbox.next()).user.email, email);
    for (let time = 0; time < 6; time += 1)
      await post("/send-verification-email", { email }).expect(200);
    for (let mail = 2; mail <= 5; mail += 1) await outbox.next();
    await outbox.assertEmpty();
  });

  for (const host of ["*", "**", "*:80", "!*", "a*b$c", "a?b"]) {
    it(`when baseURL is unset and the Host is ${host}, then no other origin is trusted, and nothing breaks`, async () => {
      await start({ baseURL: undefined });
      const head = [
        `POST /auth/sign-in/email HTTP/1.1`,
        `Host: ${host}`,
        "Origin: http://evil.example",
        "Cookie: a=1",
        "Content-Type: application/json",
        "Content-Length: 2",
      ];
      const answer = await sendRaw(t.server, head, "{}");
      assert.ok([400, 403].includes(answer.status), String(answer.status));
    });
  }

  describe("given usernames", () => {
    it("when the password is the name that a display username becomes, then it is refused", async () => {
      await start({ plugins: [username()] });
      const body = {
        name: "Ada",
        email: "ada@example.com",
        displayUsername: "Moonriver77",
        password: "moonriver77",
      };
      assertRefusal(await post("/sign-up/email", body), [400, "PASSWORD_COMPROMISED"]);
    });

    it("when a user without a name sets 20 at once and names are immutable, then one stays", async () => {
      await start({ plugins: [username({ immutableUsername: true })] });
      const user = await t.givenUser();
      const tally = await inParallel(20, (n) =>
        post("/update-user", { username: `name_${n}` }, user),
      );
      assert.deepEqual(tally, { "200": 1, "400 USERNAME_IS_IMMUTABLE": 19 });
    });

    it("when a name looks like an address, then its failures do not count against the address", async () => {
      await start({
        plugins: [username({ usernameValidator: () => true })],
        rateLimit: {
          enabled: true,
          customRules: { "/**": false },
          account: { maxFailures: 2, window: 60 },
        },
      });
      const { email, password } = await t.givenUser();
      for (let time = 0; time < 3; time += 1)
        await post("/sign-in/username", { username: email, password: "wrong-password" });
      await post("/sign-in/email", { email, password }).expect(200);
    });
  });

  it("when another signed value is sent as the cookie of a known device, then it is none", async () => {
    await start({
      rateLimit: {
        enabled: true,
        storage: "database",
        customRules: { "/**": false },
        account: { maxFailures: 1, window: 60 },
      },
    });
    const { email } = await t.givenUser();
    const wrong = { email, password: "wrong-password" };
    await post("/sign-in/email", wrong).expect(401);
    const row = await t.database.collection("rateLimit").findOne({ key: /^guess\|/ });
    const [, mark = ""] = /^guess\|(.{22})$/.exec(String(row?.["key"])) ?? assert.fail("no mark");
    const signIn = (value: string) =>
      request(t.server)
        .post("/auth/sign-in/email")
        .set({
          cookie: `better-auth.known_device=${encodeURIComponent(sign(value, signingKey(TEST_SECRET)))}`,
          origin: TEST_ORIGIN,
        })
        .send(wrong);
    // As a copy of a session is signed, whose owner is called so.
    assertRefusal(await signIn(`{"name":"x!${mark}!y"}`), [429, "TOO_MANY_REQUESTS"]);
    assertRefusal(await signIn(`${"A".repeat(16)}!${mark}`), [401, "INVALID_EMAIL_OR_PASSWORD"]);
  });
});
