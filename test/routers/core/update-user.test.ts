import assert from "node:assert/strict";
import request from "supertest";
import { setCookies, TEST_ORIGIN, type TestUser } from "../../support/app.ts";
import { itNeedsASession } from "../../support/guarded.ts";
import { startMonitoredApp, type MonitoredApp } from "../../support/monitored.ts";
import { findRow, insertSession, signed } from "../../support/sessions.ts";

const PATH = "/auth/update-user";

interface Failure {
  readonly code: string;
  readonly message: string;
}

describe("POST /update-user", () => {
  let t: MonitoredApp;
  let user: TestUser;
  before(async () => {
    t = await startMonitoredApp();
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
  const stored = () => t.auth.models.User.findOne({ email: user.email }).lean();
  const answered = (body: unknown) => (body as { user: Record<string, unknown> }).user;

  /** The request is refused with this code and changes nothing. */
  async function assertRefused(body: unknown, code: string): Promise<string> {
    const before = await stored();
    const response = await update(body).expect(400);
    const failure = response.body as Failure;
    assert.equal(failure.code, code);
    assert.deepEqual(setCookies(response), []);
    assert.deepEqual(await stored(), before);
    return failure.message;
  }

  itNeedsASession(() => t, { method: "POST", path: PATH, body: { name: "x" } });

  describe("given fields that may be changed", () => {
    it("when all are sent, then the updated user is answered, and nothing else", async () => {
      t.clock.advance(5);
      const response = await update({ name: "Countess", image: "/ada.png" }).expect(200);
      const row = await stored();
      assert.deepEqual(response.body, {
        status: true,
        user: {
          id: user.id,
          name: "Countess",
          email: user.email,
          emailVerified: false,
          image: "/ada.png",
          createdAt: row?.createdAt.toISOString(),
          updatedAt: row?.updatedAt.toISOString(),
        },
      });
      assert.ok((row?.updatedAt.getTime() ?? 0) >= (row?.createdAt.getTime() ?? 0) + 5000);
    });

    it("when one is sent, then the other keeps its value", async () => {
      await update({ image: "/ada.png" }).expect(200);
      await update({ name: "Countess" }).expect(200);
      const row = await stored();
      assert.deepEqual([row?.name, row?.image], ["Countess", "/ada.png"]);
    });

    it("when the image is null, then it is removed", async () => {
      await update({ image: "/ada.png" }).expect(200);
      const response = await update({ image: null }).expect(200);
      assert.equal(answered(response.body)["image"], null);
      assert.equal((await stored())?.image, null);
    });

    it("when the name is empty, then it is taken", async () => {
      await update({ name: "" }).expect(200);
      assert.equal((await stored())?.name, "");
    });

    it("when the row has fields of another program, then they are kept", async () => {
      const filter = { email: user.email };
      await t.auth.models.User.collection.updateOne(filter, { $set: { theirs: [1] } });
      const response = await update({ name: "Countess" }).expect(200);
      const row = await t.auth.models.User.collection.findOne(filter);
      assert.deepEqual(row?.["theirs"], [1]);
      assert.equal("theirs" in answered(response.body), false);
    });

    it("when it is done, then other users are untouched", async () => {
      const other = await t.givenUser({ name: "Bob" });
      await update({ name: "Countess" }).expect(200);
      const row = await t.auth.models.User.findOne({ email: other.email }).lean();
      assert.equal(row?.name, "Bob");
    });

    it("when it is done, then one command reads and one writes", async () => {
      const commands = await t.commandsOf(() => update({ name: "Countess" }).expect(200));
      assert.deepEqual(commands, ["aggregate", "findAndModify"]);
    });
  });

  describe("given the session that asks", () => {
    it("when it is remembered, then its cookie is set again for seven days", async () => {
      const response = await update({ name: "x" });
      assert.deepEqual(setCookies(response), [
        `${user.cookie}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax`,
      ]);
      assert.equal(response.get("set-auth-token"), signed(user.token));
      assert.equal(response.get("access-control-expose-headers"), "set-auth-token");
    });

    it("when it comes as Bearer, then the header carries the same token", async () => {
      const response = await update({ name: "x" }, { authorization: `Bearer ${user.token}` });
      assert.equal(response.get("set-auth-token"), signed(user.token));
    });

    it("when it ends with the browser, then its cookies still do", async () => {
      const { email, password } = user;
      const body = { email, password, rememberMe: false };
      const made = await request(t.server).post("/auth/sign-in/email").send(body);
      const cookie = setCookies(made).map((line) => line.split(";")[0]);
      const response = await update({ name: "x" }, { cookie: cookie.join("; ") }).expect(200);
      assert.deepEqual(
        setCookies(response),
        cookie.map((pair) => `${pair ?? ""}; Path=/; HttpOnly; SameSite=Lax`),
      );
    });

    it("when it is not due, then its row is left as it is", async () => {
      const before = await findRow(t, user.token);
      t.clock.advance(60);
      await update({ name: "x" }).expect(200);
      assert.deepEqual(await findRow(t, user.token), before);
    });
  });

  describe("given images", () => {
    const accepted = [
      "ada.png",
      "/pictures/ada.png?size=2",
      "http://example.com/ada.png",
      "https://example.com/ada.png",
      "data:image/png;base64,AAAA",
      "data:image/jpeg;base64,AAAA",
      "data:image/gif;base64,AAAA",
      "data:image/webp;base64,AAAA",
      "data:image/avif;base64,AAAA",
    ];
    for (const image of accepted) {
      it(`when it is ${image}, then it is taken as it is`, async () => {
        const response = await update({ image }).expect(200);
        assert.equal(answered(response.body)["image"], image);
      });
    }

    const refused: readonly unknown[] = [
      "javascript:alert(1)",
      "JavaScript:alert(1)",
      " javascript:alert(1)",
      "java\nscript:alert(1)",
      "vbscript:x",
      "ftp://example.com/ada.png",
      "file:///etc/passwd",
      "//evil.test/ada.png",
      "/\\evil.test/ada.png",
      "https://",
      "data:text/html;base64,AAAA",
      "data:image/svg+xml;base64,AAAA",
      "data:,x",
      "blob:https://example.com/1",
      5,
      true,
      ["/ada.png"],
      { url: "/ada.png" },
    ];
    for (const image of refused) {
      it(`when it is ${JSON.stringify(image)}, then it is refused`, async () => {
        const message = await assertRefused({ image }, "VALIDATION_ERROR");
        assert.ok(message.startsWith("[body.image] "), message);
      });
    }
  });

  describe("given names", () => {
    for (const name of [5, true, null, ["Ada"], { $ne: "" }]) {
      it(`when it is ${JSON.stringify(name)}, then it is refused`, async () => {
        const message = await assertRefused({ name }, "VALIDATION_ERROR");
        assert.ok(message.startsWith("[body.name] "), message);
      });
    }
  });

  describe("given an e-mail address", () => {
    for (const email of ["new@example.com", true, 1, {}, []]) {
      it(`when it is ${JSON.stringify(email)}, then it is refused`, async () => {
        const message = await assertRefused({ name: "x", email }, "EMAIL_CAN_NOT_BE_UPDATED");
        assert.equal(message, "Email can not be updated");
      });
    }

    for (const email of ["", null, false, 0]) {
      it(`when it is ${JSON.stringify(email)}, then it is ignored`, async () => {
        await update({ name: "Countess", email }).expect(200);
        assert.equal((await stored())?.name, "Countess");
      });
    }
  });

  describe("given nothing to change", () => {
    const bodies: readonly object[] = [
      {},
      { email: "" },
      { nickname: "x" },
      { id: "0123456789abcdef01234567", _id: "x" },
      { createdAt: "2000-01-01T00:00:00.000Z", updatedAt: "2000-01-01T00:00:00.000Z" },
      { password: "x", token: "x", username: "ada", displayUsername: "Ada" },
      { $set: { role: "admin" }, "profile.role": "admin" },
    ];
    for (const body of bodies) {
      it(`when the body is ${JSON.stringify(body)}, then it is refused`, async () => {
        const message = await assertRefused(body, "NO_FIELDS_TO_UPDATE");
        assert.equal(message, "No fields to update");
      });
    }

    it("when there is no body at all, then it is refused", async () => {
      const response = await request(t.server)
        .post(PATH)
        .set({ cookie: user.cookie, origin: TEST_ORIGIN });
      assert.equal(response.status, 400);
      assert.equal((response.body as Failure).code, "NO_FIELDS_TO_UPDATE");
    });

    it("when such keys come beside a name, then the name alone is changed", async () => {
      const before = await stored();
      const body = { ...Object.assign({}, ...bodies), name: "Countess" } as object;
      await update(body).expect(200);
      const row = await stored();
      assert.deepEqual(row, { ...before, name: "Countess", updatedAt: row?.updatedAt });
    });

    it("when __proto__ carries a field, then it is not taken", async () => {
      const response = await request(t.server)
        .post(PATH)
        .set({ cookie: user.cookie, origin: TEST_ORIGIN, "content-type": "application/json" })
        .send('{"name":"Countess","__proto__":{"role":"admin","banned":true}}');
      assert.equal(response.status, 200);
      const row = await stored();
      assert.deepEqual([row?.name, row?.role, row?.banned], ["Countess", undefined, undefined]);
    });
  });

  describe("given fields closed to input", () => {
    const closed = {
      emailVerified: true,
      role: "admin",
      banned: true,
      banReason: "none",
      banExpires: "2999-01-01T00:00:00.000Z",
      twoFactorEnabled: true,
    };
    for (const [name, value] of Object.entries(closed)) {
      it(`when ${name} is sent, then it is refused by name`, async () => {
        const body = { name: "Countess", [name]: value };
        const message = await assertRefused(body, "FIELD_NOT_ALLOWED");
        assert.equal(message, `${name} is not allowed to be set`);
      });
    }

    it("when they are sent as false or null, then they keep their values", async () => {
      const set = { emailVerified: true, role: "editor", twoFactorEnabled: true };
      await t.auth.models.User.updateOne({ email: user.email }, { $set: set });
      const off = { emailVerified: false, role: null, twoFactorEnabled: false, banned: null };
      const response = await update({ ...off, name: "Countess" });
      assert.ok([200, 400].includes(response.status));
      const row = await stored();
      assert.deepEqual(
        [row?.emailVerified, row?.role, row?.twoFactorEnabled],
        [true, "editor", true],
      );
    });
  });

  describe("given a body that is no object", () => {
    for (const body of ["text", 5, true, null, [], [{ name: "x" }]]) {
      it(`when it is ${JSON.stringify(body)}, then it is refused`, async () => {
        const message = await assertRefused(body, "BODY_MUST_BE_AN_OBJECT");
        assert.equal(message, "Body must be an object");
      });
    }
  });

  describe("given a user who is deleted meanwhile", () => {
    it("when the update finds nobody, then it answers 401", async () => {
      const transaction = await t.database.startSession();
      try {
        transaction.startTransaction();
        await t.auth.models.User.deleteOne({ email: user.email }, { session: transaction });
        const writes = t.nextCommand("findAndModify");
        const answer = update({ name: "Countess" }).then((response) => response);
        await writes;
        await transaction.commitTransaction();
        const response = await answer;
        assert.equal(response.status, 401);
        assert.equal((response.body as Failure).code, "UNAUTHORIZED");
        assert.equal(response.get("set-auth-token"), undefined);
      } finally {
        await transaction.endSession();
      }
    });
  });

  describe("given auth.api", () => {
    it("when headers are wanted, then they set the session for the browser", async () => {
      const own = await insertSession(t, user.id);
      const answer = await t.auth.api.updateUser({
        body: { name: "Countess" },
        headers: { cookie: own.cookie },
        returnHeaders: true,
      });
      assert.equal(answer.response.user.name, "Countess");
      assert.match(answer.headers.getSetCookie().join(), /^better-auth\.session-token=/);
      assert.equal(answer.headers.get("set-auth-token"), signed(own.token));
    });
  });
});
