import assert from "node:assert/strict";
import request from "supertest";
import { z } from "zod";
import type { AuthOptions } from "../../../lib/index.ts";
import {
  cookieHeader,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
} from "../../support/app.ts";

const STREETS = ["Baker Street", "Fleet Street"];
let updates = 0;

const options = {
  user: {
    additionalFields: {
      nickname: { type: "string", required: false },
      age: { type: "number", required: false },
      newsletter: { type: "boolean", required: false, defaultValue: false },
      birthday: { type: "date", required: false },
      tags: { type: "string[]", required: false },
      scores: { type: "number[]", required: false },
      settings: { type: "json", required: false },
      plan: { type: ["free", "pro"], required: false, defaultValue: "free" },
      phone: { type: "string" },
      badge: { type: "string", required: false, input: false, defaultValue: "new" },
      note: { type: "string", required: false, returned: false },
      handle: { type: "string", required: false, unique: true },
      city: { type: "string", required: false, fieldName: "home_city" },
      street: {
        type: "string",
        required: false,
        transform: {
          input: (value) => STREETS.indexOf(String(value)).toString(),
          output: (value) => (value === null ? null : STREETS[Number(value)]),
        },
      },
      code: {
        type: "string",
        required: false,
        validator: { input: z.string().trim().regex(/^\d+$/, "must be digits") },
      },
      visits: { type: "number", required: false, input: false, onUpdate: () => (updates += 1) },
      joined: { type: "string", required: false, defaultValue: () => "made" },
    },
  },
} as const satisfies AuthOptions;

type Shown = Readonly<Record<string, unknown>>;

describe("POST /update-user with additional fields", () => {
  let t: TestApp;
  let cookie: string;
  let email: string;
  let users = 0;
  before(async () => {
    t = await startApp(options);
  });
  after(() => t.stop());
  beforeEach(async () => {
    ({ cookie, email } = await signUp({}));
  });

  async function signUp(fields: object) {
    users += 1;
    const address = `fields-${users}@example.com`;
    const body = { name: "Ada", email: address, password: TEST_PASSWORD, phone: "1", ...fields };
    const response = await request(t.server).post("/auth/sign-up/email").send(body).expect(200);
    return {
      email: address,
      cookie: cookieHeader(response),
      user: (response.body as { user: Shown }).user,
    };
  }

  const update = (body: object) =>
    request(t.server).post("/auth/update-user").set({ cookie, origin: TEST_ORIGIN }).send(body);
  const stored = () => t.auth.models.User.collection.findOne({ email });

  async function accept(body: object): Promise<Shown> {
    const response = await update(body).expect(200);
    return (response.body as { user: Shown }).user;
  }

  async function refuse(body: object, code: string, status = 400): Promise<string> {
    const before = await stored();
    const response = await update(body).expect(status);
    const failure = response.body as { code: string; message: string };
    assert.equal(failure.code, code);
    assert.deepEqual(await stored(), before);
    return failure.message;
  }

  describe("given a new user", () => {
    it("when they signed up, then defaults are stored and unset fields are null", async () => {
      const { user } = await signUp({});
      const { newsletter, plan, badge, joined, nickname, age, settings, city } = user;
      assert.deepEqual(
        { newsletter, plan, badge, joined },
        { newsletter: false, plan: "free", badge: "new", joined: "made" },
      );
      assert.deepEqual([nickname, age, settings, city], [null, null, null, null]);
      const row = await stored();
      assert.deepEqual([row?.["badge"], row?.["plan"], row?.["joined"]], ["new", "free", "made"]);
    });
  });

  describe("given values of the field's type", () => {
    const values: readonly (readonly [field: string, value: unknown, shown?: unknown])[] = [
      ["nickname", "Countess"],
      ["nickname", ""],
      ["age", 36],
      ["age", 0],
      ["age", -1.5],
      ["newsletter", true],
      ["newsletter", "true", true],
      ["newsletter", "false", false],
      ["birthday", "1815-12-10T00:00:00.000Z"],
      ["birthday", "1815-12-10", "1815-12-10T00:00:00.000Z"],
      ["tags", ["a", "b"]],
      ["tags", []],
      ["scores", [1, 2.5]],
      ["settings", { theme: { dark: true }, list: [1, null, "x"] }],
      ["settings", ["x"]],
      ["settings", "text"],
      ["settings", { $where: "1", "a.b": 1 }],
      ["plan", "pro"],
      ["phone", "2"],
      ["city", "London"],
      ["street", "Fleet Street"],
      ["code", " 42 ", "42"],
    ];
    for (const [field, value, shown = value] of values) {
      it(`when ${field} is ${JSON.stringify(value)}, then it is stored and answered`, async () => {
        assert.deepEqual((await accept({ [field]: value }))[field], shown);
        const next = await request(t.server).get("/auth/get-session").set({ cookie });
        assert.deepEqual((next.body as { user: Shown }).user[field], shown);
      });
    }

    it("when birthday is set, then it is stored as a date", async () => {
      await accept({ birthday: "1815-12-10" });
      assert.deepEqual((await stored())?.["birthday"], new Date("1815-12-10"));
    });

    it("when an optional field is null, then it is emptied", async () => {
      await accept({ nickname: "Countess" });
      assert.equal((await accept({ nickname: null }))["nickname"], null);
    });

    it("when defaults exist, then an update of other fields does not bring them back", async () => {
      await accept({ plan: "pro" });
      assert.equal((await accept({ age: 1 }))["plan"], "pro");
    });
  });

  describe("given values of another type", () => {
    const values: readonly (readonly [field: string, value: unknown])[] = [
      ["nickname", 5],
      ["nickname", true],
      ["nickname", { $ne: "" }],
      ["nickname", ["x"]],
      ["age", "36"],
      ["age", { $gt: 0 }],
      ["newsletter", "yes"],
      ["newsletter", 1],
      ["birthday", "tomorrow"],
      ["birthday", 5],
      ["birthday", { $date: 0 }],
      ["tags", "a"],
      ["tags", ["a", 1]],
      ["tags", [{ $ne: "" }]],
      ["tags", { 0: "a" }],
      ["scores", ["1"]],
      ["plan", "gold"],
      ["plan", ["free"]],
      ["plan", { $in: ["free"] }],
      ["city", { name: "London" }],
      ["code", "forty-two"],
      ["code", 42],
    ];
    for (const [field, value] of values) {
      it(`when ${field} is ${JSON.stringify(value)}, then it is refused`, async () => {
        const message = await refuse({ name: "Countess", [field]: value }, "VALIDATION_ERROR");
        assert.ok(message.startsWith(`[body.${field}] `), message);
      });
    }

    it("when a validator refuses, then its words are in the message", async () => {
      assert.equal(await refuse({ code: "x" }, "VALIDATION_ERROR"), "[body.code] must be digits");
    });
  });

  describe("given a required field", () => {
    it("when it is null, then it is refused by name", async () => {
      assert.equal(await refuse({ phone: null }, "MISSING_FIELD"), "phone is required");
    });

    it("when it is left out, then it keeps its value", async () => {
      assert.equal((await accept({ age: 1 }))["phone"], "1");
    });
  });

  describe("given a field closed to input", () => {
    it("when it is sent, then it is refused by name", async () => {
      const message = await refuse({ name: "x", badge: "gold" }, "FIELD_NOT_ALLOWED");
      assert.equal(message, "badge is not allowed to be set");
    });

    it("when it has a default at sign-up, then the default wins over what is sent", async () => {
      assert.equal((await signUp({ badge: "gold" })).user["badge"], "new");
    });
  });

  describe("given a field that is not returned", () => {
    it("when it is set, then it is stored and shown nowhere", async () => {
      assert.equal("note" in (await accept({ note: "secret" })), false);
      assert.equal((await stored())?.["note"], "secret");
      const next = await request(t.server).get("/auth/get-session").set({ cookie });
      assert.doesNotMatch(next.text, /secret|"note"/);
    });
  });

  describe("given a unique field", () => {
    it("when its value is taken, then it answers 422 and nothing changes", async () => {
      await signUp({ handle: "ada" });
      const message = await refuse({ name: "x", handle: "ada" }, "FAILED_TO_UPDATE_USER", 422);
      assert.equal(message, "Failed to update user");
    });

    it("when it is set to its own value, then it stays", async () => {
      await accept({ handle: "mine" });
      assert.equal((await accept({ handle: "mine" }))["handle"], "mine");
    });

    it("when several users have none, then they do not collide", async () => {
      await accept({ handle: null });
      await signUp({ handle: null });
    });

    it("when fifty users want the same value at once, then exactly one gets it", async () => {
      const many = await Promise.all(Array.from({ length: 50 }, () => signUp({})));
      const statuses = await Promise.all(
        many.map(async (one) => {
          const headers = { cookie: one.cookie, origin: TEST_ORIGIN };
          const call = request(t.server).post("/auth/update-user").set(headers);
          return (await call.send({ handle: "the-one" })).status;
        }),
      );
      assert.equal(statuses.filter((status) => status === 200).length, 1);
      assert.equal(statuses.filter((status) => status === 422).length, 49);
    });
  });

  describe("given a field with another name in the database", () => {
    it("when it is set, then it is stored under that name alone", async () => {
      await accept({ city: "London" });
      const row = await stored();
      assert.deepEqual([row?.["home_city"], row?.["city"]], ["London", undefined]);
    });

    it("when that name is sent, then it is unknown", async () => {
      await refuse({ home_city: "London" }, "NO_FIELDS_TO_UPDATE");
    });
  });

  describe("given a field that is transformed", () => {
    it("when it is set, then the changed value is stored and changed back", async () => {
      assert.equal((await accept({ street: "Fleet Street" }))["street"], "Fleet Street");
      assert.equal((await stored())?.["street"], "1");
    });
  });

  describe("given a field made at every update", () => {
    it("when something else is changed, then it is made anew", async () => {
      const before = updates;
      assert.equal((await accept({ name: "x" }))["visits"], before + 1);
      assert.equal((await accept({ name: "y" }))["visits"], before + 2);
    });

    it("when nothing is to be changed, then it alone is no update", async () => {
      await refuse({}, "NO_FIELDS_TO_UPDATE");
    });
  });

  describe("given additional fields of sessions", () => {
    let s: TestApp;
    before(async () => {
      s = await startApp({
        session: {
          additionalFields: {
            device: { type: "string", required: false },
            theme: { type: "string", required: false, fieldName: "colour" },
            risk: { type: "number", required: false, returned: false },
            origin: { type: "string", required: false, input: false, defaultValue: () => "web" },
          },
        },
      });
    });
    after(() => s.stop());

    it("when a session is made, then defaults are stored, the rest is null or hidden", async () => {
      const user = await s.givenUser();
      const set = { risk: 7, colour: "dark" };
      await s.auth.models.Session.collection.updateMany({}, { $set: set });
      const response = await request(s.server).get("/auth/get-session").set("cookie", user.cookie);
      const { session } = response.body as { session: Shown };
      const { device, theme, origin } = session;
      assert.deepEqual({ device, theme, origin }, { device: null, theme: "dark", origin: "web" });
      assert.equal("risk" in session || "colour" in session, false);
    });
  });
});
