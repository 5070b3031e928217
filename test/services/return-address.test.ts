import assert from "node:assert/strict";
import request from "supertest";
import { startApp, TEST_ORIGIN, type TestApp, type TestUser } from "../support/app.ts";
import { assertRefusal } from "../support/refusal.ts";

const EVIL = "https://evil.example";
const TRUSTED = "https://trusted.example";

const FIELDS = [
  ["body", "callbackURL", "INVALID_CALLBACK_URL", "Invalid callbackURL"],
  ["query", "callbackURL", "INVALID_CALLBACK_URL", "Invalid callbackURL"],
  ["query", "currentURL", "INVALID_CALLBACK_URL", "Invalid callbackURL"],
  ["body", "redirectTo", "INVALID_REDIRECT_URL", "Invalid redirectURL"],
  ["body", "errorCallbackURL", "INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL"],
  ["body", "newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL", "Invalid newUserCallbackURL"],
] as const;

describe("checkReturnAddresses", () => {
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp({ trustedOrigins: [TRUSTED, "myapp://"] });
    user = await t.givenUser();
  });
  after(() => t.stop());

  const post = (
    path: string,
    source: "body" | "query",
    value: Readonly<Record<string, unknown>>,
  ) => {
    const asked = request(t.server).post(`/auth${path}`);
    return source === "query" ? asked.query(value) : asked.send(value);
  };

  for (const [source, field, code, message] of FIELDS) {
    describe(`given ${field} in the ${source}`, () => {
      for (const address of [
        EVIL,
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "x",
      ]) {
        it(`when it is ${address}, then ${code}`, async () => {
          assertRefusal(await post("/sign-out", source, { [field]: address }), [
            403,
            code,
            message,
          ]);
        });
      }

      for (const address of [
        "/home?a=b",
        `${TRUSTED}/home`,
        `${TEST_ORIGIN}/home`,
        "myapp://home",
      ]) {
        it(`when it is ${address}, then it passes`, async () => {
          await post("/sign-out", source, { [field]: address }).expect(200);
        });
      }

      it("when it is empty, then it counts as not given", async () => {
        await post("/sign-out", source, { [field]: "" }).expect(200);
      });

      for (const value of source === "body"
        ? [7, true, {}, { $ne: "" }, [], [EVIL]]
        : [["/a", "/b"]]) {
        it(`when it is ${JSON.stringify(value)}, then it is refused as no text`, async () => {
          const answer = await post("/sign-out", source, { [field]: value });
          const derived = `INVALID_${message.slice(8).toUpperCase()}_EXPECTED_A_STRING`;
          assertRefusal(answer, [400, derived, `${message}: expected a string`]);
        });
      }
    });
  }

  it("when S3's misspelt redirctTo is another site, then INVALID_REDIRECT_URL", async () => {
    const answer = await post("/sign-out", "body", { redirctTo: EVIL });
    assertRefusal(answer, [403, "INVALID_REDIRECT_URL", "Invalid redirectURL"]);
  });

  it("when null is given, then it counts as not given", async () => {
    await post("/sign-out", "body", { callbackURL: null }).expect(200);
  });

  it("when other fields are wrong as well, then the address is what is refused", async () => {
    const answer = await post("/sign-in/email", "body", { email: 7, callbackURL: EVIL });
    assertRefusal(answer, [403, "INVALID_CALLBACK_URL"]);
  });

  it("when nobody is signed in, then the address is what is refused", async () => {
    const answer = await post("/revoke-sessions", "body", { callbackURL: EVIL });
    assertRefusal(answer, [403, "INVALID_CALLBACK_URL"]);
  });

  it("when the body is no object, then there is no address in it", async () => {
    await request(t.server).post("/auth/sign-out").type("json").send(`["${EVIL}"]`).expect(200);
  });

  it("when it stands in a prototype, then it is not read", async () => {
    const body = `{"__proto__":{"callbackURL":"${EVIL}"}}`;
    await request(t.server).post("/auth/sign-out").type("json").send(body).expect(200);
  });

  it("when a GET carries one that it does not use, then it is ignored", async () => {
    await request(t.server).get("/auth/get-session").query({ callbackURL: EVIL }).expect(200);
  });

  describe("given a sign-in with an address", () => {
    for (const [given, sent] of [
      ["/home", "/home"],
      [`${TRUSTED}:443/a/../b c`, `${TRUSTED}/b%20c`],
      ["HTTPS://TRUSTED.example", `${TRUSTED}/`],
    ] as const) {
      it(`when it is ${given}, then the browser is sent to ${sent}`, async () => {
        const { email, password } = user;
        const answer = await post("/sign-in/email", "body", {
          email,
          password,
          callbackURL: given,
        });
        assert.deepEqual(
          {
            status: answer.status,
            url: (answer.body as { url: unknown }).url,
            to: answer.get("location"),
          },
          { status: 200, url: sent, to: sent },
        );
      });
    }
  });
});
