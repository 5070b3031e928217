import assert from "node:assert/strict";
import { createAuthClient } from "better-auth/client";
import { startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "./support/app.ts";

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
  before(async () => {
    t = await startApp();
  });
  after(() => t.stop());
  const newClient = () =>
    createAuthClient({
      baseURL: `${t.url}/auth`,
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
});
