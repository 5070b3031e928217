import assert from "node:assert/strict";
import request from "supertest";
import { hashToken } from "../../../lib/crypto/token.ts";
import { startApp, TEST_ORIGIN, type TestApp, type TestUser } from "../../support/app.ts";
import { createOutbox } from "../../support/outbox.ts";
import { assertHeaders, assertRefusal } from "../../support/refusal.ts";
import { insertVerification } from "../../support/verifications.ts";

const PATH = "/auth/reset-password";
const ERROR_PAGE = `${TEST_ORIGIN}/auth/error?error=INVALID_TOKEN`;

describe("GET /reset-password/:token", () => {
  const outbox = createOutbox();
  const emailAndPassword = { enabled: true, sendResetPassword: outbox.sender("reset") };
  let t: TestApp;
  let user: TestUser;
  let token: string;
  before(async () => {
    t = await startApp({
      emailAndPassword,
      trustedOrigins: ["https://www.app.example", "myapp://"],
    });
  });
  after(() => t.stop());
  beforeEach(async () => {
    user = await t.givenUser();
    token = await newToken(user);
  });

  async function newToken({ email }: Pick<TestUser, "email">): Promise<string> {
    await request(t.server).post("/auth/forget-password").send({ email }).expect(200);
    return (await outbox.next()).token;
  }
  const open = (presented: string, callbackURL?: string) =>
    request(t.server)
      .get(`${PATH}/${encodeURIComponent(presented)}`)
      .query(callbackURL === undefined ? {} : { callbackURL })
      .redirects(0);
  const reset = (presented: string) =>
    request(t.server).post(PATH).send({ token: presented, newPassword: "Harbour-9-lantern" });

  describe("given a live token", () => {
    it("when no callbackURL is given, then it answers with the token", async () => {
      const response = await open(token).expect(200);
      assert.deepEqual(response.body, { token });
      assertHeaders(response);
    });

    it("when callbackURL is empty, then it counts as not given", async () => {
      assert.deepEqual((await open(token, "").expect(200)).body, { token });
    });

    const addresses = [
      ["/new-password", `${TEST_ORIGIN}/new-password?token=`],
      ["/new?lang=de", `${TEST_ORIGIN}/new?lang=de&token=`],
      ["/new?token=planted", `${TEST_ORIGIN}/new?token=`],
      [`${TEST_ORIGIN}/new`, `${TEST_ORIGIN}/new?token=`],
      ["https://www.app.example/new?a=1#top", "https://www.app.example/new?a=1&token="],
      ["myapp://new-password", "myapp://new-password?token="],
    ] as const;
    for (const [callbackURL, front] of addresses) {
      it(`when callbackURL is ${callbackURL}, then it leads there, absolute, with the token`, async () => {
        const response = await open(token, callbackURL).expect(302);
        const fragment = callbackURL.endsWith("#top") ? "#top" : "";
        assert.equal(response.get("location"), front + token + fragment);
        assert.equal(response.text, "");
        assertHeaders(response);
      });
    }

    const evil = [
      "https://evil.example",
      "//evil.example",
      "/\\evil.example",
      "javascript:alert(1)",
    ];
    for (const callbackURL of evil) {
      it(`when callbackURL is ${callbackURL}, then it is refused`, async () => {
        const response = await open(token, callbackURL);
        assertRefusal(response, [403, "INVALID_CALLBACK_URL", "Invalid callbackURL"]);
        assert.equal(response.get("location"), undefined);
      });
    }

    it("when callbackURL is given twice, then it is refused", async () => {
      const response = await request(t.server).get(
        `${PATH}/${token}?callbackURL=/a&callbackURL=/b`,
      );
      assertRefusal(response, [
        400,
        "INVALID_CALLBACKURL_EXPECTED_A_STRING",
        "Invalid callbackURL: expected a string",
      ]);
    });

    it("when it is opened, also by a link scanner, then it stays usable", async () => {
      await open(token, "/new").expect(302);
      await open(token).expect(200);
      const head = await request(t.server).head(`${PATH}/${token}`).expect(200);
      assert.equal(head.text, undefined);
      await reset(token).expect(200);
    });

    it("when Better Auth has written it, then it is live", async () => {
      const official = "Abc123Abc123Abc123Abc123";
      const identifier = `reset-password:${official}`;
      await insertVerification(t, { identifier, value: user.id });
      await open(official).expect(200, { token: official });
    });
  });

  describe("given a token that is not live", () => {
    it("when no callbackURL is given, then it leads to the error page", async () => {
      const response = await open("0".repeat(24)).expect(302);
      assert.equal(response.get("location"), ERROR_PAGE);
      assertHeaders(response);
    });

    const addresses = [
      ["/new", `${TEST_ORIGIN}/new?error=INVALID_TOKEN`],
      ["/new?error=planted&a=1", `${TEST_ORIGIN}/new?a=1&error=INVALID_TOKEN`],
      ["https://www.app.example/new", "https://www.app.example/new?error=INVALID_TOKEN"],
    ] as const;
    for (const [callbackURL, location] of addresses) {
      it(`when callbackURL is ${callbackURL}, then it leads there with the error`, async () => {
        const response = await open("0".repeat(24), callbackURL).expect(302);
        assert.equal(response.get("location"), location);
      });
    }

    const cases: readonly (readonly [when: string, presented: () => string | Promise<string>])[] = [
      [
        "it has expired",
        () => {
          t.clock.advance(3601);
          return token;
        },
      ],
      ["it was used", async () => (await reset(token).expect(200), token)],
      ["a newer one was issued", async () => (await newToken(user), token)],
      ["it is the hash from the database", () => hashToken(token)],
      ["it is the hash without its mark", () => hashToken(token).slice(3, 27)],
      ["it has a colon", () => `h1:${token.slice(3)}`],
      ["it is too long", () => `${token}0`],
      ["it is too short", () => token.slice(1)],
      ["it has other characters", () => "$regex..................".slice(0, 24)],
      ["it ends with a newline", () => `${token.slice(1)}\n`],
      ["it has a NUL", () => `${token.slice(1)}\0`],
    ];
    for (const [when, presented] of cases) {
      it(`when ${when}, then it leads to the error page`, async () => {
        const response = await open(await presented());
        assert.equal(response.status, 302);
        assert.equal(response.get("location"), ERROR_PAGE);
      });
    }

    it("when it is not even encoded rightly, then it is refused as a client's error", async () => {
      const { status } = await request(t.server).get(`${PATH}/%zz`).redirects(0);
      assert.ok(status >= 400 && status < 500, String(status));
    });

    it("when it was issued for another purpose, then it leads to the error page", async () => {
      const identifier = `delete-account-${"a".repeat(24)}`;
      await insertVerification(t, { identifier, value: user.id });
      const response = await open("a".repeat(24)).expect(302);
      assert.equal(response.get("location"), ERROR_PAGE);
    });
  });

  describe("given disableOriginCheck", () => {
    let open: TestApp;
    before(async () => {
      open = await startApp({ emailAndPassword, advanced: { disableOriginCheck: true } });
    });
    after(() => open.stop());

    it("when callbackURL is a foreign address, then it leads there", async () => {
      const response = await request(open.server)
        .get(`${PATH}/${token}`)
        .query({ callbackURL: "https://other.example/x" })
        .redirects(0);
      assert.equal(response.get("location"), "https://other.example/x?error=INVALID_TOKEN");
    });

    for (const callbackURL of ["no address", "//other.example", "http://"]) {
      it(`when callbackURL is ${callbackURL}, then it is refused, not a failure of the server`, async () => {
        const response = await request(open.server).get(`${PATH}/${token}`).query({ callbackURL });
        assertRefusal(response, [403, "INVALID_CALLBACK_URL"]);
      });
    }
  });
});
