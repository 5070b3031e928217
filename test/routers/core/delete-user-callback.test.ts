import assert from "node:assert/strict";
import request from "supertest";
import { hashToken } from "../../../lib/crypto/token.ts";
import type { AuthOptions } from "../../../lib/index.ts";
import { parseId } from "../../../lib/models/id.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { createOutbox, follow } from "../../support/outbox.ts";
import { inParallel } from "../../support/parallel.ts";
import { assertHeaders, assertRefusal } from "../../support/refusal.ts";
import { OWN_COOKIE } from "../../support/sessions.ts";
import { insertVerification } from "../../support/verifications.ts";

const PATH = "/auth/delete-user/callback";
const DELETED = { success: true, message: "User deleted" };

type DeleteUser = NonNullable<NonNullable<AuthOptions["user"]>["deleteUser"]>;

describe("GET /delete-user/callback", () => {
  const outbox = createOutbox();
  const options = (deleteUser: DeleteUser = {}): AuthOptions => ({
    user: {
      deleteUser: {
        enabled: true,
        sendDeleteAccountVerification: outbox.sender("delete"),
        ...deleteUser,
      },
    },
    trustedOrigins: ["https://www.app.example"],
  });
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp(options());
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
  });

  async function mailed({ cookie }: TestUser, app = t, body: object = {}) {
    await request(app.server)
      .post("/auth/delete-user")
      .set({ cookie, origin: TEST_ORIGIN })
      .send(body)
      .expect(200);
    return outbox.next();
  }
  const open = (query: object, cookie?: string, app = t) =>
    request(app.server)
      .get(PATH)
      .query(query)
      .set(cookie === undefined ? {} : { cookie })
      .redirects(0);
  const exists = async ({ id }: TestUser, app = t) =>
    (await app.auth.models.User.exists({ _id: parseId(id) ?? "" })) !== null;

  describe("given a live token", () => {
    it("when it is opened without a session, then the user is deleted", async () => {
      const { token } = await mailed(user);
      const response = await open({ token }).expect(200);
      assert.deepEqual(response.body, DELETED);
      assertHeaders(response);
      assert.equal(await exists(user), false);
    });

    it("when it is opened in the owner's browser, then the cookies are cleared", async () => {
      const { token } = await mailed(user);
      const response = await open({ token }, user.cookie).expect(200);
      assert.equal(cookieHeader(response), "");
      assert.ok(setCookies(response).some((line) => line.startsWith(`${OWN_COOKIE}=;`)));
      assert.equal(await exists(user), false);
    });

    it("when the mailed link is opened, then the browser goes where it leads", async () => {
      const { url } = await mailed(user, t, { callbackURL: "/bye?a=1" });
      const response = await follow(t, url).expect(302);
      assert.equal(response.get("location"), "/bye?a=1");
      assert.equal(response.text, "");
      assertHeaders(response);
      assert.equal(await exists(user), false);
    });

    for (const callbackURL of ["/", "https://www.app.example/bye?x=1#y"]) {
      it(`when callbackURL is ${callbackURL}, then the browser goes there as it is`, async () => {
        const { token } = await mailed(user);
        const response = await open({ token, callbackURL }).expect(302);
        assert.equal(response.get("location"), callbackURL);
      });
    }

    it("when callbackURL is empty, then it counts as not given", async () => {
      const { token } = await mailed(user);
      await open({ token, callbackURL: "" }).expect(200, DELETED);
    });

    it("when callbackURL is another site, then it is refused, and the token stays usable", async () => {
      const { token } = await mailed(user);
      const response = await open({ token, callbackURL: "https://evil.example" });
      assertRefusal(response, [403, "INVALID_CALLBACK_URL", "Invalid callbackURL"]);
      await open({ token }).expect(200, DELETED);
    });

    it("when a link scanner asks for it with HEAD, then nothing is used up", async () => {
      const { url, token } = await mailed(user);
      const head = await request(t.server).head(url.slice(TEST_ORIGIN.length)).redirects(0);
      assert.deepEqual([head.status, head.get("allow")], [405, "GET"]);
      await open({ token }).expect(200, DELETED);
    });

    it("when Better Auth has written it, then it counts", async () => {
      const identifier = `delete-account-${"a1".repeat(16)}`;
      await insertVerification(t, { identifier, value: user.id });
      await open({ token: "a1".repeat(16) }).expect(200, DELETED);
      assert.equal(await exists(user), false);
    });

    it("when it is opened 50 times at once, then exactly one deletes", async () => {
      const { token } = await mailed(user);
      const answers = await inParallel(50, () => open({ token }));
      assert.deepEqual(answers, { "200": 1, "404 INVALID_TOKEN": 49 });
    });

    it("when another user is signed in, then it answers INVALID_TOKEN, deletes no one, and is used up", async () => {
      const [{ token }, other] = [await mailed(user), await t.givenUser()];
      assertRefusal(await open({ token }, other.cookie), [404, "INVALID_TOKEN", "Invalid token"]);
      assertRefusal(await open({ token }), [404, "INVALID_TOKEN"]);
      assert.deepEqual([await exists(user), await exists(other)], [true, true]);
    });

    it("when the caller is banned, then it answers BANNED_USER, and the token stays usable", async () => {
      const { token } = await mailed(user);
      const _id = parseId(user.id) ?? "";
      await t.auth.models.User.updateOne({ _id }, { banned: true });
      assertRefusal(await open({ token }, user.cookie), [403, "BANNED_USER"]);
      await open({ token }).expect(200, DELETED);
    });
  });

  describe("given a token that is not live", () => {
    const cases: readonly (readonly [when: string, presented: () => Promise<string>])[] = [
      ["it is empty", () => Promise.resolve("")],
      ["nobody has it", () => Promise.resolve("0".repeat(32))],
      [
        "it was used",
        async () => {
          const { token } = await mailed(user);
          await open({ token }).expect(200);
          return token;
        },
      ],
      [
        "it has expired",
        async () => {
          const { token } = await mailed(user);
          t.clock.advance(86_401);
          return token;
        },
      ],
      ["it is the hash from the database", async () => hashToken((await mailed(user)).token)],
      ["it has a colon", async () => `h1:${(await mailed(user)).token.slice(3)}`],
      [
        "its user is gone",
        async () => {
          const { token } = await mailed(user);
          await t.auth.models.User.deleteOne({ _id: parseId(user.id) ?? "" });
          return token;
        },
      ],
      [
        "its user's id is none",
        async () => {
          const identifier = `delete-account-${"c".repeat(32)}`;
          await insertVerification(t, { identifier, value: "{}" });
          return "c".repeat(32);
        },
      ],
    ];
    for (const [when, presented] of cases) {
      it(`when ${when}, then it answers INVALID_TOKEN as JSON, whatever callbackURL says`, async () => {
        const response = await open({ token: await presented(), callbackURL: "/bye" });
        assertRefusal(response, [404, "INVALID_TOKEN", "Invalid token"]);
        assert.equal(response.get("location"), undefined);
      });
    }

    it("when it is missing, then it answers VALIDATION_ERROR", async () => {
      assertRefusal(await open({}), [400, "VALIDATION_ERROR", /^\[query\.token\] /]);
    });
  });

  describe("given requireSessionOnCallback", () => {
    let strict: TestApp;
    before(async () => {
      strict = await startApp(options({ requireSessionOnCallback: true }));
    });
    after(() => strict.stop());

    it("when no one is signed in, then it answers INVALID_TOKEN, and the owner may open it again", async () => {
      const owner = await strict.givenUser();
      const { token } = await mailed(owner, strict);
      assertRefusal(await open({ token }, undefined, strict), [404, "INVALID_TOKEN"]);
      await open({ token }, owner.cookie, strict).expect(200, DELETED);
      assert.equal(await exists(owner, strict), false);
    });

    it("when another user is signed in, then it answers INVALID_TOKEN and is used up", async () => {
      const [owner, other] = [await strict.givenUser(), await strict.givenUser()];
      const { token } = await mailed(owner, strict);
      for (const { cookie } of [other, owner]) {
        assertRefusal(await open({ token }, cookie, strict), [404, "INVALID_TOKEN"]);
      }
      assert.equal(await exists(owner, strict), true);
    });
  });

  describe("given the feature is off", () => {
    it("when a live token is opened, then it answers NOT_FOUND, and the token is not used up", async () => {
      const off = await startApp();
      const owner = await off.givenUser();
      const identifier = `delete-account-${"d".repeat(32)}`;
      await insertVerification(off, { identifier, value: owner.id });
      const response = await open({ token: "d".repeat(32) }, undefined, off);
      assertRefusal(response, [404, "NOT_FOUND", "Not Found"]);
      assert.equal(await off.auth.models.Verification.countDocuments({ identifier }), 1);
      assert.equal(await exists(owner, off), true);
      await off.stop();
    });
  });
});
