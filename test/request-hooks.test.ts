import assert from "node:assert/strict";
import { APIError, createAuthMiddleware } from "better-auth/api";
import request from "supertest";
import {
  AuthError,
  betterAuth,
  type AuthOptions,
  type HookContext,
  type RequestHook,
} from "../lib/index.ts";
import {
  cookieHeader,
  setCookies,
  startApp,
  TEST_ORIGIN,
  TEST_PASSWORD,
  TEST_SECRET,
  type TestApp,
} from "./support/app.ts";
import { assertHeaders, assertRefusal } from "./support/refusal.ts";

type Hooks = NonNullable<AuthOptions["hooks"]>;

const signUpBody = { name: "Ada", email: "ada@example.com", password: TEST_PASSWORD };
const signUp = (t: TestApp, body: object = signUpBody) =>
  request(t.server).post("/auth/sign-up/email").send(body);
const users = (t: TestApp) => t.auth.models.User.countDocuments().exec();

/** Middleware of an existing configuration; its type is made for Better Auth's own endpoints. */
const asHook = (middleware: unknown) => middleware as RequestHook;

describe("hooks", () => {
  const running: TestApp[] = [];
  afterEach(async () => {
    for (const t of running.splice(0)) await t.stop();
  });
  async function start(hooks: Hooks, options: AuthOptions = {}): Promise<TestApp> {
    const t = await startApp({ ...options, hooks });
    running.push(t);
    return t;
  }

  describe("given before", () => {
    it("when any endpoint is called, then one function learns of each, before it is validated", async () => {
      const seen: HookContext[] = [];
      const t = await start({ before: (context) => void seen.push(context) });
      await request(t.server)
        .get("/auth/get-session?disableRefresh=maybe")
        .set("x-own", "1")
        .expect(400);
      await signUp(t, { email: 1 }).expect(400);
      const [read, written] = seen;
      assert.deepEqual(
        seen.map(({ path, endpoint, method }) => [path, endpoint, method]),
        [
          ["/get-session", "getSession", "GET"],
          ["/sign-up/email", "signUpEmail", "POST"],
        ],
      );
      assert.deepEqual({ ...read?.query }, { disableRefresh: "maybe" });
      const url = `${TEST_ORIGIN}/auth/get-session?disableRefresh=maybe`;
      assert.deepEqual([read?.headers.get("x-own"), read?.request?.url], ["1", url]);
      assert.deepEqual(written?.body, { email: 1 });
    });

    it("when it is given by endpoint, then only that one calls it", async () => {
      let calls = 0;
      const t = await start({ before: { signUpEmail: () => void (calls += 1) } });
      await request(t.server).get("/auth/get-session").expect(200);
      await signUp(t).expect(200);
      assert.equal(calls, 1);
    });

    it("when a name is no endpoint, then it throws at start and names the nearest", () => {
      assert.throws(
        () =>
          betterAuth({ secret: TEST_SECRET, hooks: { before: { signUpMail: () => undefined } } }),
        /hooks\.before\.signUpMail is no endpoint; did you mean signUpEmail\?/,
      );
    });

    it("when it throws an AuthError, then that is the answer, and nothing happens", async () => {
      const t = await start({
        before: ({ body }) => {
          if (!String(body["email"]).endsWith("@our.example")) {
            throw new AuthError(400, "APP_DOMAIN", "use your work address");
          }
        },
      });
      assertRefusal(await signUp(t), [400, "APP_DOMAIN", "use your work address"]);
      assert.equal(await users(t), 0);
      await signUp(t, { ...signUpBody, email: "ada@our.example" }).expect(200);
    });

    it("when it throws an APIError of Better Auth, then that is the answer", async () => {
      const t = await start({
        before: ({ path }) => {
          if (path === "/sign-up/email")
            throw new APIError("FORBIDDEN", { message: "APP: not open" });
        },
      });
      assertRefusal(await signUp(t), [403, "APP_NOT_OPEN", "APP: not open"]);
    });

    it("when it breaks, then 500 without details", async () => {
      const t = await start({
        before: () => {
          throw new Error("of the app");
        },
      });
      assertRefusal(await signUp(t), [500, "INTERNAL_SERVER_ERROR"]);
      assert.ok(t.logged.some((line) => line.startsWith("error: ")));
    });

    it("when it returns a changed body, query or header, then the endpoint sees that, and checks it", async () => {
      const t = await start({
        before: {
          signUpEmail: ({ body }) => ({
            context: {
              body: { name: `${String(body["name"])} L.` },
              headers: new Headers({ "user-agent": "told" }),
            },
          }),
          signInEmail: () => ({ context: { body: { callbackURL: "https://evil.test/" } } }),
          getSession: () => ({ context: { query: { disableRefresh: "maybe" } } }),
        },
      });
      const { user, session } = (await signUp(t).expect(200)).body as {
        user: { name: string };
        session: { userAgent: string };
      };
      assert.equal(user.name, "Ada L.");
      assert.equal(session.userAgent, "told");
      const { email, password } = signUpBody;
      const signIn = await request(t.server).post("/auth/sign-in/email").send({ email, password });
      assertRefusal(signIn, [403, "INVALID_CALLBACK_URL"]);
      assertRefusal(await request(t.server).get("/auth/get-session"), [400, "VALIDATION_ERROR"]);
    });

    it("when it returns another object, then that is the answer, and nothing happens", async () => {
      const t = await start({ before: ({ json }) => json({ waiting: true }) });
      const answer = await signUp(t).expect(200);
      assert.deepEqual(answer.body, { waiting: true });
      assertHeaders(answer);
      assert.equal(await users(t), 0);
    });

    it("when it redirects, then 302", async () => {
      const t = await start({ before: ({ redirect }) => redirect("/closed") });
      await signUp(t).expect(302).expect("location", "/closed");
      assert.equal(await users(t), 0);
    });
  });

  describe("given after", () => {
    it("when someone signs up, then it learns answer, new session and headers", async () => {
      const seen: HookContext[] = [];
      const t = await start({ after: (context) => void seen.push(context) });
      const answer = await signUp(t).expect(200);
      const { context } = seen[0] ?? assert.fail("not called");
      const { user, token } = answer.body as { user: { id: string }; token: string };
      assert.deepEqual(JSON.parse(JSON.stringify(context.returned)), answer.body);
      assert.equal(context.newSession?.user.id, user.id);
      assert.equal(context.newSession.session.token, token);
      assert.deepEqual(context.responseHeaders?.getSetCookie(), setCookies(answer));
    });

    it("when a session is read, then it learns whose", async () => {
      const seen: HookContext[] = [];
      const t = await start({ after: { listSessions: (context) => void seen.push(context) } });
      const { cookie, id } = await t.givenUser();
      await request(t.server).get("/auth/list-sessions").set("cookie", cookie).expect(200);
      assert.equal(seen[0]?.context.session?.user.id, id);
      assert.equal(seen[0].context.newSession, null);
    });

    it("when it returns a value, sets a cookie or a header, then they are answered", async () => {
      const t = await start({
        after: (context) => {
          context.setCookie("own", "1", { httpOnly: true });
          context.setHeader("X-Own", "2");
          return { ...(context.context.returned as object), welcome: true };
        },
      });
      const answer = await signUp(t).expect(200).expect("x-own", "2");
      const { welcome, user } = answer.body as { welcome: boolean; user: { email: string } };
      assert.deepEqual([welcome, user.email], [true, signUpBody.email]);
      assert.ok(setCookies(answer).includes("own=1; Path=/; HttpOnly"));
      assert.match(cookieHeader(answer), /session-token=/);
    });

    it("when the endpoint refuses, then it learns the error, and may answer otherwise", async () => {
      const t = await start({
        after: {
          signInEmail: ({ context }) => {
            const { returned } = context;
            if (returned instanceof AuthError)
              throw new AuthError(401, "APP_NO", `was ${returned.code}`);
          },
        },
      });
      const { email, password } = signUpBody;
      const answer = await request(t.server).post("/auth/sign-in/email").send({ email, password });
      assertRefusal(answer, [401, "APP_NO", "was INVALID_EMAIL_OR_PASSWORD"]);
    });

    it("when it returns nothing after a refusal, then the refusal stands", async () => {
      const t = await start({ after: () => undefined });
      assertRefusal(await signUp(t, {}), [400, "VALIDATION_ERROR"]);
    });

    it("when auth.api is called, then hooks are called as well, without a request", async () => {
      const seen: HookContext[] = [];
      const t = await start({
        before: (context) => void seen.push(context),
        after: ({ json, context }) => json({ ...(context.returned as object), after: true }),
      });
      const answer = await t.auth.api.signUpEmail({ body: signUpBody });
      assert.equal((answer as { after?: boolean }).after, true);
      assert.equal(seen[0]?.request, undefined);
      assert.equal(seen[0]?.path, "/sign-up/email");
    });
  });

  describe("given middleware made by createAuthMiddleware of Better Auth", () => {
    it("when it changes the body, sets a cookie and replaces the answer, then all of it counts", async () => {
      const t = await start({
        before: asHook(
          createAuthMiddleware(async (ctx) => {
            await Promise.resolve();
            if (ctx.path !== "/sign-up/email") return;
            const { name } = ctx.body as { name: string };
            return { context: { ...ctx, body: { ...(ctx.body as object), name: `${name} L.` } } };
          }),
        ),
        after: asHook(
          createAuthMiddleware(async (ctx) => {
            await Promise.resolve();
            ctx.setCookie("own", "1", { path: "/" });
            const { newSession } = ctx.context;
            return ctx.json({ name: newSession?.user.name });
          }),
        ),
      });
      const answer = await signUp(t).expect(200);
      assert.deepEqual(answer.body, { name: "Ada L." });
      assert.ok(setCookies(answer).includes("own=1; Path=/"));
    });

    it("when it throws a redirect, then 302", async () => {
      const t = await start({
        before: asHook(
          createAuthMiddleware(async (ctx) => {
            await Promise.resolve();
            throw ctx.redirect("/closed");
          }),
        ),
      });
      await signUp(t).expect(302).expect("location", "/closed");
    });
  });
});
