import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import request from "supertest";
import { randomToken } from "../../../lib/crypto/token.ts";
import {
  setCookies,
  startApp,
  TEST_ORIGIN,
  type TestApp,
  type TestUser,
} from "../../support/app.ts";
import {
  findRow,
  insertSession,
  OWN_COOKIE,
  signedCookie,
  tampered,
} from "../../support/sessions.ts";

const PATH = "/auth/get-session";
const CLEARED = ["session-token", "session_data", "dont_remember"].map(
  (name) => `better-auth.${name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax`,
);

describe("GET and POST /get-session", () => {
  let t: TestApp;
  let user: TestUser;
  before(async () => {
    t = await startApp();
    user = await t.givenUser({ name: "Ada" });
  });
  after(() => t.stop());

  const methods = {
    GET: (headers: Readonly<Record<string, string>>, query = "") =>
      request(t.server)
        .get(PATH + query)
        .set(headers),
    POST: (headers: Readonly<Record<string, string>>, query = "") =>
      request(t.server)
        .post(PATH + query)
        .set({ origin: TEST_ORIGIN, ...headers }),
  } as const;

  for (const [method, call] of Object.entries(methods)) {
    describe(`given ${method}`, () => {
      it("when signed in, then it answers session and user, and nothing else", async () => {
        const own = await t.givenSession(user);
        const row = await findRow(t, own.token);
        const known = await t.auth.models.User.findOne({ email: user.email }).lean();
        const response = await call({ cookie: own.cookie }).expect(200);
        assert.deepEqual(response.body, {
          session: {
            id: String(row?._id),
            token: own.token,
            userId: user.id,
            expiresAt: row?.expiresAt.toISOString(),
            createdAt: row?.createdAt.toISOString(),
            updatedAt: row?.updatedAt.toISOString(),
            ipAddress: "127.0.0.1",
            userAgent: "",
          },
          user: {
            id: user.id,
            name: "Ada",
            email: user.email,
            emailVerified: false,
            image: null,
            createdAt: known?.createdAt.toISOString(),
            updatedAt: known?.updatedAt.toISOString(),
          },
        });
      });

      it("when nothing changes, then no cookie is set", async () => {
        const response = await call({ cookie: user.cookie });
        assert.deepEqual(setCookies(response), []);
        assert.equal(response.get("set-auth-token"), undefined);
      });

      it("when nothing is presented, then it answers null and sets nothing", async () => {
        const response = await call({}).expect(200);
        assert.equal(response.text, "null");
        assert.match(response.get("content-type") ?? "", /^application\/json/);
        assert.deepEqual(setCookies(response), []);
      });

      it("when it answers, then caches keep nothing, whoever asks", async () => {
        for (const headers of [{ cookie: user.cookie }, {}]) {
          const response = await call(headers);
          assert.equal(response.get("cache-control"), "no-store");
          assert.equal(response.get("pragma"), "no-cache");
        }
      });

      it("when the cookie points to no session, then the session is cleared", async () => {
        const response = await call({ cookie: signedCookie(OWN_COOKIE, randomToken(32)) });
        assert.equal(response.body, null);
        assert.deepEqual(setCookies(response), CLEARED);
      });

      it("when the session has expired, then it is cleared and its row deleted", async () => {
        const past = { expiresAt: new Date(t.clock.now().getTime() - 1) };
        const own = await insertSession(t, user.id, past);
        const response = await call({ cookie: own.cookie });
        assert.equal(response.body, null);
        assert.deepEqual(setCookies(response), CLEARED);
        assert.equal(await findRow(t, own.token), null);
      });

      it("when its user is gone, then the session is cleared", async () => {
        const gone = await t.givenUser();
        await t.auth.models.User.deleteOne({ email: gone.email });
        const response = await call({ cookie: gone.cookie }).expect(200);
        assert.equal(response.body, null);
        assert.deepEqual(setCookies(response), CLEARED);
      });

      it("when the cookie was tampered with, then it answers null and sets nothing", async () => {
        const cookie = `${OWN_COOKIE}=${encodeURIComponent(tampered(user.token))}`;
        const response = await call({ cookie }).expect(200);
        assert.equal(response.body, null);
        assert.deepEqual(setCookies(response), []);
      });

      for (const name of ["disableRefresh", "disableCookieCache"]) {
        for (const value of ["true", "false"]) {
          it(`when ${name} is ${value}, then it is accepted`, async () => {
            const response = await call({ cookie: user.cookie }, `?${name}=${value}`).expect(200);
            assert.notEqual(response.body, null);
          });
        }

        for (const query of [`${name}=maybe`, `${name}=`, `${name}=true&${name}=true`]) {
          it(`when the query is ${query}, then it is refused`, async () => {
            const response = await call({ cookie: user.cookie }, `?${query}`).expect(400);
            const { code, message } = response.body as { code: string; message: string };
            assert.equal(code, "VALIDATION_ERROR");
            assert.ok(message.startsWith(`[query.${name}] `), message);
          });
        }
      }

      it("when the query has unknown keys, then they are ignored", async () => {
        await call({ cookie: user.cookie }, "?x=1&__proto__[x]=1").expect(200);
      });
    });
  }

  describe("given a banned user", () => {
    let banned: TestUser;
    before(async () => {
      banned = await t.givenUser();
    });
    const ban = (fields: object) =>
      t.auth.models.User.updateOne({ email: banned.email }, { $set: fields });
    const answer = async () => {
      const response = await request(t.server).get(PATH).set("cookie", banned.cookie).expect(200);
      return response.body as object | null;
    };
    const after1h = () => new Date(t.clock.now().getTime() + 3_600_000);

    it("when the ban has no end, then it answers null and the row stays", async () => {
      await ban({ banned: true });
      assert.equal(await answer(), null);
      assert.notEqual(await findRow(t, banned.token), null);
    });

    it("when banExpires is null, then it answers null", async () => {
      await ban({ banned: true, banExpires: null });
      assert.equal(await answer(), null);
    });

    it("when the ban ends later, then it answers null", async () => {
      await ban({ banned: true, banExpires: after1h() });
      assert.equal(await answer(), null);
    });

    it("when the ban has ended, then the session counts again", async () => {
      await ban({ banned: true, banExpires: after1h() });
      t.clock.advance(3601);
      assert.notEqual(await answer(), null);
    });

    it("when an unbanned row still has an end in the future, then the session counts", async () => {
      await ban({ banned: false, banExpires: after1h() });
      assert.notEqual(await answer(), null);
    });
  });

  describe("given POST with a body", () => {
    for (const body of [{}, { token: 1, disableRefresh: "maybe" }, [1, 2], "text", 5]) {
      it(`when it is ${JSON.stringify(body)}, then it is ignored`, async () => {
        const response = await request(t.server)
          .post(PATH)
          .set({ cookie: user.cookie, origin: TEST_ORIGIN, "content-type": "application/json" })
          .send(JSON.stringify(body));
        assert.equal(response.status, 200);
        assert.equal((response.body as { user: { id: string } }).user.id, user.id);
      });
    }
  });

  describe("given HEAD", () => {
    it("when signed in, then the headers are those of GET and there is no body", async () => {
      const get = await request(t.server).get(PATH).set("cookie", user.cookie);
      const head = await request(t.server).head(PATH).set("cookie", user.cookie).expect(200);
      for (const name of ["content-length", "content-type", "cache-control", "pragma"]) {
        assert.equal(head.get(name), get.get(name), name);
      }
      assert.equal(head.text, undefined);
    });

    it("when signed in, then no byte follows the headers", async () => {
      const received = await new Promise<string>((resolve, reject) => {
        const call = httpRequest(
          `${t.url}${PATH}`,
          { method: "HEAD", agent: false },
          (response) => {
            let text = "";
            response.on("data", (chunk: Buffer) => (text += chunk.toString()));
            response.on("end", () => {
              resolve(text);
            });
          },
        );
        call.on("error", reject);
        call.end();
      });
      assert.equal(received, "");
    });
  });

  describe("given auth.api", () => {
    it("when the headers of a request are passed, then it answers with dates", async () => {
      const found = await t.auth.api.getSession({ headers: { cookie: user.cookie } });
      assert.equal(found?.user.id, user.id);
      assert.ok(found.session.expiresAt instanceof Date);
    });

    it("when fetch Headers are passed, then they count as well", async () => {
      const headers = new Headers({ authorization: `Bearer ${user.token}` });
      assert.equal((await t.auth.api.getSession({ headers }))?.user.id, user.id);
    });

    it("when no headers are passed, then it answers null", async () => {
      assert.equal(await t.auth.api.getSession(), null);
    });

    it("when the cookie is dead and headers are wanted, then they clear the session", async () => {
      const headers = { cookie: signedCookie(OWN_COOKIE, randomToken(32)) };
      const answer = await t.auth.api.getSession({ headers, returnHeaders: true });
      assert.equal(answer.response, null);
      assert.deepEqual(answer.headers.getSetCookie(), CLEARED);
    });
  });
});
