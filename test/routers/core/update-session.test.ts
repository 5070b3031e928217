import assert from "node:assert/strict";
import request from "supertest";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { assertRefusal } from "../../support/refusal.ts";
import { findRow, OWN_COOKIE } from "../../support/sessions.ts";

const PATH = "/auth/update-session";

describe("POST /update-session", () => {
  let t: TestApp;
  let user: TestUser;
  let seen = 0;
  before(async () => {
    t = await startApp({
      session: {
        additionalFields: {
          theme: { type: "string", defaultValue: "light" },
          zoom: { type: "number", required: false, fieldName: "zoom_percent" },
          plan: { type: "string", required: false, input: false },
          secretNote: { type: "string", required: false, returned: false },
          seen: { type: "number", required: false, input: false, onUpdate: () => (seen += 1) },
          trap: {
            type: "string",
            required: false,
            transform: {
              input: async (value: unknown) => {
                await t.auth.models.Session.deleteMany({});
                return value;
              },
            },
          },
        },
      },
    });
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
  });

  const update = (body: unknown, headers: object = { cookie: user.cookie }) =>
    request(t.server)
      .post(PATH)
      .set({ origin: TEST_ORIGIN, "content-type": "application/json", ...headers })
      .send(JSON.stringify(body));

  itNeedsASession(() => t, { method: "POST", path: PATH, body: { theme: "dark" } });

  describe("given fields of the app", () => {
    it("when they are sent, then they are stored, and the session is answered and set anew", async () => {
      t.clock.advance(5);
      const response = await update({ theme: "dark", zoom: 120 }).expect(200);
      const row = await findRow(t, user.token);
      assert.deepEqual(response.body, {
        session: {
          id: String(row?._id),
          token: user.token,
          userId: user.id,
          expiresAt: row?.expiresAt.toISOString(),
          createdAt: row?.createdAt.toISOString(),
          updatedAt: row?.updatedAt.toISOString(),
          ipAddress: "127.0.0.1",
          userAgent: "",
          theme: "dark",
          zoom: 120,
          plan: null,
          seen,
          trap: null,
        },
      });
      assert.equal(cookieHeader(response), user.cookie);
      assert.equal((row as unknown as { zoom_percent: number }).zoom_percent, 120);
      assert.ok((row?.updatedAt.getTime() ?? 0) >= (row?.createdAt.getTime() ?? 0) + 5000);
    });

    it("when one is sent, then the others stay", async () => {
      await update({ zoom: 150 }).expect(200);
      const response = await update({ theme: "dark" }).expect(200);
      const { session } = response.body as { session: Readonly<Record<string, unknown>> };
      assert.deepEqual([session["theme"], session["zoom"]], ["dark", 150]);
    });

    it("when one is null and not required, then it is emptied", async () => {
      await update({ zoom: 150 }).expect(200);
      const response = await update({ zoom: null }).expect(200);
      const { session } = response.body as { session: Readonly<Record<string, unknown>> };
      assert.equal(session["zoom"], null);
    });

    it("when something is changed, then what onUpdate makes comes with it", async () => {
      const before = seen;
      await update({ theme: "dark" }).expect(200);
      assert.equal(seen, before + 1);
      const row = await findRow(t, user.token);
      assert.equal((row as unknown as { seen: number }).seen, before + 1);
    });

    it("when one is not returned, then it is stored and not answered", async () => {
      const response = await update({ secretNote: "x" }).expect(200);
      const { session } = response.body as { session: object };
      assert.ok(!("secretNote" in session));
      const row = await findRow(t, user.token);
      assert.equal((row as unknown as { secretNote: string }).secretNote, "x");
    });

    it("when another session of the user is there, then it stays as it is", async () => {
      const other = await t.givenSession(user);
      const before = await findRow(t, other.token);
      await update({ theme: "dark" }).expect(200);
      assert.deepEqual(await findRow(t, other.token), before);
    });

    it("when the session ends with the browser, then it still does", async () => {
      const signedIn = await request(t.server)
        .post("/auth/sign-in/email")
        .send({ email: user.email, password: TEST_PASSWORD, rememberMe: false });
      const response = await update({ theme: "dark" }, { cookie: cookieHeader(signedIn) });
      const [line] = setCookies(response).filter((one) => one.startsWith(OWN_COOKIE));
      assert.doesNotMatch(line ?? "Max-Age", /Max-Age|Expires/);
    });
  });

  describe("given what cannot be set", () => {
    const core = {
      id: "x",
      token: "x".repeat(32),
      userId: "0".repeat(24),
      expiresAt: "2999-01-01T00:00:00.000Z",
      createdAt: "2999-01-01T00:00:00.000Z",
      updatedAt: "2999-01-01T00:00:00.000Z",
      ipAddress: "1.2.3.4",
      userAgent: "x",
      impersonatedBy: "0".repeat(24),
      activeOrganizationId: "0".repeat(24),
    };
    for (const [name, value] of Object.entries(core)) {
      it(`when ${name} is sent alone, then it answers NO_FIELDS_TO_UPDATE`, async () => {
        const before = await findRow(t, user.token);
        const response = await update({ [name]: value });
        assertRefusal(response, [400, "NO_FIELDS_TO_UPDATE", "No fields to update"]);
        assert.deepEqual(setCookies(response), []);
        assert.deepEqual(await findRow(t, user.token), before);
      });
    }

    it("when core fields come along, then they are left out", async () => {
      const before = await findRow(t, user.token);
      await update({ ...core, theme: "dark" }).expect(200);
      const row = await findRow(t, user.token);
      const { updatedAt } = row ?? {};
      assert.deepEqual(row, { ...before, theme: "dark", seen, updatedAt });
      assert.ok((updatedAt?.getTime() ?? Infinity) < Date.parse("2900-01-01"));
    });

    for (const body of [{}, { unknown: 1 }, { __proto__: 1 }]) {
      it(`when the body is ${JSON.stringify(body)}, then it answers NO_FIELDS_TO_UPDATE`, async () => {
        assertRefusal(await update(body), [400, "NO_FIELDS_TO_UPDATE"]);
      });
    }

    for (const body of [[], "text", 1, true, null]) {
      it(`when the body is ${JSON.stringify(body)}, then it answers BODY_MUST_BE_AN_OBJECT`, async () => {
        assertRefusal(await update(body), [
          400,
          "BODY_MUST_BE_AN_OBJECT",
          "Body must be an object",
        ]);
      });
    }

    it("when a field is closed to input, then it answers FIELD_NOT_ALLOWED, whatever else is sent", async () => {
      const response = await update({ theme: "dark", plan: "gold" });
      assertRefusal(response, [400, "FIELD_NOT_ALLOWED", "plan is not allowed to be set"]);
      assert.equal(((await findRow(t, user.token)) as unknown as { theme: string }).theme, "light");
    });

    it("when a required field is emptied, then it answers MISSING_FIELD", async () => {
      assertRefusal(await update({ theme: null }), [400, "MISSING_FIELD", "theme is required"]);
    });

    for (const body of [{ theme: 1 }, { theme: { $set: 1 } }, { zoom: "100" }, { zoom: [1] }]) {
      it(`when the body is ${JSON.stringify(body)}, then it answers VALIDATION_ERROR`, async () => {
        assertRefusal(await update(body), [400, "VALIDATION_ERROR", /^\[body\./]);
      });
    }
  });

  describe("given a session that ends while the fields are read", () => {
    it("when it is updated, then it answers FAILED_TO_GET_SESSION and clears the cookies", async () => {
      const response = await update({ trap: "x" });
      assertRefusal(response, [401, "FAILED_TO_GET_SESSION", "Failed to get session"]);
      assert.equal(cookieHeader(response), "");
      assert.ok(setCookies(response).some((line) => line.startsWith(`${OWN_COOKIE}=;`)));
      assert.equal(response.get("set-auth-token"), undefined);
    });
  });

  describe("given no fields of the app", () => {
    it("when anything is sent, then it answers NO_FIELDS_TO_UPDATE", async () => {
      const plain = await startApp();
      const { cookie } = await plain.givenUser();
      const response = await request(plain.server)
        .post(PATH)
        .set({ cookie, origin: TEST_ORIGIN })
        .send({ theme: "dark" });
      assertRefusal(response, [400, "NO_FIELDS_TO_UPDATE"]);
      await plain.stop();
    });
  });
});
