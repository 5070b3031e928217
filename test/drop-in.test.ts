import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mock } from "node:test";
import request from "supertest";
import { betterAuth, type AuthOptions } from "../lib/index.ts";
import { parseId, referenceForms } from "../lib/models/id.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  TEST_SECRET,
  type TestApp,
  type TestUser,
} from "./support/app.ts";
import { describeWithScans, freshDatabase } from "./support/mongo.ts";
import {
  OFFICIAL_VERSIONS,
  startOfficial,
  type OfficialAnswer,
  type OfficialServer,
} from "./support/official.ts";
import { createOutbox, follow } from "./support/outbox.ts";
import { OFFICIAL_COOKIE, OWN_COOKIE } from "./support/sessions.ts";

const DAY = 86_400;
const NEW_PASSWORD = "Harbour-9-lighthouse";
/** Our format begins so, Better Auth's is hex with a colon. */
const OWN_HASH = /^c2NyeXB0/;
const OFFICIAL_HASH = /^[0-9a-f]{32}:[0-9a-f]{128}$/;

const outbox = createOutbox();
const configuration = {
  emailAndPassword: { enabled: true, sendResetPassword: outbox.sender("reset") },
  emailVerification: { sendVerificationEmail: outbox.sender("verification") },
  user: {
    additionalFields: { plan: { type: "string", required: false } },
    changeEmail: { enabled: true, sendChangeEmailConfirmation: outbox.sender("confirmation") },
    deleteUser: { enabled: true, sendDeleteAccountVerification: outbox.sender("deletion") },
  },
} as const satisfies AuthOptions;

/** With this, an official server understands everything that is written here. */
const SHARED = {
  ...configuration,
  advanced: {
    compatibility: "better-auth",
    cookies: { session_token: { name: OFFICIAL_COOKIE } },
  },
} as const satisfies AuthOptions;

interface Signed {
  readonly session: { readonly id: string; readonly token: string };
  readonly user: { readonly id: string; readonly emailVerified: boolean };
}

const get = ({ server }: TestApp, path: string, cookie: string) =>
  request(server).get(`/auth${path}`).set("cookie", cookie);
const post = ({ server }: TestApp, path: string, cookie: string, body: object = {}) =>
  request(server).post(`/auth${path}`).set({ cookie, origin: TEST_ORIGIN }).send(body);
const signIn = ({ server }: TestApp, email: string, password = TEST_PASSWORD) =>
  request(server).post("/auth/sign-in/email").send({ email, password });
const sessionOf = async (t: TestApp, cookie: string): Promise<Signed | null> =>
  (await get(t, "/get-session", cookie).expect(200)).body as Signed | null;

const isVerified = async (t: TestApp, cookie: string): Promise<boolean | undefined> =>
  (await sessionOf(t, cookie))?.user.emailVerified;

/** Does something while the clock of the app is ahead, by seconds. */
async function later<T>(
  { clock }: TestApp,
  seconds: number,
  work: () => PromiseLike<T>,
): Promise<T> {
  clock.advance(seconds);
  try {
    return await work();
  } finally {
    clock.advance(-seconds);
  }
}

async function storedHash({ auth }: TestApp, { id }: TestUser): Promise<string> {
  const account = await auth.models.Account.findOne({ accountId: id }).lean();
  return account?.password ?? assert.fail("no password account");
}

/** What is left of a user, by collection. */
async function remainsOf({ database }: TestApp, id: string): Promise<Record<string, number>> {
  const references = referenceForms(parseId(id) ?? id);
  const count = (collection: string, field: string) =>
    database.collection(collection).countDocuments({ [field]: { $in: references } });
  return {
    user: await count("user", "_id"),
    session: await count("session", "userId"),
    account: await count("account", "userId"),
    verification: await count("verification", "value"),
  };
}
const NOTHING = { user: 0, session: 0, account: 0, verification: 0 };

for (const version of OFFICIAL_VERSIONS) {
  describeWithScans(`a database of Better Auth ${version}`, () => {
    let official: OfficialServer;
    let t: TestApp;
    let first: TestUser;
    before(async () => {
      const database = await freshDatabase();
      official = await startOfficial(version, database);
      first = await official.givenUser();
      await mailedBy(official.post("/request-password-reset", { body: { email: first.email } }));
      const rateLimit = {
        enabled: true,
        storage: "database",
        customRules: { "/**": false },
      } as const;
      t = await startApp({ ...configuration, database, rateLimit });
    });
    after(async () => {
      await official.stop();
      await t.stop();
    });

    /** The token and link of the mail that this call sent. */
    async function mailedBy(call: Promise<OfficialAnswer>) {
      const { status, body } = await call;
      assert.equal(status, 200, JSON.stringify(body));
      return official.mail();
    }
    async function givenVerifiedUser(): Promise<TestUser> {
      const user = await official.givenUser();
      const body = { email: user.email };
      const { url } = await mailedBy(
        official.post("/send-verification-email", { body, cookie: user.cookie }),
      );
      await official.get(url.slice(`${TEST_ORIGIN}/auth`.length));
      return user;
    }

    it("when it is opened, then every index is built and nothing is in its way", async () => {
      assert.ok((await t.database.collection("rateLimit").countDocuments()) > 0, "no counters");
      await t.auth.ready();
      assert.deepEqual((await t.auth.ensureIndexes()).failed, []);
      assert.deepEqual(t.logged, []);
    });

    describe("given a user who signed up there", () => {
      it("when they sign in, then it is the same user, with every field", async () => {
        const given = { image: "https://app.test/grace.png", plan: "pro" };
        const { id, email, cookie } = await official.givenUser(given);
        const there = (await official.get("/get-session", { cookie })).body as Signed;
        const response = await signIn(t, email).expect(200);
        assert.deepEqual((response.body as Signed).user, { ...there.user, ...given, id });
      });

      it("when they sign in, then the hash is replaced, and the password stays", async () => {
        const user = await official.givenUser();
        assert.match(await storedHash(t, user), OFFICIAL_HASH);
        await signIn(t, user.email).expect(200);
        assert.match(await storedHash(t, user), OWN_HASH);
        await signIn(t, user.email).expect(200);
      });

      it("when the password is wrong, then it is 401 and the hash stays", async () => {
        const user = await official.givenUser();
        await signIn(t, user.email, "wrong-password").expect(401);
        assert.match(await storedHash(t, user), OFFICIAL_HASH);
      });

      it("when they change their password, then the new one counts", async () => {
        const { email, cookie } = await official.givenUser();
        const body = { currentPassword: TEST_PASSWORD, newPassword: NEW_PASSWORD };
        await post(t, "/change-password", cookie, body).expect(200);
        await signIn(t, email).expect(401);
        await signIn(t, email, NEW_PASSWORD).expect(200);
      });

      it("when their rows have fields that we do not know, then updates leave them alone", async () => {
        const { id, email, cookie } = await official.givenUser();
        const users = t.database.collection("user");
        const accounts = t.database.collection("account");
        // Better Auth 1.7.0 to 1.7.2 stored the issuer; the other is of a plugin.
        const issuer = "local:credential";
        await accounts.updateOne({ accountId: id }, { $set: { issuer } });
        await users.updateOne({ email }, { $set: { stripeCustomerId: "cus_1" } });
        await signIn(t, email).expect(200);
        await post(t, "/update-user", cookie, { name: "Rear Admiral Hopper" }).expect(200);
        const account = await accounts.findOne({ accountId: id });
        const user = await users.findOne({ email });
        assert.match(String(account?.["password"]), OWN_HASH);
        assert.deepEqual(
          [account?.["issuer"], user?.["name"], user?.["stripeCustomerId"]],
          [issuer, "Rear Admiral Hopper", "cus_1"],
        );
      });

      it("when another signs up with the address, then it is taken", async () => {
        const { email } = await official.givenUser();
        const body = { name: "Eve", email: email.toUpperCase(), password: TEST_PASSWORD };
        await request(t.server).post("/auth/sign-up/email").send(body).expect(422);
      });

      it("when they delete themselves, then nothing of them is left", async () => {
        const { id, email, cookie } = await official.givenUser();
        await mailedBy(official.post("/request-password-reset", { body: { email } }));
        const { token } = await mailedBy(official.post("/delete-user", { cookie }));
        await post(t, "/delete-user", cookie, { token }).expect(200);
        assert.deepEqual(await remainsOf(t, id), NOTHING);
      });
    });

    describe("given a session that began there", () => {
      it("when its cookie comes, then it is the same session", async () => {
        const { id, token, cookie } = await official.givenUser();
        const there = (await official.get("/get-session", { cookie })).body as Signed;
        const response = await get(t, "/get-session", cookie).expect(200);
        const { session, user } = response.body as Signed;
        assert.deepEqual([session.id, session.token, user.id], [there.session.id, token, id]);
        assert.deepEqual(setCookies(response), []);
      });

      it("when its token comes as Bearer, signed or not, then it is the same session", async () => {
        const { id, token, cookie } = await official.givenUser();
        const value = cookie.slice(`${OFFICIAL_COOKIE}=`.length);
        for (const bearer of [token, value, decodeURIComponent(value)]) {
          const authorization = `Bearer ${bearer}`;
          const asked = request(t.server).get("/auth/get-session").set({ authorization });
          assert.equal(((await asked.expect(200)).body as Signed).user.id, id);
        }
      });

      it("when it is renewed, then our cookie is set and the official one expires", async () => {
        const { token, cookie } = await official.givenUser();
        const response = await later(t, DAY + 60, () => get(t, "/get-session", cookie).expect(200));
        const lines = setCookies(response);
        const ours = lines.find((line) => line.startsWith(`${OWN_COOKIE}=${token}.`));
        assert.match(ours ?? "", /; Max-Age=604800;/);
        const theirs = lines.find((line) => line.startsWith(`${OFFICIAL_COOKIE}=;`));
        assert.match(theirs ?? "", /; Max-Age=0;/);
        const renewed = await later(t, 7 * DAY, () => sessionOf(t, cookieHeader(response)));
        assert.equal(renewed?.session.token, token);
      });

      it("when it ends with the browser, then it is not renewed and lasts a day", async () => {
        const { email, password } = await official.givenUser();
        const body = { email, password, rememberMe: false };
        const { cookie } = await official.post("/sign-in/email", { body });
        assert.match(cookie, /dont_remember=/);
        const response = await later(t, DAY - 60, () => get(t, "/get-session", cookie).expect(200));
        assert.deepEqual([response.body === null, setCookies(response)], [false, []]);
        assert.equal(await later(t, DAY, () => sessionOf(t, cookie)), null);
      });

      it("when sessions are listed, then all of them are there, and one can be ended", async () => {
        const user = await official.givenUser();
        const { email, password, cookie } = user;
        const other = await official.post("/sign-in/email", { body: { email, password } });
        const here = await t.givenSession(user);
        const list = async () =>
          (await get(t, "/list-sessions", cookie).expect(200)).body as Signed["session"][];
        const sessions = await list();
        assert.equal(sessions.length, 3);
        const otherId = (await sessionOf(t, other.cookie))?.session.id;
        const handle = sessions.find(({ id }) => id === otherId)?.token;
        assert.equal(handle, `session_${otherId ?? ""}`);
        await post(t, "/revoke-session", cookie, { token: handle }).expect(200);
        assert.equal(await sessionOf(t, other.cookie), null);
        await post(t, "/revoke-session", here.cookie, { token: user.token }).expect(200);
        assert.equal(await sessionOf(t, cookie), null);
        assert.notEqual(await sessionOf(t, here.cookie), null);
      });

      it("when the others are ended from here, then it has ended there too", async () => {
        const user = await official.givenUser();
        const { cookie } = await t.givenSession(user);
        await post(t, "/revoke-other-sessions", cookie).expect(200);
        assert.equal((await official.get("/get-session", { cookie: user.cookie })).body, null);
        assert.notEqual(await sessionOf(t, cookie), null);
      });

      it("when it signs out, then its row is gone and both cookies expire", async () => {
        const { id, cookie } = await official.givenUser();
        const response = await post(t, "/sign-out", cookie).expect(200);
        for (const name of [OWN_COOKIE, OFFICIAL_COOKIE]) {
          const line = setCookies(response).find((one) => one.startsWith(`${name}=;`));
          assert.match(line ?? "", /; Max-Age=0;/);
        }
        assert.equal((await remainsOf(t, id))["session"], 0);
      });
    });

    describe("given a mail that was sent there", () => {
      it("when its reset link is followed, then the password is set and the sessions end", async () => {
        const { email, cookie } = await official.givenUser();
        const body = { email, redirectTo: "/new-password" };
        const { url, token } = await mailedBy(official.post("/request-password-reset", { body }));
        const led = await follow(t, url).expect(302);
        assert.equal(led.get("location"), `${TEST_ORIGIN}/new-password?token=${token}`);
        const reset = () => post(t, "/reset-password", "", { token, newPassword: NEW_PASSWORD });
        await reset().expect(200);
        await reset().expect(400);
        await signIn(t, email, NEW_PASSWORD).expect(200);
        assert.equal(await sessionOf(t, cookie), null);
      });

      it("when its verification link is followed, then the address is verified", async () => {
        const { email, cookie } = await official.givenUser();
        const call = { body: { email }, cookie };
        const { url } = await mailedBy(official.post("/send-verification-email", call));
        await follow(t, url).expect(302);
        assert.equal(await isVerified(t, cookie), true);
      });

      it("when the old address agrees to a change, then the new one is asked and replaces it", async () => {
        const { email, cookie } = await givenVerifiedUser();
        const newEmail = `new-${email}`;
        const call = { body: { newEmail }, cookie };
        const { url } = await mailedBy(official.post("/change-email", call));
        await follow(t, url).expect(302);
        const mail = await outbox.next();
        assert.deepEqual([mail.name, mail.user.email], ["verification", newEmail]);
        await follow(t, mail.url).expect(302);
        await signIn(t, newEmail).expect(200);
        await signIn(t, email).expect(401);
      });

      it("when the new address is confirmed, then it replaces the old one", async () => {
        const { email, cookie } = await official.givenUser();
        const newEmail = `new-${email}`;
        const call = { body: { newEmail }, cookie };
        const { url } = await mailedBy(official.post("/change-email", call));
        await follow(t, url).expect(302);
        await signIn(t, newEmail).expect(200);
      });

      it("when its deletion link is followed, then nothing of the user is left", async () => {
        const { id, cookie } = await official.givenUser();
        const { url } = await mailedBy(official.post("/delete-user", { cookie }));
        await follow(t, url, { cookie }).expect(302);
        assert.deepEqual(await remainsOf(t, id), NOTHING);
      });
    });

    describe("given rows whose references are texts", () => {
      async function givenOlderUser(): Promise<TestUser> {
        const user = await official.givenUser();
        for (const collection of ["session", "account"]) {
          const userId = parseId(user.id);
          const older = { $set: { userId: user.id } };
          await t.database.collection(collection).updateMany({ userId }, older);
        }
        return user;
      }

      it("when the user comes with the cookie, then it is their session", async () => {
        const { id, cookie } = await givenOlderUser();
        assert.equal((await sessionOf(t, cookie))?.user.id, id);
      });

      it("when the user signs in, then both sessions are listed and the old one can be ended", async () => {
        const user = await givenOlderUser();
        const { cookie } = await t.givenSession(user);
        const sessions = (await get(t, "/list-sessions", cookie).expect(200)).body as unknown[];
        assert.equal(sessions.length, 2);
        await post(t, "/revoke-session", cookie, { token: user.token }).expect(200);
        assert.equal(await sessionOf(t, user.cookie), null);
      });

      it("when the user is deleted, then nothing of them is left", async () => {
        const { id, cookie } = await givenOlderUser();
        await mailedBy(official.post("/delete-user", { cookie }));
        const { token } = official.mail();
        await post(t, "/delete-user", cookie, { token }).expect(200);
        assert.deepEqual(await remainsOf(t, id), NOTHING);
      });
    });
  });

  // 1.4 takes "uuid" for ObjectIds.
  const generators = version === "1.4.19" ? [randomUUID] : ([randomUUID, "uuid"] as const);
  for (const generateId of generators) {
    const kind = generateId === "uuid" ? "UUIDs" : "texts";
    describeWithScans(`a database of Better Auth ${version} whose ids are ${kind}`, () => {
      let official: OfficialServer;
      let t: TestApp;
      before(async () => {
        const database = await freshDatabase();
        official = await startOfficial(version, database, { generateId });
        t = await startApp({ ...configuration, database });
      });
      after(async () => {
        await official.stop();
        await t.stop();
      });

      it("when the user comes with the cookie or the password, then it is their id", async () => {
        const { id, email, cookie } = await official.givenUser();
        assert.equal((await sessionOf(t, cookie))?.user.id, id);
        assert.equal(((await signIn(t, email).expect(200)).body as Signed).user.id, id);
      });

      it("when sessions are ended, then by token and by handle", async () => {
        const user = await official.givenUser();
        const { cookie } = await t.givenSession(user);
        const list = async () =>
          (await get(t, "/list-sessions", cookie).expect(200)).body as Signed["session"][];
        const theirs = (await list()).find(({ token }) => token.startsWith("session_"));
        await post(t, "/revoke-session", cookie, { token: theirs?.token }).expect(200);
        assert.equal(await sessionOf(t, user.cookie), null);
        const { token } = await t.givenSession(user);
        await post(t, "/revoke-session", cookie, { token }).expect(200);
        assert.equal((await list()).length, 1);
      });

      it("when the password is changed with a new session, then that is theirs", async () => {
        const { id, cookie } = await official.givenUser();
        const body = { currentPassword: TEST_PASSWORD, newPassword: NEW_PASSWORD };
        const changed = await post(t, "/change-password", cookie, {
          ...body,
          revokeOtherSessions: true,
        });
        assert.equal(changed.status, 200);
        assert.equal((await sessionOf(t, cookieHeader(changed)))?.user.id, id);
        assert.equal(await sessionOf(t, cookie), null);
      });

      it("when the password is reset with a link from there, then the new one counts", async () => {
        const { email } = await official.givenUser();
        await official.post("/request-password-reset", { body: { email } });
        const body = { token: official.mail().token, newPassword: NEW_PASSWORD };
        await post(t, "/reset-password", "", body).expect(200);
        await signIn(t, email, NEW_PASSWORD).expect(200);
      });

      it("when the address is verified with a link from here, then it is", async () => {
        const { email, cookie } = await official.givenUser();
        await post(t, "/send-verification-email", cookie, { email }).expect(200);
        await follow(t, (await outbox.next()).url).expect(302);
        assert.equal(await isVerified(t, cookie), true);
      });

      it("when the user is deleted with a link from there, then nothing of them is left", async () => {
        const { id, cookie } = await official.givenUser();
        await official.post("/delete-user", { cookie });
        await follow(t, official.mail().url).expect(302);
        assert.deepEqual(await remainsOf(t, id), NOTHING);
      });
    });
  }

  describeWithScans(`a database of Better Auth ${version} over https`, () => {
    const baseURL = "https://app.test";
    let official: OfficialServer;
    let t: TestApp;
    before(async () => {
      const database = await freshDatabase();
      official = await startOfficial(version, database, { baseURL });
      t = await startApp({ ...configuration, database, baseURL });
    });
    after(async () => {
      await official.stop();
      await t.stop();
    });

    it("when the secured cookie comes, then it is the same session", async () => {
      const { id, cookie } = await official.givenUser();
      assert.match(cookie, /^__Secure-better-auth\.session_token=/);
      assert.equal((await sessionOf(t, cookie))?.user.id, id);
    });
  });

  describeWithScans(`a database of Better Auth ${version} in which an address occurs twice`, () => {
    const email = "twice@example.com";
    let official: OfficialServer;
    let t: TestApp;
    before(async () => {
      const database = await freshDatabase();
      official = await startOfficial(version, database);
      const body = { name: "Grace", email, password: TEST_PASSWORD };
      const signUps = Array.from({ length: 5 }, () => official.post("/sign-up/email", { body }));
      await Promise.all(signUps);
      t = await startApp({ ...configuration, database });
    });
    after(async () => {
      await official.stop();
      await t.stop();
    });

    it("when it is opened, then it runs, with one warning that names the index and no address", async () => {
      assert.ok((await t.database.collection("user").countDocuments({ email })) > 1);
      await t.auth.ready();
      assert.equal(t.logged.length, 1);
      assert.match(
        t.logged[0] ?? "",
        /^warn: the unique index on user \(email\) could not be built/,
      );
      assert.doesNotMatch(t.logged[0] ?? "", /example\.com/);
    });

    it("when the address signs in, then it is the first of them, as there", async () => {
      const body = { email, password: TEST_PASSWORD };
      const there = (await official.post("/sign-in/email", { body })).body as Signed;
      const here = await signIn(t, email).expect(200);
      const [first] = await t.database.collection("user").find({ email }).limit(1).toArray();
      assert.equal((here.body as Signed).user.id, there.user.id);
      assert.equal(there.user.id, String(first?._id));
    });

    it("when the address signs up here once more, then it is taken", async () => {
      const body = { name: "Eve", email, password: TEST_PASSWORD };
      await request(t.server).post("/auth/sign-up/email").send(body).expect(422);
    });
  });

  describeWithScans(`a database that is shared with Better Auth ${version}`, () => {
    let official: OfficialServer;
    let t: TestApp;
    before(async () => {
      const database = await freshDatabase();
      t = await startApp({ ...SHARED, database });
      await t.auth.ready();
      official = await startOfficial(version, database);
    });
    after(async () => {
      await official.stop();
      await t.stop();
    });
    const there = async (cookie: string) =>
      (await official.get("/get-session", { cookie })).body as Signed | null;
    const signInThere = (email: string, password = TEST_PASSWORD) =>
      official.post("/sign-in/email", { body: { email, password } });

    it("when a user of ours signs in there, then it is the same user", async () => {
      const { id, email } = await t.givenUser();
      const { status, body } = await signInThere(email);
      assert.deepEqual([status, (body as Signed).user.id], [200, id]);
    });

    it("when the cookie of ours comes there, then it is the same session", async () => {
      const { id, cookie, token } = await t.givenUser();
      const found = await there(cookie);
      assert.deepEqual([found?.user.id, found?.session.token], [id, token]);
    });

    it("when a user of theirs signs in and changes the password here, then they may sign in there", async () => {
      const { email, cookie } = await official.givenUser();
      await signIn(t, email).expect(200);
      assert.equal((await signInThere(email)).status, 200);
      const body = { currentPassword: TEST_PASSWORD, newPassword: NEW_PASSWORD };
      await post(t, "/change-password", cookie, body).expect(200);
      assert.equal((await signInThere(email, NEW_PASSWORD)).status, 200);
    });

    it("when a session of theirs is renewed here, then it lives on there", async () => {
      const { id, token, cookie } = await official.givenUser();
      const response = await later(t, DAY + 60, () => get(t, "/get-session", cookie).expect(200));
      assert.match(cookieHeader(response), new RegExp(`^${OFFICIAL_COOKIE}=${token}\\.`));
      assert.equal((await there(cookieHeader(response)))?.user.id, id);
    });

    it("when a reset token of ours is used there, then the new password counts on both", async () => {
      const { email } = await t.givenUser();
      await post(t, "/request-password-reset", "", { email }).expect(200);
      const { token } = await outbox.next();
      const body = { token, newPassword: NEW_PASSWORD };
      assert.equal((await official.post("/reset-password", { body })).status, 200);
      assert.equal((await signInThere(email, NEW_PASSWORD)).status, 200);
      await signIn(t, email, NEW_PASSWORD).expect(200);
    });

    it("when a verification link of ours is opened there, then the address is verified", async () => {
      const { email, cookie } = await t.givenUser();
      await post(t, "/send-verification-email", cookie, { email }).expect(200);
      const { token } = await outbox.next();
      assert.equal((await official.get(`/verify-email?token=${token}`)).status, 200);
      assert.equal((await there(cookie))?.user.emailVerified, true);
    });

    it("when a deletion token of ours is used there, then the user is gone", async () => {
      const { id, cookie } = await t.givenUser();
      await post(t, "/delete-user", cookie).expect(200);
      const { token } = await outbox.next();
      const deleted = await official.get(`/delete-user/callback?token=${token}`, { cookie });
      assert.equal(deleted.status, 200);
      assert.equal((await remainsOf(t, id))["user"], 0);
    });

    it("when a session is ended on one side, then it has ended on the other", async () => {
      const user = await t.givenUser();
      const other = await t.givenSession(user);
      const { token, cookie } = user;
      const listed = (await official.get("/list-sessions", { cookie })).body as unknown[];
      assert.equal(listed.length, 2);
      await official.post("/revoke-session", { body: { token: other.token }, cookie });
      assert.equal(await sessionOf(t, other.cookie), null);
      await post(t, "/revoke-session", cookie, { token }).expect(200);
      assert.equal(await there(cookie), null);
    });

    it("when one address signs up on both sides at once, then there is one user", async () => {
      const body = { name: "Grace", email: "race@example.com", password: TEST_PASSWORD };
      await Promise.all([
        official.post("/sign-up/email", { body }),
        post(t, "/sign-up/email", "", body),
        official.post("/sign-up/email", { body }),
        post(t, "/sign-up/email", "", body),
      ]);
      const { email } = body;
      assert.equal(await t.database.collection("user").countDocuments({ email }), 1);
    });
  });

  describeWithScans(`a database of ours, not shared, that Better Auth ${version} opens`, () => {
    let official: OfficialServer;
    let t: TestApp;
    before(async () => {
      const database = await freshDatabase();
      t = await startApp({ ...configuration, database });
      await t.auth.ready();
      official = await startOfficial(version, database);
    });
    after(async () => {
      await official.stop();
      await t.stop();
    });

    it("when a user who signed in here signs in there, then it cannot read the password", async () => {
      const { email } = await official.givenUser();
      await signIn(t, email).expect(200);
      // It writes the error to the console, whatever its logger.
      const { mock: written } = mock.method(console, "error", () => undefined);
      const { status } = await official.post("/sign-in/email", {
        body: { email, password: TEST_PASSWORD },
      });
      written.restore();
      assert.deepEqual([status, written.callCount()], [500, 1]);
    });

    it("when a cookie of ours comes there, then it finds no session", async () => {
      const { cookie } = await t.givenUser();
      const renamed = cookie.replace(OWN_COOKIE, OFFICIAL_COOKIE);
      assert.equal((await official.get("/get-session", { cookie: renamed })).body, null);
    });

    it("when a session of theirs was used here, then it lives on there", async () => {
      const { id, cookie } = await official.givenUser();
      assert.equal((await sessionOf(t, cookie))?.user.id, id);
      const { body } = await official.get("/get-session", { cookie });
      assert.equal((body as Signed).user.id, id);
    });

    it("when compatibility is turned on and the user signs in once more, then they may there", async () => {
      const { id, email } = await t.givenUser();
      const shared = betterAuth({
        ...SHARED,
        secret: TEST_SECRET,
        baseURL: TEST_ORIGIN,
        database: t.database,
      });
      const body = { email, password: TEST_PASSWORD };
      await shared.api.signInEmail({ body });
      const { status, body: signedIn } = await official.post("/sign-in/email", { body });
      assert.deepEqual([status, (signedIn as Signed).user.id], [200, id]);
    });

    it("when the password is reset there, then the user signs in on both sides", async () => {
      const { email } = await t.givenUser();
      await official.post("/request-password-reset", { body: { email } });
      const body = { token: official.mail().token, newPassword: NEW_PASSWORD };
      assert.equal((await official.post("/reset-password", { body })).status, 200);
      const credentials = { email, password: NEW_PASSWORD };
      assert.equal((await official.post("/sign-in/email", { body: credentials })).status, 200);
      await signIn(t, email, NEW_PASSWORD).expect(200);
    });
  });
}
