import assert from "node:assert/strict";
import jsonwebtoken from "jsonwebtoken";
import request from "supertest";
import { parseId } from "../../../lib/models/id.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_SECRET,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import { createOutbox, follow } from "../../support/outbox.ts";
import { assertHeaders, assertRefusal } from "../../support/refusal.ts";
import { countRows } from "../../support/sessions.ts";
import { claimsOf, signToken } from "../../support/tokens.ts";

const PATH = "/auth/verify-email";
const CONFIRMATION = "change-email-confirmation";
const VERIFICATION = "change-email-verification";

let addresses = 0;
const newAddress = () => `new-${(addresses += 1)}@example.com`;

describe("GET /verify-email", () => {
  const outbox = createOutbox();
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp({
      emailVerification: { sendVerificationEmail: outbox.sender("verification") },
      trustedOrigins: ["https://www.app.example", "myapp://"],
    });
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
  });

  const verify = (
    token: string | undefined,
    { callbackURL, cookie }: { callbackURL?: string; cookie?: string } = {},
  ) =>
    request(t.server)
      .get(PATH)
      .query({
        ...(token !== undefined && { token }),
        ...(callbackURL !== undefined && { callbackURL }),
      })
      .set(cookie === undefined ? {} : { cookie })
      .redirects(0);
  const stored = ({ id } = user) => t.auth.models.User.findOne({ _id: parseId(id) ?? "" }).lean();
  const change = (fields: object, { id } = user) =>
    t.auth.models.User.updateOne({ _id: parseId(id) ?? "" }, fields);
  /** Claims of ours: they name the user. */
  const own = (claims: object = {}) => ({ email: user.email, sub: user.id, ...claims });
  const shown = async () => {
    const row = await stored();
    return {
      id: user.id,
      name: user.name,
      email: row?.email,
      emailVerified: row?.emailVerified,
      image: null,
      createdAt: row?.createdAt.toISOString(),
      updatedAt: row?.updatedAt.toISOString(),
    };
  };

  describe("given the token of a verification mail", () => {
    const mailed = async () => {
      const { email } = user;
      await request(t.server).post("/auth/send-verification-email").send({ email }).expect(200);
      return outbox.next();
    };

    it("when its link is opened, then the address is verified and the browser goes home, not signed in", async () => {
      t.clock.advance(5);
      const response = await follow(t, (await mailed()).url).expect(302);
      assert.equal(response.get("location"), "/");
      assert.equal(response.text, "");
      assert.deepEqual(setCookies(response), []);
      assertHeaders(response);
      const row = await stored();
      assert.equal(row?.emailVerified, true);
      assert.ok(row.updatedAt.getTime() >= row.createdAt.getTime() + 5000);
      assert.equal(await countRows(t, user.id), 1);
    });

    it("when there is no session, then the answer shows no user", async () => {
      const response = await verify((await mailed()).token).expect(200);
      assert.deepEqual(response.body, { status: true, user: null });
    });

    it("when the user's own session comes along, then the answer shows the updated user", async () => {
      const { token } = await mailed();
      const response = await verify(token, { cookie: user.cookie }).expect(200);
      assert.deepEqual(response.body, { status: true, user: await shown() });
      assert.equal(
        (response.body as { user: { emailVerified: boolean } }).user.emailVerified,
        true,
      );
      assert.deepEqual(setCookies(response), []);
    });

    it("when the session of another user comes along, then the address is verified and no user shown", async () => {
      const { cookie } = await t.givenUser();
      const response = await verify((await mailed()).token, { cookie }).expect(200);
      assert.deepEqual(response.body, { status: true, user: null });
      assert.equal((await stored())?.emailVerified, true);
    });

    it("when it is opened again, then the answer is the same", async () => {
      const { token } = await mailed();
      const [first, second] = [await verify(token), await verify(token)];
      assert.deepEqual([second.status, second.body], [first.status, first.body]);
      const before = await stored();
      await verify(token, { cookie: user.cookie }).expect(200, {
        status: true,
        user: await shown(),
      });
      assert.deepEqual(await stored(), before);
    });

    it("when a link scanner asks for it with HEAD, then nothing happens", async () => {
      const { url } = await mailed();
      const head = await request(t.server).head(url.slice(TEST_ORIGIN.length)).redirects(0);
      assert.deepEqual([head.status, head.get("allow")], [405, "GET"]);
      assert.equal((await stored())?.emailVerified, false);
    });
  });

  describe("given a callbackURL", () => {
    const good = [
      "/welcome",
      "/welcome?a=1&b=2",
      `${TEST_ORIGIN}/welcome`,
      "https://www.app.example/x?y=1#z",
      "myapp://verified",
    ];
    for (const callbackURL of good) {
      it(`when it is ${callbackURL}, then the browser goes there as it is`, async () => {
        const response = await verify(signToken(t, own()), { callbackURL }).expect(302);
        assert.equal(response.get("location"), callbackURL);
      });
    }

    const failed = [
      ["/welcome", "/welcome?error=INVALID_TOKEN"],
      ["/welcome?a=1", "/welcome?a=1&error=INVALID_TOKEN"],
      ["/welcome?error=planted", "/welcome?error=INVALID_TOKEN"],
      ["https://www.app.example/x#z", "https://www.app.example/x?error=INVALID_TOKEN#z"],
    ] as const;
    for (const [callbackURL, location] of failed) {
      it(`when the token is bad and it is ${callbackURL}, then the browser goes there with the error`, async () => {
        const response = await verify("bad", { callbackURL }).expect(302);
        assert.equal(response.get("location"), location);
        assertHeaders(response);
      });
    }

    for (const callbackURL of ["https://evil.example", "//evil.example", "/\\evil.example"]) {
      it(`when it is ${callbackURL}, then it is refused and nothing happens`, async () => {
        const response = await verify(signToken(t, own()), { callbackURL });
        assertRefusal(response, [403, "INVALID_CALLBACK_URL", "Invalid callbackURL"]);
        assert.equal((await stored())?.emailVerified, false);
      });
    }

    it("when it is empty, then it counts as not given", async () => {
      await verify(signToken(t, own()), { callbackURL: "" }).expect(200);
    });
  });

  describe("given a token that is refused", () => {
    const header = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const cases: readonly (readonly [when: string, token: () => string, code: string])[] = [
      ["it is empty", () => "", "INVALID_TOKEN"],
      ["it is no JWT", () => "not.a.token", "INVALID_TOKEN"],
      [
        "another secret signed it",
        () => signToken(t, own(), { secret: "x".repeat(40) }),
        "INVALID_TOKEN",
      ],
      [
        "its signature was cut off",
        () => signToken(t, own()).replace(/[^.]*$/, ""),
        "INVALID_TOKEN",
      ],
      [
        "it is not signed at all",
        () => {
          const [, payload = ""] = signToken(t, own()).split(".");
          return `${header({ alg: "none", typ: "JWT" })}.${payload}.`;
        },
        "INVALID_TOKEN",
      ],
      [
        "its algorithm is another",
        () => jsonwebtoken.sign(own(), TEST_SECRET, { algorithm: "HS512", expiresIn: 60 }),
        "INVALID_TOKEN",
      ],
      ["it does not end", () => jsonwebtoken.sign(own(), TEST_SECRET), "INVALID_TOKEN"],
      ["it names no address", () => signToken(t, { sub: user.id }), "INVALID_TOKEN"],
      [
        "its address is an object",
        () => signToken(t, { sub: user.id, email: { $ne: "" } }),
        "INVALID_TOKEN",
      ],
      ["it has expired", () => signToken(t, own(), { expiresIn: -1 }), "TOKEN_EXPIRED"],
      [
        "nobody has its address",
        () => signToken(t, { email: "nobody@example.com" }),
        "USER_NOT_FOUND",
      ],
      [
        "its user has another id",
        () => signToken(t, own({ sub: "0".repeat(24) })),
        "USER_NOT_FOUND",
      ],
      ["its user's id is none", () => signToken(t, own({ sub: "$ne" })), "USER_NOT_FOUND"],
    ];
    const messages: Readonly<Record<string, string>> = {
      INVALID_TOKEN: "Invalid token",
      TOKEN_EXPIRED: "Token expired",
      USER_NOT_FOUND: "User not found",
    };
    for (const [when, token, code] of cases) {
      it(`when ${when}, then it answers ${code}, as JSON or to callbackURL`, async () => {
        const text = token();
        assertRefusal(await verify(text), [401, code, messages[code] ?? ""]);
        const response = await verify(text, { callbackURL: "/x" }).expect(302);
        assert.equal(response.get("location"), `/x?error=${code}`);
        assert.equal((await stored())?.emailVerified, false);
      });
    }

    it("when time passes, then it expires", async () => {
      const token = signToken(t, own());
      t.clock.advance(3601);
      assertRefusal(await verify(token), [401, "TOKEN_EXPIRED"]);
    });

    it("when it is missing, then it answers VALIDATION_ERROR", async () => {
      assertRefusal(await verify(undefined), [400, "VALIDATION_ERROR", /^\[query\.token\] /]);
      assertRefusal(await verify(undefined, { callbackURL: "/x" }), [400, "VALIDATION_ERROR"]);
    });

    it("when it is given twice, then it answers VALIDATION_ERROR", async () => {
      const response = await request(t.server).get(`${PATH}?token=a&token=b`);
      assertRefusal(response, [400, "VALIDATION_ERROR"]);
    });
  });

  describe("given a token of Better Auth, which names no user", () => {
    it("when it is opened, then its address is verified", async () => {
      await verify(signToken(t, { email: user.email })).expect(200);
      assert.equal((await stored())?.emailVerified, true);
    });

    it("when it changes the address, then the address is changed", async () => {
      const updateTo = newAddress();
      const claims = { email: user.email, updateTo, requestType: VERIFICATION };
      await verify(signToken(t, claims)).expect(200);
      assert.equal((await stored())?.email, updateTo);
    });
  });

  describe("given an address that has gone to another user", () => {
    it("when a token of ours is opened, then it answers USER_NOT_FOUND; one without user is taken by address", async () => {
      const token = signToken(t, own());
      const { email } = user;
      await change({ email: newAddress() });
      const heir = await t.givenUser({ email });
      assertRefusal(await verify(token), [401, "USER_NOT_FOUND"]);
      assert.equal((await stored(heir))?.emailVerified, false);
      await verify(signToken(t, { email })).expect(200);
      assert.equal((await stored(heir))?.emailVerified, true);
    });
  });

  describe("given a list of secrets", () => {
    it("when an older one signed the token, then it is taken, and refused when it has expired", async () => {
      const value = "a-newer-secret-a-newer-secret-a-newer-secret";
      const rotated = await startApp({
        secrets: [
          { version: 2, value },
          { version: 1, value: TEST_SECRET },
        ],
      });
      const { email } = await rotated.givenUser();
      const open = (token: string) => request(rotated.server).get(PATH).query({ token });
      await open(signToken(rotated, { email })).expect(200);
      await open(signToken(rotated, { email }, { secret: value })).expect(200);
      const expired = signToken(rotated, { email }, { expiresIn: -1 });
      assertRefusal(await open(expired), [401, "TOKEN_EXPIRED"]);
      const foreign = signToken(rotated, { email }, { secret: "x".repeat(40) });
      assertRefusal(await open(foreign), [401, "INVALID_TOKEN"]);
      await rotated.stop();
    });
  });

  describe("given the confirmation of a change by the old address", () => {
    const claims = (updateTo: string) => own({ updateTo, requestType: CONFIRMATION });

    it("when it is opened, then the new address is asked, and nothing is changed", async () => {
      const updateTo = newAddress();
      const response = await verify(signToken(t, claims(updateTo))).expect(200);
      assert.deepEqual(response.body, { status: true });
      assert.deepEqual(setCookies(response), []);
      assert.equal((await stored())?.email, user.email);
      const { user: mailed, token, url } = await outbox.next();
      assert.deepEqual([mailed.id, mailed.email], [user.id, updateTo]);
      assert.equal(url, `${TEST_ORIGIN}${PATH}?token=${token}&callbackURL=%2F`);
      const { iat, ...said } = claimsOf(token);
      assert.deepEqual(said, {
        ...own({ updateTo, requestType: VERIFICATION }),
        exp: Number(iat) + 3600,
      });
    });

    it("when it has a callbackURL, then the browser goes there, and the next link carries it", async () => {
      const token = signToken(t, claims(newAddress()));
      const response = await verify(token, { callbackURL: "/profile" }).expect(302);
      assert.equal(response.get("location"), "/profile");
      assert.match((await outbox.next()).url, /&callbackURL=%2Fprofile$/);
    });

    it("when another user is signed in, then it answers INVALID_USER and asks no one", async () => {
      const { cookie } = await t.givenUser();
      const token = signToken(t, claims(newAddress()));
      assertRefusal(await verify(token, { cookie }), [401, "INVALID_USER", "Invalid user"]);
      const response = await verify(token, { cookie, callbackURL: "/x" });
      assert.equal(response.get("location"), "/x?error=INVALID_USER");
      await outbox.assertEmpty();
    });
  });

  describe("given the token of a change to a new address", () => {
    const claims = (updateTo: string) => own({ updateTo, requestType: VERIFICATION });

    it("when it is opened without a session, then the address is changed and verified, and the user signed in", async () => {
      const updateTo = newAddress();
      const response = await verify(signToken(t, claims(updateTo))).expect(200);
      assert.deepEqual(response.body, { status: true, user: await shown() });
      const row = await stored();
      assert.deepEqual([row?.email, row?.emailVerified], [updateTo, true]);
      assert.equal(await countRows(t, user.id), 2);
      const session = await request(t.server)
        .get("/auth/get-session")
        .set("cookie", cookieHeader(response));
      assert.equal((session.body as { user: { id: string } }).user.id, user.id);
    });

    it("when the user is signed in, then that session is set anew and none is made", async () => {
      const token = signToken(t, claims(newAddress()));
      const response = await verify(token, { cookie: user.cookie }).expect(200);
      assert.equal(cookieHeader(response), user.cookie);
      assert.equal(await countRows(t, user.id), 1);
    });

    it("when another user is signed in, then it answers INVALID_USER and changes nothing", async () => {
      const { cookie } = await t.givenUser();
      const token = signToken(t, claims(newAddress()));
      assertRefusal(await verify(token, { cookie }), [401, "INVALID_USER"]);
      assert.equal((await stored())?.email, user.email);
    });

    it("when it is opened again, then it answers USER_NOT_FOUND", async () => {
      const token = signToken(t, claims(newAddress()));
      await verify(token).expect(200);
      assertRefusal(await verify(token), [401, "USER_NOT_FOUND"]);
      assert.equal(await countRows(t, user.id), 2);
    });

    it("when the new address was taken meanwhile, then it says so and changes nothing", async () => {
      const { email } = await t.givenUser();
      const token = signToken(t, claims(email));
      const code = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL";
      const message = "User already exists. Use another email.";
      const refused = await verify(token);
      assertRefusal(refused, [422, code, message]);
      assert.deepEqual(setCookies(refused), []);
      const response = await verify(token, { callbackURL: "/x" }).expect(302);
      assert.equal(response.get("location"), `/x?error=${code}`);
      assert.equal((await stored())?.email, user.email);
      assert.equal(await countRows(t, user.id), 1);
    });

    it("when it has a callbackURL, then the browser goes there, signed in", async () => {
      const token = signToken(t, claims(newAddress()));
      const response = await verify(token, { callbackURL: "/profile" }).expect(302);
      assert.equal(response.get("location"), "/profile");
      assert.notEqual(cookieHeader(response), "");
    });

    it("when it is opened, then earlier tokens of the old address end", async () => {
      const earlier = signToken(t, own());
      await verify(signToken(t, claims(newAddress()))).expect(200);
      assertRefusal(await verify(earlier), [401, "USER_NOT_FOUND"]);
    });
  });

  describe("given a one-step change, as older versions of Better Auth mailed it", () => {
    it("when it is opened, then the address is changed, is not verified, and is asked", async () => {
      const updateTo = newAddress();
      await change({ emailVerified: true });
      const response = await verify(signToken(t, { email: user.email, updateTo })).expect(200);
      assert.deepEqual(response.body, { status: true, user: await shown() });
      const row = await stored();
      assert.deepEqual([row?.email, row?.emailVerified], [updateTo, false]);
      assert.notEqual(cookieHeader(response), "");
      const { user: mailed, token } = await outbox.next();
      assert.equal(mailed.email, updateTo);
      await verify(token).expect(200);
      assert.equal((await stored())?.emailVerified, true);
    });
  });

  describe("given a banned user", () => {
    for (const [what, claims] of [
      ["verification", {}],
      ["change", { updateTo: "banned@example.com", requestType: VERIFICATION }],
    ] as const) {
      it(`when they open the link of a ${what}, then it answers BANNED_USER and changes nothing`, async () => {
        await change({ banned: true });
        const response = await verify(signToken(t, own(claims)));
        assertRefusal(response, [403, "BANNED_USER"]);
        assert.deepEqual(setCookies(response), []);
        const row = await stored();
        assert.deepEqual([row?.email, row?.emailVerified], [user.email, false]);
      });
    }
  });
});
