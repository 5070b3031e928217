import assert from "node:assert/strict";
import express from "express";
import request from "supertest";
import {
  betterAuth,
  username,
  type UsernameOptions,
  type AuthOptions,
} from "../../../lib/index.ts";
import {
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  TEST_SECRET,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { freshDatabase } from "../../support/mongo.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertRefusal } from "../../support/refusal.ts";

const TAKEN = [
  400,
  "USERNAME_IS_ALREADY_TAKEN",
  "Username is already taken. Please try another.",
] as const;
let addresses = 0;

const signUp = (t: TestApp, fields: object) => {
  addresses += 1;
  const user = { name: "Ada", email: `name-${addresses}@example.com`, password: TEST_PASSWORD };
  return request(t.server)
    .post("/auth/sign-up/email")
    .send({ ...user, ...fields });
};
const update = (t: TestApp, { cookie }: Pick<TestUser, "cookie">, fields: object) =>
  request(t.server).post("/auth/update-user").set({ cookie, origin: TEST_ORIGIN }).send(fields);
const namesOf = (body: unknown) => {
  const { username: name, displayUsername } = (body as { user: Record<string, unknown> }).user;
  return [name, displayUsername];
};

describe("usernames", () => {
  let t: TestApp;
  const start = async (options?: UsernameOptions, more: AuthOptions = {}) => {
    t = await startApp({ plugins: [username(options)], ...more });
  };
  afterEach(() => t.stop());

  describe("given sign-up", () => {
    for (const [what, sent, stored] of [
      ["none", {}, [null, null]],
      ["a username", { username: "Ada_L" }, ["ada_l", "Ada_L"]],
      [
        "an empty field of a form besides",
        { username: "Ada_L", displayUsername: "" },
        ["ada_l", "Ada_L"],
      ],
      ["both", { username: "Ada_L", displayUsername: "Ada L." }, ["ada_l", "Ada L."]],
      ["a display username that fits", { displayUsername: "Ada_L" }, ["ada_l", "Ada_L"]],
      ["a display username that does not", { displayUsername: "Ada L." }, [null, "Ada L."]],
    ] as const) {
      it(`when it has ${what}, then ${JSON.stringify(stored)} is stored and shown`, async () => {
        await start();
        assert.deepEqual(namesOf((await signUp(t, sent).expect(200)).body), stored);
        const row = await t.database.collection("user").findOne({});
        assert.deepEqual([row?.["username"] ?? null, row?.["displayUsername"] ?? null], stored);
      });
    }

    for (const [sent, code] of [
      [{ username: "ab" }, "USERNAME_TOO_SHORT"],
      [{ username: "" }, "USERNAME_TOO_SHORT"],
      [{ username: "a".repeat(31) }, "USERNAME_TOO_LONG"],
      [{ username: `long${"a".repeat(9000)}` }, "USERNAME_TOO_LONG"],
      [{ username: "ada lovelace" }, "INVALID_USERNAME"],
      [{ username: { $ne: "" } }, "VALIDATION_ERROR"],
      [{ username: null }, "VALIDATION_ERROR"],
      [{ displayUsername: 1 }, "VALIDATION_ERROR"],
    ] as const) {
      it(`when it has ${JSON.stringify(sent).slice(0, 50)}, then ${code}, and nobody is stored`, async () => {
        await start();
        assertRefusal(await signUp(t, sent), [400, code]);
        assert.equal(await t.auth.models.User.countDocuments(), 0);
      });
    }

    for (const usernameNormalization of [undefined, false] as const) {
      it(`when the password is the username (normalization ${usernameNormalization}), then PASSWORD_COMPROMISED`, async () => {
        await start({ usernameNormalization });
        const name = "Countess_1815";
        const refused = [400, "PASSWORD_COMPROMISED"] as const;
        assertRefusal(await signUp(t, { username: name, password: name }), refused);
        await signUp(t, { username: name }).expect(200);
        const body = { currentPassword: TEST_PASSWORD, newPassword: name };
        const signedIn = await request(t.server)
          .post("/auth/sign-in/username")
          .send({ username: name, password: TEST_PASSWORD })
          .expect(200);
        const { token } = signedIn.body as { token: string };
        const changed = request(t.server)
          .post("/auth/change-password")
          .set("authorization", `Bearer ${token}`)
          .send(body);
        assertRefusal(await changed, refused);
      });
    }

    it("when a name is longer than any that is allowed, then the app's normaliser does not see it", async () => {
      const seen: string[] = [];
      const usernameNormalization = (name: string) => {
        seen.push(name);
        return name;
      };
      await start({ usernameNormalization, validationOrder: { username: "post-normalization" } });
      const refused = await signUp(t, { username: `long${"a".repeat(9000)}` });
      assertRefusal(refused, [400, "USERNAME_TOO_LONG"]);
      assert.deepEqual(seen, []);
    });

    it("when 50 claim one name at once, in any letter case, then one gets it", async () => {
      await start();
      const tally = await inParallel(50, (n) =>
        signUp(t, { username: n % 2 === 0 ? "ada_l" : "ADA_L" }),
      );
      assert.deepEqual(tally, { "200": 1, "400 USERNAME_IS_ALREADY_TAKEN": 49 });
      assert.equal(await t.auth.models.User.countDocuments(), 1);
      assert.equal(await t.auth.models.Account.countDocuments(), 1);
    });

    it("when answers do not tell who has an account, then a taken name does not either", async () => {
      await start({}, { emailAndPassword: { autoSignIn: false } });
      await signUp(t, { username: "ada_l", email: "ada@example.com" }).expect(200);
      for (const email of ["ada@example.com", "new@example.com"]) {
        assertRefusal(await signUp(t, { username: "ada_l", email }), TAKEN);
      }
      const known = await signUp(t, { username: "other", email: "ada@example.com" }).expect(200);
      assert.deepEqual(namesOf(known.body), ["other", "other"]);
      assert.equal(await t.auth.models.User.countDocuments(), 1);
    });
  });

  describe("given /update-user", () => {
    it("when a name is set, changed and kept, then it is, and display only if given", async () => {
      await start();
      const user = await t.givenUser();
      const first = await update(t, user, { username: "Ada_L", displayUsername: "Ada" }).expect(
        200,
      );
      assert.deepEqual(namesOf(first.body), ["ada_l", "Ada"]);
      assert.deepEqual(namesOf((await update(t, user, { username: "ada_l" }).expect(200)).body), [
        "ada_l",
        "Ada",
      ]);
      assert.deepEqual(namesOf((await update(t, user, { username: "Grace" }).expect(200)).body), [
        "grace",
        "Ada",
      ]);
    });

    it("when the name is another user's, then USERNAME_IS_ALREADY_TAKEN, and nothing changes", async () => {
      await start();
      await signUp(t, { username: "ada_l" }).expect(200);
      const user = await t.givenUser();
      assertRefusal(await update(t, user, { username: "ADA_L", name: "Other" }), TAKEN);
      const row = await t.auth.models.User.findOne({ email: user.email }).lean();
      assert.equal(row?.name, user.name);
    });

    it("when 50 users claim one name at once, then one gets it", async () => {
      await start();
      const users = await Promise.all(Array.from({ length: 50 }, () => t.givenUser()));
      const tally = await inParallel(50, (n) =>
        update(t, users[n] ?? assert.fail(), { username: "one_name" }),
      );
      assert.deepEqual(tally, { "200": 1, "400 USERNAME_IS_ALREADY_TAKEN": 49 });
    });

    for (const [sent, code] of [
      [{ username: "ab" }, "USERNAME_TOO_SHORT"],
      [{ username: "a".repeat(31) }, "USERNAME_TOO_LONG"],
      [{ username: "a b c" }, "INVALID_USERNAME"],
    ] as const) {
      it(`when it has ${JSON.stringify(sent)}, then ${code}`, async () => {
        await start();
        assertRefusal(await update(t, await t.givenUser(), sent), [400, code]);
      });
    }

    it("when names are immutable, then one can be set once, and only kept after", async () => {
      await start({ immutableUsername: true });
      const user = await t.givenUser();
      await update(t, user, { username: "ada_l" }).expect(200);
      await update(t, user, { username: "ADA_L" }).expect(200);
      const answer = await update(t, user, { username: "grace" });
      assertRefusal(answer, [400, "USERNAME_IS_IMMUTABLE", "Username cannot be updated"]);
    });
  });

  describe("given options", () => {
    it("when they say so, then length, characters and form are others", async () => {
      await start({
        minUsernameLength: 1,
        maxUsernameLength: 5,
        usernameValidator: (name) => Promise.resolve(/^[a-z-]+$/i.test(name)),
        usernameNormalization: false,
        displayUsernameValidator: (name) => name !== "Admin",
        displayUsernameNormalization: (name) => name.trim(),
      });
      const stored = await signUp(t, { username: "A-b", displayUsername: " Ada " }).expect(200);
      assert.deepEqual(namesOf(stored.body), ["A-b", "Ada"]);
      await signUp(t, { username: "a-b" }).expect(200);
      assertRefusal(await signUp(t, { username: "a_b" }), [400, "INVALID_USERNAME"]);
      assertRefusal(await signUp(t, { username: "abcdef" }), [400, "USERNAME_TOO_LONG"]);
      for (const refused of [
        signUp(t, { displayUsername: "Admin" }),
        update(t, await t.givenUser(), { displayUsername: "Admin" }),
      ]) {
        assertRefusal(await refused, [
          400,
          "INVALID_DISPLAY_USERNAME",
          "Display username is invalid",
        ]);
      }
    });

    it("when names are checked after they are normalised, then what is stored counts", async () => {
      const usernameNormalization = (name: string) => name.replaceAll(" ", "_").toLowerCase();
      await start({ usernameNormalization, validationOrder: { username: "post-normalization" } });
      assert.deepEqual(namesOf((await signUp(t, { username: "Ada L" }).expect(200)).body), [
        "ada_l",
        "Ada L",
      ]);
    });

    it("when display usernames are off, then they are neither stored nor shown", async () => {
      await start({ displayUsername: false });
      const { user } = (await signUp(t, { username: "Ada", displayUsername: "A." }).expect(200))
        .body as { user: object };
      assert.equal("displayUsername" in user, false);
      assert.equal(
        "displayUsername" in ((await t.database.collection("user").findOne({})) ?? {}),
        false,
      );
    });
  });

  describe("given old duplicates of a name", () => {
    it("when the server starts, then it is warned of, and a look-up holds the rule", async () => {
      await start();
      const users = t.database.collection("user");
      const twice = (email: string) => ({
        name: "A",
        email,
        emailVerified: false,
        username: "twice",
        createdAt: new Date(),
        updatedAt: new Date(),
      });
      await users.insertMany([twice("one@example.com"), twice("two@example.com")]);
      await t.auth.ready();
      assert.ok(t.logged.some((line) => line.includes("username")));
      assertRefusal(await signUp(t, { username: "twice" }), TAKEN);
      const user = await t.givenUser();
      assertRefusal(await update(t, user, { username: "TWICE" }), TAKEN);
      await update(t, user, { username: "once" }).expect(200);
      await update(t, user, { username: "once" }).expect(200);
    });
  });
});

describe("username()", () => {
  for (const [options, message] of [
    [{ minUsernameLength: 0 }, /username\(\): minUsernameLength must be/],
    [
      { minUsernameLength: 5, maxUsernameLength: 4 },
      /minUsernameLength must be at most maxUsernameLength/,
    ],
    [{ usernameValidator: "x" }, /usernameValidator must be a function/],
    [
      { validationOrder: "x" },
      /validationOrder must be an object with username and displayUsername/,
    ],
    [{ minLength: 3 }, /minLength is not an option/],
    [{ validationOrder: { user: "x" } }, /validationOrder\.user is not an option/],
    [null, /username\(\): the options object must be an object/],
  ] as const) {
    it(`when it is called with ${JSON.stringify(options)}, then it throws and names the option`, () => {
      assert.throws(() => username(options as unknown as UsernameOptions), message);
    });
  }

  it("when it is mounted alone, then its endpoints are there and others go on to the app", async () => {
    const auth = betterAuth({
      secret: TEST_SECRET,
      baseURL: TEST_ORIGIN,
      database: await freshDatabase(),
      plugins: [username()],
    });
    const app = express().use("/auth", auth.routers.username, (_req, res) => {
      res.status(418).end();
    });
    const body = { username: "ada" };
    const answer = await request(app).post("/auth/is-username-available").send(body);
    assert.deepEqual([answer.status, answer.body], [200, { available: true }]);
    await request(app).get("/auth/ok").expect(418);
    await auth.models.User.db.dropDatabase();
    await auth.close();
  });
});
