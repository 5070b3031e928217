import assert from "node:assert/strict";
import request from "supertest";
import { startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "../support/app.ts";
import { refuseRows } from "../support/refuse-rows.ts";

describe("what is logged of a refusal", () => {
  const entries: unknown[][] = [];
  let t: TestApp;
  before(async () => {
    t = await startApp({
      logger: { level: "warn", log: (...entry: unknown[]) => entries.push(entry) },
      user: { additionalFields: { handle: { type: "string", required: false, unique: true } } },
    });
    await t.auth.ready();
  });
  after(() => t.stop());
  beforeEach(() => {
    entries.length = 0;
  });

  /** What the database would quote as well, if it were asked for its own words. */
  const HANDLE = "hunter2 dup key: { hunter2";
  let addresses = 0;
  const signUp = (fields: object) => {
    addresses += 1;
    const email = `refused-${addresses}@example.com`;
    const body = { name: "Ada", email, password: TEST_PASSWORD, ...fields };
    return request(t.server).post("/auth/sign-up/email").send(body);
  };
  const accept = (collection: string, validator: object) => refuseRows(t, collection, validator);
  const indexOf = (collection: string, index: string): string =>
    `E11000 duplicate key error collection: ${t.database.name}.${collection} index: ${index}`;

  it("when a unique field is taken at sign-up, then one warning names the index and no value", async () => {
    await signUp({ handle: HANDLE }).expect(200);
    await signUp({ handle: HANDLE }).expect(422, /FAILED_TO_CREATE_USER/);
    assert.deepEqual(entries, [
      ["warn", "refused with FAILED_TO_CREATE_USER", indexOf("user", "handle_1")],
    ]);
  });

  it("when a unique field is taken at an update, then one warning names the index and no value", async () => {
    await signUp({ handle: "taken hunter2" }).expect(200);
    const { cookie } = await t.givenUser();
    await request(t.server)
      .post("/auth/update-user")
      .set({ cookie, origin: TEST_ORIGIN })
      .send({ handle: "taken hunter2" })
      .expect(422, /FAILED_TO_UPDATE_USER/);
    const [[level, message, cause] = [], ...others] = entries;
    assert.deepEqual([level, message, others], ["warn", "refused with FAILED_TO_UPDATE_USER", []]);
    assert.ok(String(cause).endsWith(indexOf("user", "handle_1")), String(cause));
  });

  for (const [collection, code] of [
    ["user", "FAILED_TO_CREATE_USER"],
    ["session", "FAILED_TO_CREATE_SESSION"],
  ] as const) {
    it(`when the validator of ${collection} refuses, then one warning says so, without the row`, async () => {
      await accept(collection, { never: { $exists: true } });
      const response = await signUp({ name: "hunter2" });
      await accept(collection, {});
      assert.equal((response.body as { code: string }).code, code);
      assert.deepEqual(entries, [["warn", `refused with ${code}`, "Document failed validation"]]);
    });
  }

  it("when the validator of session refuses at sign-in, then one warning says so", async () => {
    const { email, password } = await t.givenUser();
    await accept("session", { never: { $exists: true } });
    await request(t.server).post("/auth/sign-in/email").send({ email, password }).expect(401);
    await accept("session", {});
    assert.deepEqual(entries, [
      ["warn", "refused with FAILED_TO_CREATE_SESSION", "Document failed validation"],
    ]);
  });

  it("when an address is taken or a password is wrong, then nothing is logged", async () => {
    const { email } = await t.givenUser();
    await signUp({ email }).expect(422);
    const body = { email, password: "Wrong-7-orchard" };
    await request(t.server).post("/auth/sign-in/email").send(body).expect(401);
    assert.deepEqual(entries, []);
  });

  it("when auth.api is called, then the same is logged", async () => {
    await signUp({ handle: "api" }).expect(200);
    const body = { name: "Ada", email: "api@example.com", password: TEST_PASSWORD, handle: "api" };
    await assert.rejects(t.auth.api.signUpEmail({ body }), { code: "FAILED_TO_CREATE_USER" });
    assert.deepEqual(entries, [
      ["warn", "refused with FAILED_TO_CREATE_USER", indexOf("user", "handle_1")],
    ]);
  });
});

describe("what is logged of a failure", () => {
  const logged: string[] = [];
  let t: TestApp;
  before(async () => {
    t = await startApp(
      {
        logger: { log: (level, message) => logged.push(`${level}: ${message}`) },
        hooks: {
          before: {
            resetPasswordCallback() {
              throw new Error("the app broke");
            },
          },
        },
        databaseHooks: {
          session: {
            update: {
              before() {
                throw new Error("the app broke");
              },
            },
          },
        },
      },
      {
        routes(app, auth) {
          app.get("/invitations/:secret", auth.requireSession, (_req, res) => res.end());
        },
      },
    );
  });
  after(() => t.stop());
  beforeEach(() => {
    logged.length = 0;
  });

  it("when an endpoint fails, then method, declared path and name are logged, not the token in the path", async () => {
    await request(t.server).get("/auth/reset-password/hunter2?callbackURL=/new").expect(500);
    assert.deepEqual(logged, [
      "error: unexpected failure: GET /reset-password/:token (resetPasswordCallback)",
    ]);
  });

  it("when auth.api fails, then the call is logged", async () => {
    const failing = t.auth.api.resetPasswordCallback({
      params: { token: "hunter2" },
      query: { callbackURL: "/new" },
    });
    await assert.rejects(failing, { code: "INTERNAL_SERVER_ERROR" });
    assert.deepEqual(logged, ["error: unexpected failure: auth.api.resetPasswordCallback"]);
  });

  it("when a guard fails, then the app's route is logged as the app declared it", async () => {
    const { cookie } = await t.givenUser();
    t.clock.advance(2 * 86_400);
    await request(t.server).get("/invitations/hunter2").set({ cookie }).expect(500);
    assert.equal(logged[0], "error: unexpected failure: GET /invitations/:secret");
    assert.equal(logged.join().includes("hunter2"), false);
  });
});
