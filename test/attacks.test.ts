import assert from "node:assert/strict";
import request from "supertest";
import { cookieHeader, startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "./support/app.ts";
import { sendRaw } from "./support/raw.ts";

/** Tries that once succeeded, or once made the server fail. */
describe("attacks", () => {
  describe("given cookies with made-up names", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp();
    });
    after(() => t.stop());

    for (const name of [
      "session_data.a b",
      "session_data.é",
      "session_data.1e3",
      "session_data.",
    ]) {
      it(`when one is called ${name}, then sign-out still clears the session`, async () => {
        const user = await t.givenUser();
        const response = await request(t.server)
          .post("/auth/sign-out")
          .set("Origin", TEST_ORIGIN)
          .set("Cookie", Buffer.from(`${user.cookie}; better-auth.${name}=1`).toString("latin1"));
        assert.equal(response.status, 200);
        assert.equal(cookieHeader(response), "");
      });
    }

    it("when hundreds of chunks are sent, then the answer stays small", async () => {
      const chunks = Array.from({ length: 400 }, (_, n) => `better-auth.session_data.${n}=1`);
      const response = await request(t.server)
        .get("/auth/get-session")
        .set("Cookie", [`better-auth.session-token=${"A".repeat(32)}`, ...chunks].join("; "));
      assert.equal(response.status, 200);
      assert.ok((response.get("Set-Cookie") ?? []).length < 20);
    });
  });

  describe("given a request target that is a whole URL", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp(
        {
          trustedOrigins: () => [],
          rateLimit: { enabled: true, customRules: { "/ok": () => false } },
        },
        {
          mount: "/",
          before: (app) =>
            app.get("/page", (_req, _res, next) => {
              next();
            }),
        },
      );
    });
    after(() => t.stop());

    for (const [method, path] of [
      ["GET", "/ok"],
      ["POST", "/update-user"],
    ] as const) {
      it(`when ${method} ${path} is sent, then it is answered as usual`, async () => {
        const { status } = await sendRaw(t.server, [
          `${method} http://a.test${path} HTTP/1.1`,
          "Host: a.test",
          "Cookie: a=b",
          "Origin: http://evil.test",
          "Content-Length: 0",
        ]);
        assert.equal(status, method === "GET" ? 200 : 403);
      });
    }
  });

  describe("given that origins are not checked", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp({ advanced: { disableOriginCheck: true } });
    });
    after(() => t.stop());

    for (const [callbackURL, location] of [
      ["/中", "/%E4%B8%AD"],
      ["/é", "/%C3%A9"],
      ["/x\r\nSet-Cookie: a=b", "/xSet-Cookie:%20a=b"],
      ["https://elsewhere.test/a b", "https://elsewhere.test/a%20b"],
    ] as const) {
      it(`when the return address is ${JSON.stringify(callbackURL)}, then it is sent encoded`, async () => {
        const { email } = await t.givenUser();
        const body = { email, password: TEST_PASSWORD, callbackURL };
        const response = await request(t.server).post("/auth/sign-in/email").send(body).expect(200);
        assert.equal(response.get("Location"), location);
      });
    }
  });

  describe("given a sign-in under way", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp({
        emailAndPassword: {
          enabled: true,
          password: {
            hash: (password) => Promise.resolve(`plain ${password}`),
            async verify({ hash, password }) {
              await meanwhile();
              return hash === `plain ${password}`;
            },
          },
        },
      });
    });
    after(() => t.stop());
    let meanwhile: () => Promise<unknown> = () => Promise.resolve();
    const sessions = () => t.database.collection("session").countDocuments();

    for (const [what, status, change] of [
      [
        "its user is banned",
        403,
        () => t.database.collection("user").updateMany({}, { $set: { banned: true } }),
      ],
      ["its user is deleted", 401, () => t.database.collection("user").deleteMany({})],
      [
        "the password is changed",
        401,
        () =>
          t.database.collection("account").updateMany({}, { $set: { password: "plain other" } }),
      ],
    ] as const) {
      it(`when ${what} before the session is stored, then there is none`, async () => {
        const { email } = await t.givenUser();
        await t.database.collection("session").deleteMany({});
        meanwhile = async () => {
          meanwhile = () => Promise.resolve();
          await change();
        };
        const body = { email, password: TEST_PASSWORD };
        await request(t.server).post("/auth/sign-in/email").send(body).expect(status);
        assert.equal(await sessions(), 0);
        await t.database.collection("user").deleteMany({});
        await t.database.collection("account").deleteMany({});
      });
    }
  });

  describe("given rows that another hand edited", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp();
    });
    after(() => t.stop());
    const get = (cookie: string) =>
      request(t.server).get("/auth/get-session").set("Cookie", cookie);

    for (const field of ["createdAt", "updatedAt", "expiresAt"]) {
      it(`when a session has no ${field}, then it is none`, async () => {
        const { cookie } = await t.givenUser();
        await t.database.collection("session").updateMany({}, { $unset: { [field]: 1 } });
        assert.equal((await get(cookie).expect(200)).body, null);
      });
    }

    for (const banned of [1, "true", "yes"]) {
      it(`when banned is ${JSON.stringify(banned)}, then the user is`, async () => {
        const { cookie } = await t.givenUser();
        await t.database.collection("user").updateMany({}, { $set: { banned } });
        assert.equal((await get(cookie).expect(200)).body, null);
      });
    }

    it("when impersonatedBy is no text, then credentials are closed all the same", async () => {
      const { cookie } = await t.givenUser();
      await t.database.collection("session").updateMany({}, { $set: { impersonatedBy: 7 } });
      await request(t.server)
        .post("/auth/revoke-sessions")
        .set("Cookie", cookie)
        .set("Origin", TEST_ORIGIN)
        .expect(403);
    });

    it("when emailVerified is missing, then it is false", async () => {
      const { cookie } = await t.givenUser();
      await t.database.collection("user").updateMany({}, { $unset: { emailVerified: 1 } });
      const { user } = (await get(cookie).expect(200)).body as { user: { emailVerified: unknown } };
      assert.equal(user.emailVerified, false);
    });
  });

  it("when an additional field has the name of a built-in one, then nothing starts", async () => {
    const user = { additionalFields: { password: { type: "string" } } } as const;
    await assert.rejects(startApp({ user }), /user\.additionalFields\.password/);
  });
});
