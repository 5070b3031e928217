import assert from "node:assert/strict";
import jsonwebtoken from "jsonwebtoken";
import request, { type Response } from "supertest";
import { signCompact } from "../../lib/crypto/compact.ts";
import { encryptJwt } from "../../lib/crypto/jwe.ts";
import { signJwt } from "../../lib/crypto/jwt.ts";
import { hmacBase64url, signingKey } from "../../lib/crypto/signature.ts";
import type { Auth, AuthOptions } from "../../lib/index.ts";
import { plugin } from "../../lib/plugin.ts";
import {
  cookieHeader,
  setCookies,
  TEST_ORIGIN,
  TEST_PASSWORD,
  TEST_SECRET,
  type TestSession,
  type TestUser,
} from "../support/app.ts";
import { createJar, type Jar } from "../support/jar.ts";
import { startMonitoredApp, type MonitoredApp } from "../support/monitored.ts";
import { assertRefusal } from "../support/refusal.ts";
import { findRow, insertSession, OWN_COOKIE, signed, signedCookie } from "../support/sessions.ts";

const DATA = "better-auth.session_data";
const DAY = 86_400;
/** What one look-up of a session costs. */
const LOOK_UP = ["aggregate"];

type Strategy = "compact" | "jwt" | "jwe";
type CookieCache = NonNullable<NonNullable<AuthOptions["session"]>["cookieCache"]>;
interface Shown {
  readonly session: Readonly<Record<string, unknown>>;
  readonly user: Readonly<Record<string, unknown>>;
}
type Body = (Shown & { readonly needsRefresh?: boolean }) | null;

const key = signingKey(TEST_SECRET);

const userFields = {
  born: { type: "date", required: false },
  about: { type: "string", required: false },
  notes: { type: "string", required: false },
  tags: { type: "string[]", required: false },
  settings: { type: "json", required: false, fieldName: "user_settings" },
  nick: {
    type: "string",
    required: false,
    transform: {
      output: (value: unknown) => (typeof value === "string" ? `~${value}` : undefined),
    },
  },
  secretNote: { type: "string", required: false, returned: false },
} as const;

/** What the last guarded route of an app saw on `req.auth`. */
let seen: unknown;

function addRoutes(app: Parameters<NonNullable<Settings["routes"]>>[0], auth: Auth): void {
  const { requireSession, requireAdmin } = auth;
  app.all("/own", requireSession, (req, res) => {
    seen = req.auth;
    res.json("in");
  });
  app.get("/fresh", requireSession({ fresh: true }), (_req, res) => {
    res.json("in");
  });
  app.get("/admin", requireAdmin, (_req, res) => {
    res.json("in");
  });
  app.get("/chain", requireSession, requireSession({ fresh: true }), (_req, res) => {
    res.json("in");
  });
}

type Settings = NonNullable<Parameters<typeof startMonitoredApp>[1]>;

describe("session.cookieCache", () => {
  let t: MonitoredApp;
  let user: TestUser;
  let jar: Jar;

  async function start(cookieCache: CookieCache, options: AuthOptions = {}): Promise<void> {
    t = await startMonitoredApp(
      {
        ...options,
        user: { additionalFields: userFields, deleteUser: { enabled: true }, ...options.user },
        session: {
          additionalFields: { device: { type: "string", required: false } },
          ...options.session,
          cookieCache: { enabled: true, ...cookieCache },
        },
      },
      { routes: addRoutes },
    );
  }

  /** A new user, and the jar of their browser. */
  async function signUp(): Promise<void> {
    user = await t.givenUser();
    jar = createJar(user.cookie);
  }

  async function send(
    method: "get" | "post" | "head",
    path: string,
    body?: object,
    cookies = jar,
  ): Promise<Response> {
    const call = request(t.server)
      [method](path)
      .set({ origin: TEST_ORIGIN, cookie: cookies.header() });
    const response = await (body === undefined ? call : call.send(body));
    cookies.take(setCookies(response));
    return response;
  }
  const getSession = (query = "", cookies = jar) =>
    send("get", `/auth/get-session${query}`, undefined, cookies);
  const bodyOf = (response: Response) => response.body as Body;

  /** Reads and fails unless this many commands were needed. */
  async function reads(commands: readonly string[], query = "", cookies = jar): Promise<Response> {
    let response: Response | undefined;
    assert.deepEqual(
      await t.commandsOf(async () => {
        response = await getSession(query, cookies);
      }),
      commands,
    );
    assert.equal(response?.status, 200);
    return response;
  }

  const copyOf = (cookies = jar) => cookies.cookies.get(DATA) ?? "";
  const dataNames = () => [...jar.cookies.keys()].filter((name) => name.startsWith(DATA));
  const lineOf = (response: Response, name = DATA) =>
    setCookies(response).find((line) => line.startsWith(`${name}=`)) ?? "";

  /** Puts a text into the place of the copy, and fails unless it is ignored and replaced. */
  async function assertIgnored(text: string): Promise<void> {
    const cookies = createJar(`${signedCookie(OWN_COOKIE, user.token)}; ${DATA}=${text}`);
    const response = await reads(LOOK_UP, "", cookies);
    assert.equal(bodyOf(response)?.user["email"], user.email);
    assert.notEqual(copyOf(cookies), text);
    await reads([], "", cookies);
  }

  /** What a copy would say of this user; `claims` differ. */
  async function claimsOf(claims: object = {}) {
    const { session, user: shown } = bodyOf(await getSession("?disableCookieCache=true")) ?? {};
    return { session, user: shown, updatedAt: t.clock.now().getTime(), version: "1", ...claims };
  }

  async function seal(strategy: Strategy, claims: object, salt = "better-auth-session") {
    const life = { expiresIn: 300, now: t.clock.now() };
    if (strategy === "compact") return signCompact({ ...claims }, key, life);
    if (strategy === "jwt") return signJwt({ ...claims }, key, life);
    return encryptJwt({ ...claims }, key, { salt, ...life });
  }

  for (const strategy of ["compact", "jwt", "jwe"] as const) {
    describe(`given the strategy ${strategy}`, () => {
      let version = "1";
      before(() => start({ strategy, version: () => Promise.resolve(version) }));
      after(() => t.stop());
      beforeEach(async () => {
        version = "1";
        await signUp();
      });

      it("when a user signs in, then the copy is set beside the session", async () => {
        const { email, password } = user;
        const response = await send("post", "/auth/sign-in/email", { email, password });
        assert.match(lineOf(response), /; Max-Age=300; Path=\/; HttpOnly; SameSite=Lax$/);
        assert.ok(!response.text.includes("session_data"));
      });

      it("when the session is read, then no command is needed and nothing is set", async () => {
        const stored = await getSession("?disableCookieCache=true");
        const response = await reads([]);
        assert.deepEqual(response.body, stored.body);
        assert.deepEqual(setCookies(response), []);
        assert.equal(bodyOf(response)?.session["token"], user.token);
      });

      it("when it is HEAD, or a guarded route of the app, then no command is needed", async () => {
        const commands = await t.commandsOf(async () => {
          assert.equal((await send("head", "/auth/get-session")).status, 200);
          const response = await send("get", "/own");
          assert.equal(response.status, 200);
          assert.equal(response.get("cache-control"), undefined);
        });
        assert.deepEqual(commands, []);
      });

      it("when sessions are listed, then only the list itself is read", async () => {
        const other = await t.givenSession(user);
        let response: Response | undefined;
        const commands = await t.commandsOf(async () => {
          response = await send("get", "/auth/list-sessions");
        });
        assert.deepEqual(commands, ["find"]);
        const listed = (response?.body ?? []) as { token: string }[];
        assert.equal(listed.length, 2);
        assert.ok(listed.some(({ token }) => token === user.token));
        assert.ok(listed.every(({ token }) => token !== other.token));
      });

      it("when something else is asked, then the database is read", async () => {
        for (const [method, path, status] of [
          ["post", "/auth/get-session", 200],
          ["post", "/own", 200],
          ["get", "/fresh", 200],
          ["get", "/admin", 403],
          ["get", "/chain", 200],
        ] as const) {
          const commands = await t.commandsOf(async () => {
            assert.equal((await send(method, path)).status, status);
          });
          assert.deepEqual(commands, LOOK_UP, path);
        }
      });

      it("when a guarded route comes from the copy, then req.auth is as from the database", async () => {
        const note = "for nobody";
        const fields = { born: "1815-12-10", tags: ["a"], settings: { dark: true }, nick: "Ada" };
        const changes = { ...fields, secretNote: note, name: "Zoë 日本 😀 \ud800" };
        assert.equal((await send("post", "/auth/update-user", changes)).status, 200);
        await send("post", "/auth/update-session", { device: "phone" });
        await send("post", "/own");
        const stored = seen as Shown;
        const commands = await t.commandsOf(() => send("get", "/own"));
        assert.deepEqual(commands, []);
        assert.notEqual(seen, stored);
        assert.deepStrictEqual(seen, stored);
        assert.ok(
          stored.user["born"] instanceof Date && stored.session["expiresAt"] instanceof Date,
        );
        assert.deepEqual([stored.user["nick"], stored.session["device"]], ["~Ada", "phone"]);
        assert.ok(!("secretNote" in stored.user));
        assert.equal(stored.user["about"], null);
        if (strategy === "compact") {
          const content = Buffer.from(copyOf(), "base64url").toString();
          assert.ok(content.includes("1815-12-10") && !content.includes(note), content);
          assert.ok(!content.includes("h1:"));
        }
      });

      it("when one character of it differs, then it is ignored and set anew", async () => {
        const copy = copyOf();
        for (const at of [10, Math.floor(copy.length / 2), copy.length - 5]) {
          const other = copy.charAt(at) === "A" ? "B" : "A";
          await assertIgnored(copy.slice(0, at) + other + copy.slice(at + 1));
        }
      });

      it("when maxAge has passed, then it is ignored and set anew", async () => {
        t.clock.advance(298);
        await reads([]);
        const old = copyOf();
        t.clock.advance(3);
        assert.match(lineOf(await reads(LOOK_UP)), /Max-Age=300/);
        assert.notEqual(copyOf(), old);
        await reads([]);
      });

      it("when it belongs to another session, then it is ignored and set anew", async () => {
        const copy = copyOf();
        const own = user;
        await signUp();
        assert.notEqual(own.email, user.email);
        await assertIgnored(copy);
      });

      it("when no session cookie goes with it, then there is no session", async () => {
        const cookies = createJar(`${DATA}=${copyOf()}`);
        const response = await reads([], "", cookies);
        assert.equal(response.body, null);
        assert.match(lineOf(response), /Max-Age=0/);
        await request(t.server).get("/own").set("cookie", `${DATA}=${copyOf()}`).expect(401);
      });

      it("when the version has changed, then it is ignored and set anew", async () => {
        await reads([]);
        version = "2";
        await reads(LOOK_UP);
        await reads([]);
      });

      it("when the session ends elsewhere, then reading goes on, and changing ends it", async () => {
        const elsewhere = createJar((await t.givenSession(user)).cookie);
        await send("post", "/auth/revoke-other-sessions", {}, elsewhere);
        await reads([]);
        const refused = await send("post", "/auth/update-user", { name: "Eve" });
        assertRefusal(refused, [401, "UNAUTHORIZED"]);
        assert.match(lineOf(refused), /Max-Age=0/);
        assert.equal((await reads(LOOK_UP)).body, null);
        assert.deepEqual([...jar.cookies], []);
      });

      it("when it ends elsewhere and the app's own route is called, then likewise", async () => {
        await t.auth.models.Session.deleteMany({});
        assert.equal((await send("get", "/own")).status, 200);
        assert.equal((await send("post", "/own")).status, 401);
        assert.deepEqual(dataNames(), []);
        assert.equal((await send("get", "/own")).status, 401);
      });

      it("when the user is banned elsewhere, then changing is refused and ends it", async () => {
        await t.auth.models.User.updateOne({ email: user.email }, { banned: true });
        assert.equal((await send("post", "/own")).status, 403);
        assert.deepEqual(dataNames(), []);
        assert.equal((await send("get", "/own")).status, 403);
        assert.equal((await getSession()).body, null);
      });

      it("when it grows and shrinks, then it is split and joined, and no rest stays", async () => {
        const about = "é".repeat(3500);
        const response = await send("post", "/auth/update-user", { about });
        assert.ok(dataNames().length >= 3);
        assert.deepEqual(
          dataNames(),
          dataNames().map((_, index) => `${DATA}.${index}`),
        );
        for (const line of setCookies(response)) assert.ok(Buffer.byteLength(line) <= 4050);
        assert.match(lineOf(response), /Max-Age=0/, "the one before is expired");
        assert.equal(bodyOf(await reads([]))?.user["about"], about);
        await send("post", "/auth/update-user", { about: "é".repeat(2000) });
        assert.deepEqual(dataNames(), [`${DATA}.0`, `${DATA}.1`]);
        await reads([]);
        await send("post", "/auth/update-user", { about: null });
        assert.deepEqual(dataNames(), [DATA]);
        await reads([]);
      });

      it("when chunks are missing or in excess, then the session is read and they go", async () => {
        await send("post", "/auth/update-user", { about: "x".repeat(6000) });
        jar.cookies.delete(`${DATA}.0`);
        await reads(LOOK_UP);
        await reads([]);
        jar.cookies.delete(`${DATA}.1`);
        await reads(LOOK_UP);
        await reads([]);
        for (let n = dataNames().length; n < 200; n += 1) jar.cookies.set(`${DATA}.${n}`, "A");
        await reads(LOOK_UP);
        for (let n = 10; n < 200; n += 1) jar.cookies.delete(`${DATA}.${n}`);
        await reads([]);
      });

      it("when it would be too long for a request, then the database is read each time", async () => {
        t.logged.length = 0;
        const about = "x".repeat(8000);
        assert.equal(
          (await send("post", "/auth/update-user", { about, notes: about })).status,
          200,
        );
        assert.deepEqual(dataNames(), []);
        assert.equal(bodyOf(await reads(LOOK_UP))?.user["about"], about);
        assert.match(
          t.logged.join(),
          /warn: a session is not copied into its cookie: it is too long/,
        );
      });

      it("when rememberMe is false, then it ends with the browser, and soon by itself", async () => {
        const { email, password } = user;
        const body = { email, password, rememberMe: false };
        jar = createJar();
        const response = await send("post", "/auth/sign-in/email", body);
        assert.doesNotMatch(lineOf(response), /Max-Age/);
        const life = strategy === "compact" ? 60 : 300;
        t.clock.advance(life - 2);
        await reads([]);
        t.clock.advance(3);
        const renewed = await reads(LOOK_UP);
        assert.doesNotMatch(lineOf(renewed), /Max-Age/);
        await reads([]);
      });

      it("when disableCookieCache is true, then the database is read and the copy set anew", async () => {
        await t.auth.models.User.updateOne({ email: user.email }, { name: "Augusta" });
        const response = await reads(LOOK_UP, "?disableCookieCache=true");
        assert.equal(bodyOf(response)?.user["name"], "Augusta");
        assert.equal(bodyOf(await reads([]))?.user["name"], "Augusta");
        await reads([], "?disableCookieCache=false");
      });

      it("when user or session are changed, then the copy is of what is stored now", async () => {
        await send("post", "/auth/update-user", { name: "Augusta", image: "/a.png" });
        await send("post", "/auth/update-session", { device: "watch" });
        const body = bodyOf(await reads([]));
        assert.deepEqual(
          [body?.user["name"], body?.user["image"], body?.session["device"]],
          ["Augusta", "/a.png", "watch"],
        );
      });

      const ends: Readonly<Record<string, () => Promise<Response>>> = {
        "/sign-out": () => send("post", "/auth/sign-out"),
        "/revoke-session": () => send("post", "/auth/revoke-session", { token: user.token }),
        "/revoke-sessions": () => send("post", "/auth/revoke-sessions"),
        "/delete-user": () => send("post", "/auth/delete-user", { password: TEST_PASSWORD }),
      };
      for (const [path, end] of Object.entries(ends)) {
        it(`when ${path} ends the session, then its copy and all chunks end too`, async () => {
          await send("post", "/auth/update-user", { about: "x".repeat(6000) });
          await reads([]);
          assert.equal((await end()).status, 200);
          assert.deepEqual(dataNames(), []);
          assert.equal((await getSession()).body, null);
        });
      }

      it("when the password is changed and all sessions end, then the copy is of the new one", async () => {
        const passwords = { currentPassword: TEST_PASSWORD, newPassword: "Orchard-9-lantern" };
        const body = { ...passwords, revokeOtherSessions: true };
        assert.equal((await send("post", "/auth/change-password", body)).status, 200);
        const token = bodyOf(await reads([]))?.session["token"];
        assert.ok(typeof token === "string" && token !== user.token);
        assert.notEqual(await findRow(t, token), null);
      });

      it("when a Bearer token of another session comes with it, then that one counts", async () => {
        const other = await t.givenUser();
        const headers = { cookie: jar.header(), authorization: `Bearer ${other.token}` };
        const response = await request(t.server).get("/auth/get-session").set(headers);
        assert.equal(bodyOf(response)?.user["email"], other.email);
        assert.doesNotMatch(lineOf(response), /Max-Age=300/);
      });

      it("when a client has a Bearer token only, then reading gives it no copy", async () => {
        const headers = { authorization: `Bearer ${signed(user.token)}` };
        for (const path of ["/auth/get-session", "/own"]) {
          const response = await request(t.server).get(path).set(headers).expect(200);
          assert.deepEqual(setCookies(response), []);
        }
      });

      it("when the claims are those of no copy, then they are ignored", async () => {
        const claims = await claimsOf();
        const { session, user: shown } = claims;
        const past = new Date(t.clock.now().getTime() - 1).toISOString();
        const wrong: readonly object[] = [
          {},
          { ...claims, session: null },
          { ...claims, user: [] },
          { ...claims, version: "3" },
          { ...claims, session: { ...session, expiresAt: past } },
          { ...claims, session: { ...session, expiresAt: "soon" } },
          { ...claims, session: { ...session, expiresAt: { $gt: 0 } } },
          { ...claims, session: { ...session, userId: "0".repeat(24) } },
          { ...claims, session: { ...session, id: "$where: 1" } },
          { ...claims, user: { ...shown, email: { $ne: null } } },
          { ...claims, user: { ...shown, born: 5 } },
        ];
        for (const version of ["1", undefined]) {
          jar.cookies.set(DATA, await seal(strategy, { ...claims, version }));
          await reads([]);
        }
        for (const one of wrong) await assertIgnored(await seal(strategy, one));
      });

      it("when it is a text made for something else, then it is ignored", async () => {
        const claims = await claimsOf();
        const life = { expiresIn: 300, now: t.clock.now() };
        const json = JSON.stringify({ ...claims, expiresAt: t.clock.now().getTime() + 300_000 });
        const inner = { session: claims, expiresAt: t.clock.now().getTime() + 300_000 };
        const asCompact = (signature: unknown) =>
          Buffer.from(JSON.stringify({ ...inner, signature })).toString("base64url");
        const others = (["compact", "jwt", "jwe"] as const).filter((other) => other !== strategy);
        const mac = (made: string) => made.slice(made.lastIndexOf(".") + 1);
        const texts = [
          signed(user.token),
          signJwt({ email: user.email, sub: user.id }, key, life),
          jsonwebtoken.sign(claims, null, { algorithm: "none", expiresIn: 300 }),
          jsonwebtoken.sign(claims, TEST_SECRET, { algorithm: "HS512", expiresIn: 300 }),
          jsonwebtoken.sign(claims, TEST_SECRET),
          await encryptJwt(claims, key, { salt: "better-auth-account", ...life }),
          await encryptJwt(claims, signingKey("x".repeat(32)), {
            salt: "better-auth-session",
            ...life,
          }),
          signCompact(claims, signingKey("x".repeat(32)), life),
          asCompact(hmacBase64url(user.token, key)),
          asCompact(mac(signed(json))),
          asCompact(hmacBase64url(JSON.stringify(claims), key)),
          ...["", [], {}, null, 5].map(asCompact),
          ...(await Promise.all(others.map((other) => seal(other, claims)))),
          ...["%00", "%7B%7D", "AAAA", "bnVsbA", "W10", "MQ", "...", "a.b.c", "a.b.c.d.e", "j:{}"],
          "A".repeat(12_000),
        ];
        for (const text of texts) await assertIgnored(text);
      });
    });
  }

  describe("given a JWT of a copy", () => {
    before(() => start({ strategy: "jwt" }));
    after(() => t.stop());

    it("when it is used as the token of a verification mail, then it is refused", async () => {
      await signUp();
      const response = await request(t.server).get(`/auth/verify-email?token=${copyOf()}`);
      assertRefusal(response, [401, "INVALID_TOKEN"]);
    });
  });

  describe("given settings of the session's life", () => {
    afterEach(() => t.stop());

    it("when renewal is due, then the database is read, and row and copy are renewed", async () => {
      await start({ maxAge: 3 * DAY });
      await signUp();
      t.clock.advance(DAY - 60);
      await reads([]);
      t.clock.advance(61);
      await reads(LOOK_UP, "?disableCookieCache=true&disableRefresh=true");
      await reads([], "?disableRefresh=true");
      const renewed = await reads([...LOOK_UP, "findAndModify"]);
      const row = await findRow(t, user.token);
      assert.equal(bodyOf(renewed)?.session["expiresAt"], row?.expiresAt.toISOString());
      assert.deepEqual((await reads([])).body, renewed.body);
    });

    it("when refresh is deferred, then GET says so from the copy, and POST renews it", async () => {
      await start({ maxAge: 3 * DAY }, { session: { deferSessionRefresh: true } });
      await signUp();
      assert.equal(bodyOf(await reads([]))?.needsRefresh, false);
      t.clock.advance(DAY + 1);
      assert.equal(bodyOf(await reads(LOOK_UP))?.needsRefresh, true);
      await send("post", "/auth/get-session");
      assert.equal(bodyOf(await reads([]))?.needsRefresh, false);
    });

    it("when the session ends before its copy, then the database is read", async () => {
      await start({}, { session: { disableSessionRefresh: true } });
      await signUp();
      const expiresAt = new Date(t.clock.now().getTime() + 100_000);
      const own: TestSession = await insertSession(t, user.id, { expiresAt });
      jar = createJar(own.cookie);
      await reads(LOOK_UP);
      await reads([]);
      t.clock.advance(101);
      assert.equal((await getSession()).body, null);
      assert.deepEqual([...jar.cookies], []);
    });

    it("when maxAge is short, then an unremembered copy lives no longer", async () => {
      await start({ maxAge: 20 });
      await signUp();
      const { email, password } = user;
      await send("post", "/auth/sign-in/email", { email, password, rememberMe: false });
      t.clock.advance(21);
      await reads(LOOK_UP);
    });

    it("when the user in the copy is banned, then the database decides", async () => {
      const exposes = { user: { banned: false, banExpires: null } };
      await start({}, { plugins: [plugin({ id: "bans", models: [], exposes, endpoints: [] })] });
      await signUp();
      const claims = await claimsOf();
      const hour = new Date(t.clock.now().getTime() + 3_600_000).toISOString();
      const withBan = (banExpires: unknown) => ({
        ...claims,
        user: { ...claims.user, banned: true, banExpires },
      });
      await assertIgnored(await seal("compact", withBan(null)));
      await assertIgnored(await seal("compact", withBan(hour)));
      const over = new Date(t.clock.now().getTime() - 1).toISOString();
      jar.cookies.set(DATA, await seal("compact", withBan(over)));
      await reads([]);
    });

    it("when a field is no longer itself in JSON, then there is no copy", async () => {
      const output = (value: unknown) => new Date(Number(value));
      const year = { type: "number", required: false, transform: { output } } as const;
      await start({}, { user: { additionalFields: { year } } });
      await signUp();
      assert.deepEqual(dataNames(), []);
      await reads(LOOK_UP);
      assert.match(
        t.logged.join(),
        /warn: a session is not copied into its cookie: a field is lost/,
      );
    });
  });

  describe("given links in mails", () => {
    let token = "";
    const keep = (mail: { readonly token: string }) => {
      token = mail.token;
    };
    before(() =>
      start(
        {},
        {
          emailAndPassword: { sendResetPassword: keep },
          emailVerification: { sendVerificationEmail: keep },
        },
      ),
    );
    after(() => t.stop());
    beforeEach(signUp);

    it("when the address is verified, then the next reading knows it", async () => {
      await send("post", "/auth/send-verification-email", { email: user.email });
      await reads([]);
      assert.equal((await send("get", `/auth/verify-email?token=${token}`)).status, 200);
      assert.equal(bodyOf(await reads(LOOK_UP))?.user["emailVerified"], true);
    });

    it("when the password is reset, then the copy ends with the sessions", async () => {
      await send("post", "/auth/request-password-reset", { email: user.email });
      const body = { newPassword: "Orchard-9-lantern", token };
      assert.equal((await send("post", "/auth/reset-password", body)).status, 200);
      assert.deepEqual(dataNames(), []);
      assert.equal((await getSession()).body, null);
    });
  });

  describe("given secrets that were rotated", () => {
    for (const strategy of ["compact", "jwt", "jwe"] as const) {
      it(`when a ${strategy} copy was made with the older one, then it is read`, async () => {
        const secrets = [
          { version: 2, value: "the-newer-secret-the-newer-secret-2!" },
          { version: 1, value: TEST_SECRET },
        ];
        await start({ strategy }, { secrets });
        try {
          await signUp();
          const claims = await claimsOf();
          jar.cookies.set(DATA, await seal(strategy, claims));
          await reads([]);
          const response = await getSession("?disableCookieCache=true");
          const text =
            lineOf(response)
              .slice(DATA.length + 1)
              .split(";")[0] ?? "";
          const sent = createJar(`${signedCookie(OWN_COOKIE, user.token)}; ${DATA}=${text}`);
          await reads([], "", sent);
        } finally {
          await t.stop();
        }
      });
    }
  });

  describe("given cookies over https, with a prefix and attributes of the app's own", () => {
    it("when the copy is set, then it has them, and chunks count them in", async () => {
      await start(
        {},
        {
          baseURL: "https://app.test",
          advanced: {
            cookiePrefix: "shop",
            crossSubDomainCookies: { enabled: true, domain: `${"sub.".repeat(40)}app.test` },
          },
        },
      );
      try {
        const body = { name: "Ada", email: "https@example.com", password: TEST_PASSWORD };
        const fields = { ...body, about: "x".repeat(7000) };
        const response = await request(t.server).post("/auth/sign-up/email").send(fields);
        const lines = setCookies(response).filter((line) => line.includes("session_data"));
        assert.ok(lines.length > 1);
        for (const [index, line] of lines.entries()) {
          assert.ok(line.startsWith(`__Secure-shop.session_data.${index}=`), line);
          assert.ok(line.includes("; Secure;") && Buffer.byteLength(line) <= 4050);
        }
        await reads([], "", createJar(cookieHeader(response)));
      } finally {
        await t.stop();
      }
    });
  });

  describe("given the default settings", () => {
    it("when the cache is off, then no copy is set and none is read", async () => {
      await start({ enabled: false });
      try {
        await signUp();
        assert.deepEqual(dataNames(), []);
        jar.cookies.set(DATA, await seal("compact", await claimsOf()));
        assert.deepEqual(setCookies(await reads(LOOK_UP)), []);
      } finally {
        await t.stop();
      }
    });
  });
});
