import assert from "node:assert/strict";
import { inspect } from "node:util";
import request from "supertest";
import { z } from "zod";
import { AuthError, type AuthOptions } from "../../lib/index.ts";
import { readOptions } from "../../lib/read-options.ts";
import {
  CLOSED_USER_FIELDS,
  readFields,
  refuseClosedFields,
} from "../../lib/services/additional-fields.ts";
import { startApp, TEST_PASSWORD, TEST_SECRET, type TestApp } from "../support/app.ts";
import { assertRefusal } from "../support/refusal.ts";

type Fields = NonNullable<NonNullable<AuthOptions["user"]>["additionalFields"]>;
type FieldType = Fields[string]["type"];

function parsed(additionalFields: Fields) {
  return readOptions({ secret: TEST_SECRET, user: { additionalFields } }, {}).user.additionalFields;
}

const create = (fields: Fields, input: object) =>
  readFields(parsed(fields), { ...input }, "create");
const update = (fields: Fields, input: object) =>
  readFields(parsed(fields), { ...input }, "update");

/** One optional field of this type. */
const one = (type: FieldType): Fields => ({ field: { type, required: false } });

function refused(code: string, message: string | RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof AuthError, String(error));
    assert.deepEqual([error.status, error.code], [400, code]);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  };
}

const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });

describe("readFields", () => {
  describe("given a value of the field's type", () => {
    for (const [type, given, stored] of [
      ["string", "", ""],
      ["string", "x".repeat(10_000), "x".repeat(10_000)],
      ["string", "{$ne:1}", "{$ne:1}"],
      ["number", 0, 0],
      ["number", -1.5e300, -1.5e300],
      ["boolean", false, false],
      ["boolean", "true", true],
      ["boolean", "false", false],
      ["date", "2001-02-03", new Date("2001-02-03T00:00:00.000Z")],
      ["date", new Date(0), new Date(0)],
      ["string[]", [], []],
      ["string[]", ["a", ""], ["a", ""]],
      ["number[]", [1, -2], [1, -2]],
      [["red", "green"], "green", "green"],
      ["json", { a: [{ b: null }], $ne: 1, "c.d": 2 }, { a: [{ b: null }], $ne: 1, "c.d": 2 }],
      ["json", "text", "text"],
      ["json", 0, 0],
      ["json", nested(50), nested(50)],
    ] as const) {
      it(`when ${String(type)} is ${show(given)}, then it is accepted`, async () => {
        assert.deepEqual(await update(one(type), { field: given }), { field: stored });
      });
    }
  });

  describe("given a value of another type", () => {
    const operator = { $ne: "" };

    for (const [type, values] of [
      ["string", [1, true, operator, [], ["a"], new Date(0), "x".repeat(10_001)]],
      ["number", ["1", "", NaN, Infinity, operator, [1], true, 1n]],
      ["boolean", [0, 1, "", "yes", "TRUE", operator, [true]]],
      [
        "date",
        ["", "soon", 0, operator, ["2001-02-03"], new Date(NaN), "+275760-09-13T00:00:00.001Z"],
      ],
      ["string[]", ["a", [1], [operator], [["a"]], operator, [null], Array(1001).fill("a")]],
      ["number[]", [1, ["1"], [NaN], [operator], operator, [null]]],
      [
        ["red", "green"],
        ["blue", "RED", "", operator, ["red"], 0],
      ],
      ["json", [nested(51), { a: { _bsontype: "ObjectId" } }, { "a\0": 1 }]],
      ["json", [JSON.parse('{"a":[{"__proto__":{"b":1}}]}'), JSON.parse(deepList(10_000))]],
    ] as const) {
      for (const value of values as readonly unknown[]) {
        it(`when ${String(type)} is ${show(value)}, then it is refused by name`, async () => {
          await assert.rejects(
            update(one(type), { field: value }),
            refused("VALIDATION_ERROR", /^\[body\.field\] must be (of type|one of) /),
          );
        });
      }
    }
  });

  describe("given a required field", () => {
    const fields: Fields = { city: { type: "string" } };

    for (const input of [{}, { city: null }, { city: undefined }]) {
      it(`when a new record has ${JSON.stringify(input)}, then it is missing`, async () => {
        await assert.rejects(create(fields, input), refused("MISSING_FIELD", "city is required"));
      });
    }

    it("when an update leaves it out, then nothing is missing", async () => {
      assert.deepEqual(await update(fields, {}), {});
    });

    it("when an update empties it, then it is missing", async () => {
      await assert.rejects(
        update(fields, { city: null }),
        refused("MISSING_FIELD", "city is required"),
      );
    });

    it("when it stands in a prototype, then it is missing", async () => {
      const input = JSON.parse('{"__proto__":{"city":"Rome"}}') as object;
      await assert.rejects(create(fields, input), refused("MISSING_FIELD", "city is required"));
    });
  });

  describe("given defaults", () => {
    const fields: Fields = {
      plan: { type: "string", defaultValue: "free" },
      code: { type: "number", defaultValue: () => 7 },
      score: { type: "number", required: false, defaultValue: 0 },
    };

    it("when a new record has nothing, then it gets them", async () => {
      assert.deepEqual(await create(fields, {}), { plan: "free", code: 7, score: 0 });
    });

    it("when a new record has values, then they count", async () => {
      assert.deepEqual(await create(fields, { plan: "pro", score: 1 }), {
        plan: "pro",
        code: 7,
        score: 1,
      });
    });

    it("when a record is updated, then it gets none", async () => {
      assert.deepEqual(await update(fields, {}), {});
    });
  });

  describe("given a field closed to input", () => {
    const closed: Fields = { credit: { type: "number", input: false } };
    const withDefault: Fields = { credit: { type: "number", input: false, defaultValue: 5 } };
    const message = "credit is not allowed to be set";

    for (const value of [1, "1", {}, true]) {
      it(`when it is set to ${JSON.stringify(value)}, then it is refused`, async () => {
        await assert.rejects(
          create(closed, { credit: value }),
          refused("FIELD_NOT_ALLOWED", message),
        );
        await assert.rejects(
          update(withDefault, { credit: value }),
          refused("FIELD_NOT_ALLOWED", message),
        );
      });
    }

    it("when a new record sets it and it has a default, then the default counts", async () => {
      assert.deepEqual(await create(withDefault, { credit: 99 }), { credit: 5 });
    });

    it("when it is not set, then nothing is missing", async () => {
      assert.deepEqual(await create(closed, {}), {});
    });
  });

  describe("given names in the database", () => {
    const fields: Fields = { city: { type: "string", required: false, fieldName: "town" } };

    it("when it is set, then the value has that name", async () => {
      assert.deepEqual(await update(fields, { city: "Rome", town: "Paris" }), { town: "Rome" });
    });

    it("when it is emptied, then it is null under that name", async () => {
      assert.deepEqual(await update(fields, { city: null }), { town: null });
    });
  });

  describe("given a validator and a transformation", () => {
    const fields: Fields = {
      zip: {
        type: "string",
        validator: {
          input: z
            .string()
            .trim()
            .regex(/^\d{5}$/, "five digits"),
        },
        transform: { input: (value) => `D-${String(value)}` },
      },
      late: {
        type: "string",
        required: false,
        validator: { input: z.string().refine((value) => Promise.resolve(value === "ok"), "late") },
      },
    };

    it("when the value passes, then what the validator made of it is transformed", async () => {
      assert.deepEqual(await update(fields, { zip: " 12345 " }), { zip: "D-12345" });
    });

    it("when it does not pass, then the validator's words are in the message", async () => {
      await assert.rejects(
        update(fields, { zip: "x" }),
        refused("VALIDATION_ERROR", "[body.zip] five digits"),
      );
    });

    it("when the validator takes its time, then it is waited for", async () => {
      assert.deepEqual(await update(fields, { late: "ok" }), { late: "ok" });
      await assert.rejects(update(fields, { late: "no" }), refused("VALIDATION_ERROR", /late$/));
    });

    it("when the type is wrong, then the validator is not asked", async () => {
      await assert.rejects(
        update(fields, { zip: 12345 }),
        refused("VALIDATION_ERROR", "[body.zip] must be of type string"),
      );
    });
  });

  it("when other keys are sent, then they are dropped", async () => {
    const input = JSON.parse('{"field":"a","id":1,"role":"admin","__proto__":{"x":1}}') as object;
    assert.deepEqual(await update(one("string"), input), { field: "a" });
  });
});

describe("refuseClosedFields", () => {
  for (const name of CLOSED_USER_FIELDS) {
    it(`when ${name} is set, then it is refused by name`, () => {
      const check = () => {
        refuseClosedFields({ [name]: "x" });
      };
      assert.throws(check, refused("FIELD_NOT_ALLOWED", `${name} is not allowed to be set`));
    });
  }

  it("when they are absent, empty or inherited, then nothing is refused", () => {
    refuseClosedFields({ name: "Ada", banned: false, role: "", emailVerified: null });
    refuseClosedFields(Object.create({ role: "admin" }) as Record<string, unknown>);
  });
});

describe("additional fields of any JSON", () => {
  let t: TestApp;
  let token: string;
  before(async () => {
    t = await startApp({
      user: { additionalFields: { settings: { type: "json", required: false } } },
    });
    ({ token } = await t.givenUser());
  });
  after(() => t.stop());

  const send = (settings: string) =>
    request(t.server)
      .post("/auth/update-user")
      .set("Authorization", `Bearer ${token}`)
      .type("json")
      .send(`{"settings":${settings}}`);

  for (const settings of [
    '{"$ne":""}',
    '{"$set":{"role":"admin"},"$inc":{"a":1}}',
    '{"a.b":{"$gt":1},"":2}',
    '{"toJSON":1,"hasOwnProperty":{"valueOf":1}}',
    '[[],{},null,0,"",false]',
    JSON.stringify(nested(50)),
    '"text"',
  ]) {
    it(`when it is ${show(settings)}, then it is stored and answered as it is`, async () => {
      const { user } = (await send(settings).expect(200)).body as { user: { settings: unknown } };
      assert.deepEqual(user.settings, JSON.parse(settings));
      const row = await t.auth.models.User.collection.findOne();
      assert.deepEqual(row?.["settings"], JSON.parse(settings));
    });
  }

  for (const settings of [
    deepList(10_000),
    JSON.stringify(nested(51)),
    '{"a\\u0000b":1}',
    '{"_bsontype":"ObjectId","id":"xxxxxxxxxxxx"}',
    '[{"_bsontype":"Nope"}]',
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"name":"RegExp"},"source":".*","flags":"i"}',
    '{"a":[{"constructor":null}]}',
    '{"prototype":{}}',
    '{"k":{"$__":1,"_doc":5}}',
    '{"isMongooseBuffer":1}',
    '{"$isMongooseMap":true}',
    '{"toBSON":"x"}',
  ]) {
    it(`when it is ${show(settings)}, then it is refused`, async () => {
      assertRefusal(await send(settings), [400, "VALIDATION_ERROR", /^\[body\.settings\] /]);
      assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
    });
  }

  it("when a new user brings it, then the same holds", async () => {
    const body = { name: "Ada", email: "json@example.com", password: TEST_PASSWORD };
    const signUp = (settings: unknown) =>
      request(t.server)
        .post("/auth/sign-up/email")
        .send({ ...body, settings });
    assertRefusal(await signUp({ _bsontype: "Nope" }), [400, "VALIDATION_ERROR"]);
    await signUp({ $where: "1" }).expect(200);
  });
});

function show(value: unknown): string {
  const text = inspect(value, { depth: 4, breakLength: Infinity });
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function deepList(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}
