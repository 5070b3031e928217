import assert from "node:assert/strict";
import request from "supertest";
import { hashToken, randomToken } from "../../lib/crypto/token.ts";
import type { TestUser } from "../support/app.ts";
import { startMonitoredApp, type MonitoredApp } from "../support/monitored.ts";
import {
  insertOfficialSession,
  insertSession,
  OFFICIAL_COOKIE,
  OWN_COOKIE,
  signed,
  signedCookie,
  tampered,
} from "../support/sessions.ts";

const SECURE_OWN = `__Secure-${OWN_COOKIE}`;
const SECURE_OFFICIAL = `__Secure-${OFFICIAL_COOKIE}`;
/** In the protocol's order. */
const NAMES = [SECURE_OWN, SECURE_OFFICIAL, OWN_COOKIE, OFFICIAL_COOKIE] as const;

type Headers = Readonly<Record<string, string>>;

describe("credentials of a request", () => {
  let t: MonitoredApp;
  let user: TestUser;
  before(async () => {
    t = await startMonitoredApp();
    user = await t.givenUser();
  });
  after(() => t.stop());

  /** Id of the session that a request with these headers has, null without one. */
  async function sessionIdOf(headers: Headers): Promise<string | null> {
    const response = await request(t.server).get("/auth/get-session").set(headers).expect(200);
    const body = response.body as { session: { id: string } } | null;
    return body === null ? null : body.session.id;
  }

  /** How many commands a request with these headers costs; it must have no session. */
  async function costWithoutSession(headers: Headers): Promise<number> {
    const commands = await t.commandsOf(async () => {
      assert.equal(await sessionIdOf(headers), null);
    });
    return commands.length;
  }

  describe("given a live session", () => {
    let id: string;
    let token: string;
    before(async () => {
      ({ id, token } = await insertSession(t, user.id));
    });

    for (const name of NAMES) {
      it(`when ${name} carries the signed token, then it is the session`, async () => {
        assert.equal(await sessionIdOf({ cookie: signedCookie(name, token) }), id);
      });

      it(`when ${name} carries a bad signature, then no command reaches the database`, async () => {
        const cookie = `${name}=${encodeURIComponent(tampered(token))}`;
        assert.equal(await costWithoutSession({ cookie }), 0);
      });
    }

    for (const name of [OWN_COOKIE, SECURE_OWN]) {
      it(`when ${name} carries the bare token, then it is the session`, async () => {
        assert.equal(await sessionIdOf({ cookie: `${name}=${token}` }), id);
      });
    }

    for (const name of [OFFICIAL_COOKIE, SECURE_OFFICIAL]) {
      it(`when ${name} carries the bare token, then it is none and nothing is read`, async () => {
        assert.equal(await costWithoutSession({ cookie: `${name}=${token}` }), 0);
      });
    }

    const unusable: readonly (readonly [what: string, value: (token: string) => string])[] = [
      ["an empty signature", (text) => `${text}.`],
      ["a truncated signature", (text) => signed(text).slice(0, -2)],
      ["the signature of another token", (text) => `${text}.${signed("x").slice(2)}`],
      ["a signature in base64url", (text) => signed(text).replaceAll("+", "-").slice(0, -1)],
      ["something after the signature", (text) => `${signed(text)}=`],
      ["a second dot", (text) => `${text}.${signed(text)}`],
      ["white space around the token", (text) => ` ${text} `],
    ];
    for (const [what, value] of unusable) {
      it(`when the cookie has ${what}, then it is no session and nothing is read`, async () => {
        const cookie = `${OWN_COOKIE}=${encodeURIComponent(value(token))}`;
        assert.equal(await costWithoutSession({ cookie }), 0);
      });
    }

    it("when the cookie was signed with another secret, then nothing is read", async () => {
      const forged = `${token}.${Buffer.alloc(32, 7).toString("base64")}`;
      const cookie = `${OWN_COOKIE}=${encodeURIComponent(forged)}`;
      assert.equal(await costWithoutSession({ cookie }), 0);
    });

    it("when the name differs in its case, then it is no session", async () => {
      const cookie = `${OWN_COOKIE.toUpperCase()}=${token}`;
      assert.equal(await costWithoutSession({ cookie }), 0);
    });

    const schemes = ["Bearer", "bearer", "BEARER", "bEaReR"];
    for (const scheme of schemes) {
      it(`when ${scheme} carries the bare token, then it is the session`, async () => {
        assert.equal(await sessionIdOf({ authorization: `${scheme} ${token}` }), id);
      });
    }

    it("when Bearer carries the signed token, then it is the session", async () => {
      assert.equal(await sessionIdOf({ authorization: `Bearer ${signed(token)}` }), id);
    });

    it("when Bearer carries the signed token URL-encoded, then it is the session", async () => {
      const authorization = `Bearer ${encodeURIComponent(signed(token))}`;
      assert.equal(await sessionIdOf({ authorization }), id);
    });

    const refused: readonly (readonly [what: string, value: (token: string) => string])[] = [
      ["a bad signature", (text) => `Bearer ${tampered(text)}`],
      ["a bad signature, URL-encoded", (text) => `Bearer ${encodeURIComponent(tampered(text))}`],
      ["a broken percent sign", (text) => `Bearer ${text}.%E0%A4%A`],
      ["no token", () => "Bearer "],
      ["two tokens", (text) => `Bearer ${text} ${text}`],
      ["another scheme", (text) => `Token ${text}`],
      ["no scheme", (text) => text],
      ["the stored hash", (text) => `Bearer ${hashToken(text)}`],
      ["the stored hash, signed", (text) => `Bearer ${signed(hashToken(text))}`],
    ];
    for (const [what, value] of refused) {
      it(`when Authorization has ${what}, then it is no session and nothing is read`, async () => {
        assert.equal(await costWithoutSession({ authorization: value(token) }), 0);
      });

      it(`when Authorization has ${what} beside a valid cookie, then the cookie counts`, async () => {
        const own = await insertSession(t, user.id);
        const headers = { authorization: value(token), cookie: own.cookie };
        assert.equal(await sessionIdOf(headers), own.id);
      });
    }
  });

  describe("given values that were read from the database", () => {
    it("when the stored hash is the cookie, then it opens nothing", async () => {
      const { token } = await insertSession(t, user.id);
      for (const name of NAMES) {
        assert.equal(await costWithoutSession({ cookie: `${name}=${hashToken(token)}` }), 0, name);
        const cookie = `${name}=${encodeURIComponent(hashToken(token))}`;
        assert.equal(await costWithoutSession({ cookie }), 0, name);
      }
    });

    it("when the stored hash is signed with the right key, then it opens nothing", async () => {
      const { token } = await insertSession(t, user.id);
      const cookie = signedCookie(OWN_COOKIE, hashToken(token));
      assert.equal(await costWithoutSession({ cookie }), 0);
    });

    it("when the handle of a session is presented, then it opens nothing", async () => {
      const { id } = await insertSession(t, user.id);
      const handle = `session_${id}`;
      assert.equal(await costWithoutSession({ authorization: `Bearer ${handle}` }), 0);
      assert.equal(await costWithoutSession({ cookie: `${OWN_COOKIE}=${handle}` }), 0);
      assert.equal(await costWithoutSession({ cookie: signedCookie(OWN_COOKIE, handle) }), 0);
    });

    it("when the id of a session or user is presented, then it opens nothing", async () => {
      const { id } = await insertSession(t, user.id);
      for (const value of [id, user.id]) {
        assert.equal(await costWithoutSession({ authorization: `Bearer ${value}` }), 0);
        assert.equal(await costWithoutSession({ cookie: `${OWN_COOKIE}=${value}` }), 0);
      }
    });
  });

  describe("given several credentials in one request", () => {
    it("when all cookies are valid, then the protocol's order decides", async () => {
      const own = await Promise.all(NAMES.map(() => insertSession(t, user.id)));
      for (const first of NAMES.keys()) {
        const sent = NAMES.map((name, index) => signedCookie(name, own[index]?.token ?? ""));
        const cookie = sent.slice(first).reverse().join("; ");
        assert.equal(await sessionIdOf({ cookie }), own[first]?.id, NAMES[first]);
      }
    });

    const past = () => ({ expiresAt: new Date(t.clock.now().getTime() - 1000) });
    const bad: readonly (readonly [what: string, value: () => Promise<string> | string])[] = [
      ["has a bad signature", async () => tampered((await insertSession(t, user.id)).token)],
      ["is unknown", () => signed(randomToken(32))],
      ["is expired", async () => signed((await insertSession(t, user.id, past())).token)],
    ];
    for (const [what, value] of bad) {
      it(`when the best cookie ${what}, then the next valid one counts`, async () => {
        const own = await insertSession(t, user.id);
        const cookie = [
          `${SECURE_OWN}=${encodeURIComponent(await value())}`,
          `${OWN_COOKIE}=${encodeURIComponent(await value())}`,
          signedCookie(OFFICIAL_COOKIE, own.token),
        ].join("; ");
        assert.equal(await sessionIdOf({ cookie }), own.id);
      });

      it(`when Bearer ${what}, then the valid cookie counts`, async () => {
        const own = await insertSession(t, user.id);
        const headers = { authorization: `Bearer ${await value()}`, cookie: own.cookie };
        assert.equal(await sessionIdOf(headers), own.id);
      });
    }

    it("when Bearer and cookie are valid, then Bearer replaces the cookie", async () => {
      const [bearer, cookie] = [await insertSession(t, user.id), await insertSession(t, user.id)];
      const headers = { authorization: `Bearer ${bearer.token}`, cookie: cookie.cookie };
      assert.equal(await sessionIdOf(headers), bearer.id);
    });

    it("when four cookies and Bearer are looked up, then they share one command", async () => {
      const own = await Promise.all([...NAMES, ""].map(() => insertSession(t, user.id)));
      const cookie = NAMES.map((name, index) => signedCookie(name, own[index]?.token ?? ""));
      const headers = { cookie: cookie.join("; "), authorization: `Bearer ${own[4]?.token ?? ""}` };
      assert.deepEqual(await t.commandsOf(() => sessionIdOf(headers)), ["aggregate"]);
    });
  });

  describe("given a row of Better Auth, with the token as issued", () => {
    it("when the official cookie carries it signed, then it is the session", async () => {
      const { id, cookie } = await insertOfficialSession(t, user.id);
      assert.equal(await sessionIdOf({ cookie }), id);
    });

    it("when Bearer carries it bare, then it is the session", async () => {
      const { id, token } = await insertOfficialSession(t, user.id);
      assert.equal(await sessionIdOf({ authorization: `Bearer ${token}` }), id);
    });
  });

  describe("given a secret that was rotated", () => {
    let rotated: MonitoredApp;
    before(async () => {
      rotated = await startMonitoredApp({
        secrets: [{ version: 2, value: "the-new-secret-the-new-secret-the-new" }],
      });
    });
    after(() => rotated.stop());

    it("when a cookie was signed with the older secret, then it is still the session", async () => {
      const { id: owner } = await rotated.givenUser();
      const { id, cookie } = await insertSession(rotated, owner);
      const response = await request(rotated.server).get("/auth/get-session").set({ cookie });
      assert.equal((response.body as { session: { id: string } }).session.id, id);
    });
  });
});
