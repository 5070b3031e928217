import assert from "node:assert/strict";
import request from "supertest";
import {
  cookieHeader,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  type TestApp,
} from "../../support/app.ts";

const EVIL = "https://evil.example";

const bodyOf = (response: request.Response): unknown => response.body as unknown;

let addresses = 0;

/** Both endpoints are forms: they take the same bodies and the same checks of origin. */
for (const path of ["/sign-up/email", "/sign-in/email"]) {
  const newBody = (t: TestApp) =>
    path === "/sign-up/email"
      ? { name: "Ada", email: `form-${(addresses += 1)}@example.com`, password: TEST_PASSWORD }
      : t.givenUser();
  const post = (t: TestApp) => request(t.server).post(`/auth${path}`);

  describe(`POST ${path}, a form`, () => {
    let t: TestApp;
    before(async () => {
      t = await startApp();
    });
    after(() => t.stop());

    const expectCode = async (test: request.Test, status: number, code: string): Promise<void> => {
      const body = bodyOf(await test.expect(status));
      assert.equal((body as { code: string }).code, code);
    };

    describe("given a body", () => {
      it("when it is no JSON, then it answers BAD_REQUEST with the protocol's text", async () => {
        const body = bodyOf(await post(t).type("json").send("{").expect(400));
        assert.deepEqual(body, { code: "BAD_REQUEST", message: "Invalid JSON in request body" });
      });

      it("when it is missing, then it counts as an empty object", async () => {
        const body = bodyOf(await post(t).expect(400));
        const { code, message } = body as { code: string; message: string };
        assert.equal(code, "VALIDATION_ERROR");
        assert.match(message, /\[body\.email\]/);
      });

      it("when it is over 100 kB, then it answers PAYLOAD_TOO_LARGE", async () => {
        const large = { ...(await newBody(t)), padding: "x".repeat(100_000) };
        await expectCode(post(t).send(large), 413, "PAYLOAD_TOO_LARGE");
      });

      it("when it is neither JSON nor a form, then it answers UNSUPPORTED_MEDIA_TYPE", async () => {
        const text = JSON.stringify(await newBody(t));
        await expectCode(post(t).type("text/plain").send(text), 415, "UNSUPPORTED_MEDIA_TYPE");
        await expectCode(
          post(t).type("multipart/form-data; boundary=x").send("--x--"),
          415,
          "UNSUPPORTED_MEDIA_TYPE",
        );
      });

      it("when a form names a field twice, then it answers VALIDATION_ERROR", async () => {
        const form = "name=a&email=a@b.co&email=c@d.co&password=Lantern-7-orchard";
        await expectCode(post(t).type("form").send(form), 400, "VALIDATION_ERROR");
      });

      it("when a form nests by brackets, then it answers VALIDATION_ERROR", async () => {
        const form = "name=a&email[$ne]=&password[$ne]=";
        await expectCode(post(t).type("form").send(form), 400, "VALIDATION_ERROR");
      });
    });

    describe("given a callbackURL", () => {
      it("when its origin is not trusted, then it answers INVALID_CALLBACK_URL before all else", async () => {
        const sent = post(t).send({ callbackURL: `${EVIL}/steal` });
        await expectCode(sent, 403, "INVALID_CALLBACK_URL");
      });

      it("when it stands in the query, then it is checked as well", async () => {
        const sent = post(t)
          .query({ callbackURL: EVIL })
          .send(await newBody(t));
        await expectCode(sent, 403, "INVALID_CALLBACK_URL");
      });

      it("when it is given in a form, then it is checked as well", async () => {
        const sent = post(t).type("form").send({ callbackURL: EVIL });
        await expectCode(sent, 403, "INVALID_CALLBACK_URL");
      });

      for (const callbackURL of [5, ["/"], { $ne: "" }]) {
        it(`when it is ${JSON.stringify(callbackURL)}, then it answers 400 with the protocol's text`, async () => {
          const body = bodyOf(
            await post(t)
              .send({ ...(await newBody(t)), callbackURL })
              .expect(400),
          );
          const { message } = body as { message: string };
          assert.equal(message, "Invalid callbackURL: expected a string");
        });
      }
    });

    describe("given an origin", () => {
      const cases: readonly (readonly [
        what: string,
        headers: Readonly<Record<string, string>>,
        outcome: string,
      ])[] = [
        ["no header at all (a server)", {}, "success"],
        ["Node's fetch", { "Sec-Fetch-Mode": "cors" }, "success"],
        ["our own origin", { Origin: TEST_ORIGIN }, "success"],
        ["our own page", { Referer: `${TEST_ORIGIN}/sign-in?x=1` }, "success"],
        ["another origin", { Origin: EVIL }, "INVALID_ORIGIN"],
        ["another page", { Referer: `${EVIL}/x` }, "INVALID_ORIGIN"],
        ["origin null", { Origin: "null" }, "MISSING_OR_NULL_ORIGIN"],
        ["our own browser", { "Sec-Fetch-Site": "same-origin", Origin: TEST_ORIGIN }, "success"],
        ["a browser without origin", { "Sec-Fetch-Site": "same-origin" }, "MISSING_OR_NULL_ORIGIN"],
        ["a browser's document", { "Sec-Fetch-Dest": "document" }, "MISSING_OR_NULL_ORIGIN"],
        [
          "another site's script",
          { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", Origin: EVIL },
          "INVALID_ORIGIN",
        ],
        [
          "another site's form",
          { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", Origin: EVIL },
          "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
        ],
        ["a cookie without origin", { Cookie: "a=b" }, "MISSING_OR_NULL_ORIGIN"],
        ["a cookie with another origin", { Cookie: "a=b", Origin: EVIL }, "INVALID_ORIGIN"],
        ["a cookie with our origin", { Cookie: "a=b", Origin: TEST_ORIGIN }, "success"],
      ];
      for (const [what, headers, outcome] of cases) {
        it(`when the request has ${what}, then: ${outcome}`, async () => {
          const sent = post(t)
            .set(headers)
            .send(await newBody(t));
          if (outcome === "success") await sent.expect(200);
          else await expectCode(sent, 403, outcome);
        });
      }
    });

    it("when the caller holds a session already, then the new one takes its place in the browser", async () => {
      const earlier = await t.givenUser();
      const response = await post(t)
        .set({ Cookie: earlier.cookie, Origin: TEST_ORIGIN })
        .send(await newBody(t))
        .expect(200);
      const found = await request(t.server)
        .get("/auth/get-session")
        .set("Cookie", cookieHeader(response));
      const { user } = found.body as { user: { id: string } };
      assert.notEqual(user.id, earlier.id);
    });
  });

  describe(`POST ${path}, given rate limits`, () => {
    let t: TestApp;
    before(async () => {
      t = await startApp({ rateLimit: { enabled: true } });
    });
    after(() => t.stop());

    it("when it is called four times in ten seconds, then the fourth answers TOO_MANY_REQUESTS", async () => {
      for (let call = 1; call <= 3; call += 1) await post(t).send({}).expect(400);
      const response = await post(t).send({}).expect(429);
      assert.equal((response.body as { code: string }).code, "TOO_MANY_REQUESTS");
      assert.match(response.get("retry-after") ?? "", /^(?:[1-9]|10)$/);
      t.clock.advance(11);
      await post(t).send({}).expect(400);
    });
  });
}
