import assert from "node:assert/strict";
import { createAuthClient } from "better-auth/client";
import { inferAdditionalFields, twoFactorClient, usernameClient } from "better-auth/client/plugins";
import { twoFactor, username } from "../lib/index.ts";
import { startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "./support/app.ts";
import { createOutbox, until } from "./support/outbox.ts";
import { codeOf } from "./support/two-factor.ts";

/** A `fetch` with the cookies of one browser, as the client sends them with `credentials: "include"`. */
function browserFetch(): typeof fetch {
  const jar = new Map<string, string>();
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("origin", TEST_ORIGIN);
    if (jar.size > 0) headers.set("cookie", [...jar].map((pair) => pair.join("=")).join("; "));
    const response = await fetch(input, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (line.includes("Max-Age=0")) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
}

describe("the official client, unmodified", () => {
  let t: TestApp;
  const outbox = createOutbox();
  const codes: string[] = [];
  before(async () => {
    const sendOTP = ({ otp }: { otp: string }) => void codes.push(otp);
    t = await startApp({
      plugins: [username(), twoFactor({ otpOptions: { sendOTP } })],
      emailAndPassword: { sendResetPassword: outbox.sender("reset") },
      emailVerification: { sendVerificationEmail: outbox.sender("verification") },
      user: { changeEmail: { enabled: true }, deleteUser: { enabled: true } },
      session: { additionalFields: { theme: { type: "string", required: false } } },
    });
  });
  after(() => t.stop());
  const newClient = () =>
    createAuthClient({
      baseURL: `${t.url}/auth`,
      plugins: [
        usernameClient(),
        twoFactorClient(),
        inferAdditionalFields({ session: { theme: { type: "string", required: false } } }),
      ],
      fetchOptions: { customFetchImpl: browserFetch() },
    });
  let users = 0;
  async function signedUp() {
    users += 1;
    const email = `client-${users}@example.com`;
    const client = newClient();
    const { data, error } = await client.signUp.email({
      email,
      password: TEST_PASSWORD,
      name: "Grace",
    });
    assert.equal(error, null);
    return { client, email, data };
  }

  it("when a user signs up, then the client is signed in and dates are dates", async () => {
    const { client, email } = await signedUp();
    const { data } = await client.getSession();
    assert.equal(data?.user.email, email);
    assert.ok(data.user.createdAt instanceof Date);
    assert.ok(data.session.expiresAt instanceof Date);
  });

  it("when nobody is signed in, then the session is null and no error", async () => {
    const { data, error } = await newClient().getSession();
    assert.deepEqual({ data, error }, { data: null, error: null });
  });

  it("when the password is wrong, then the error carries code, message and status", async () => {
    const { email } = await signedUp();
    const { error } = await newClient().signIn.email({ email, password: "not-the-one" });
    assert.equal(error?.status, 401);
    assert.equal(error.code, "INVALID_EMAIL_OR_PASSWORD");
    assert.equal(error.message, "Invalid email or password");
  });

  it("when the address is taken, then sign-up fails with the documented code", async () => {
    const { email } = await signedUp();
    const again = await newClient().signUp.email({ email, password: TEST_PASSWORD, name: "Eve" });
    assert.equal(again.error?.status, 422);
    assert.equal(again.error.code, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
  });

  it("when the name is changed, then the next session shows it", async () => {
    const { client } = await signedUp();
    assert.equal((await client.updateUser({ name: "Grace Hopper" })).error, null);
    assert.equal((await client.getSession()).data?.user.name, "Grace Hopper");
  });

  it("when another session of the list is revoked, then only it has ended", async () => {
    const { client, email } = await signedUp();
    const other = newClient();
    await other.signIn.email({ email, password: TEST_PASSWORD, rememberMe: false });
    const { data: sessions } = await client.listSessions();
    const own = (await client.getSession()).data?.session.id;
    const revoked = sessions?.find(({ id }) => id !== own);
    assert.equal((await client.revokeSession({ token: revoked?.token ?? "" })).error, null);
    assert.equal((await other.getSession()).data, null);
    assert.notEqual((await client.getSession()).data, null);
  });

  it("when the other sessions are revoked, then the own one stays", async () => {
    const { client, email } = await signedUp();
    const other = newClient();
    await other.signIn.email({ email, password: TEST_PASSWORD });
    assert.equal((await client.revokeOtherSessions()).error, null);
    assert.equal((await other.getSession()).data, null);
    assert.notEqual((await client.getSession()).data, null);
  });

  it("when all sessions are revoked, then nobody is signed in", async () => {
    const { client } = await signedUp();
    assert.equal((await client.revokeSessions()).error, null);
    assert.equal((await client.getSession()).data, null);
  });

  it("when the client signs out, then the session has ended", async () => {
    const { client } = await signedUp();
    assert.equal((await client.signOut()).data?.success, true);
    assert.equal((await client.getSession()).data, null);
  });

  it("when a password is forgotten, then the mailed token sets a new one", async () => {
    const { email } = await signedUp();
    const client = newClient();
    const asked = await client.requestPasswordReset({ email, redirectTo: "/new-password" });
    assert.deepEqual([asked.error, asked.data?.status], [null, true]);
    const { token } = await outbox.next();
    const newPassword = "Another-9-lantern";
    assert.equal((await client.resetPassword({ newPassword, token })).data?.status, true);
    assert.equal((await client.signIn.email({ email, password: newPassword })).error, null);
    const again = await client.resetPassword({ newPassword, token });
    assert.deepEqual([again.error?.status, again.error?.code], [400, "INVALID_TOKEN"]);
  });

  it("when the password is changed with the others revoked, then this client stays signed in", async () => {
    const { client, email } = await signedUp();
    const { data } = await client.changePassword({
      currentPassword: TEST_PASSWORD,
      newPassword: "Another-9-lantern",
      revokeOtherSessions: true,
    });
    assert.equal(data?.user.email, email);
    assert.equal((await client.getSession()).data?.session.token, data.token);
  });

  it("when an address is verified and changed by mailed links, then the user has the new one", async () => {
    const { client, email } = await signedUp();
    assert.equal((await client.sendVerificationEmail({ email, callbackURL: "/" })).error, null);
    const verified = await client.verifyEmail({ query: { token: (await outbox.next()).token } });
    assert.equal(verified.error, null);
    assert.equal((await client.getSession()).data?.user.emailVerified, true);
    const newEmail = `new-${email}`;
    assert.equal((await client.changeEmail({ newEmail })).data?.status, true);
    await client.verifyEmail({ query: { token: (await outbox.next()).token } });
    assert.equal((await client.getSession()).data?.user.email, newEmail);
  });

  it("when a field of the session is changed, then the session has it", async () => {
    const { client } = await signedUp();
    assert.equal((await client.updateSession({ theme: "dark" })).error, null);
    assert.equal((await client.getSession()).data?.session.theme, "dark");
  });

  it("when the user is deleted, then nobody is signed in, and the address is free", async () => {
    const { client, email } = await signedUp();
    const { data } = await client.deleteUser({ password: TEST_PASSWORD });
    assert.deepEqual(data, { success: true, message: "User deleted" });
    assert.equal((await client.getSession()).data, null);
    const again = await client.signUp.email({ email, password: TEST_PASSWORD, name: "Grace" });
    assert.equal(again.error, null);
  });

  it("when a user has a username, then it is shown, taken, and signs in", async () => {
    const email = "hopper@example.com";
    const client = newClient();
    const made = await client.signUp.email({
      email,
      password: TEST_PASSWORD,
      name: "Grace",
      username: "Hopper_1906",
    });
    assert.equal(made.error, null);
    assert.equal(
      (await client.isUsernameAvailable({ username: "hopper_1906" })).data?.available,
      false,
    );
    const other = newClient();
    const signIn = await other.signIn.username({
      username: "HOPPER_1906",
      password: TEST_PASSWORD,
    });
    assert.equal(signIn.error, null);
    const { data } = await other.getSession();
    assert.deepEqual(
      [data?.user.username, data?.user.displayUsername],
      ["hopper_1906", "Hopper_1906"],
    );
    const taken = await (await signedUp()).client.updateUser({ username: "hopper_1906" });
    assert.deepEqual([taken.error?.status, taken.error?.code], [400, "USERNAME_IS_ALREADY_TAKEN"]);
  });

  it("when a second factor is set up, then sign-in waits for a code, a sent one or a backup code", async () => {
    const { client, email } = await signedUp();
    const password = TEST_PASSWORD;
    const enabled = await client.twoFactor.enable({ password });
    assert.equal(enabled.error, null);
    const { totpURI = "", backupCodes = [] } = enabled.data as {
      totpURI?: string;
      backupCodes?: string[];
    };
    const uri = await client.twoFactor.getTotpUri({ password });
    assert.equal(uri.data?.totpURI, totpURI);
    const code = codeOf(t, { uri: totpURI });
    assert.equal((await client.twoFactor.verifyTotp({ code })).error, null);
    assert.equal((await client.getSession()).data?.user.twoFactorEnabled, true);

    t.clock.advance(60);
    const waiting = async () => {
      const other = newClient();
      const { data } = await other.signIn.email({ email, password });
      assert.deepEqual(data, { twoFactorRedirect: true, twoFactorMethods: ["totp", "otp"] });
      assert.equal((await other.getSession()).data, null);
      return other;
    };
    const byCode = await waiting();
    const next = codeOf(t, { uri: totpURI });
    assert.equal((await byCode.twoFactor.verifyTotp({ code: next })).error, null);
    assert.equal((await byCode.getSession()).data?.user.email, email);

    const bySent = await waiting();
    assert.equal((await bySent.twoFactor.sendOtp()).error, null);
    await until(() => codes.length > 0, "no code was sent");
    const sent = await bySent.twoFactor.verifyOtp({ code: codes[0] ?? "", trustDevice: true });
    assert.equal(sent.error, null);
    await bySent.signOut();
    assert.equal((await bySent.signIn.email({ email, password })).error, null);
    assert.equal((await bySent.getSession()).data?.user.email, email);

    const byBackup = await waiting();
    const [backup = ""] = backupCodes;
    assert.equal((await byBackup.twoFactor.verifyBackupCode({ code: backup })).error, null);
    const made = await byBackup.twoFactor.generateBackupCodes({ password });
    assert.equal(made.data?.backupCodes.length, 10);
    assert.equal((await byBackup.twoFactor.disable({ password })).data?.status, true);
    assert.equal((await newClient().signIn.email({ email, password })).data?.user.email, email);
  });
});
