import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as forward, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import cookieParser from "cookie-parser";
import express, { Router, type Express } from "express";
import request from "supertest";
import type { Auth, AuthOptions } from "../lib/index.ts";
import { cookieHeader, startApp, TEST_ORIGIN, TEST_PASSWORD, type TestApp } from "./support/app.ts";
import { assertRefusal } from "./support/refusal.ts";

let users = 0;

/** A user signs up, comes back with the cookie and with the token, and signs out. */
async function assertServes(server: Server, mount: string, origin = TEST_ORIGIN): Promise<void> {
  users += 1;
  const credentials = { email: `mounted-${users}@example.com`, password: TEST_PASSWORD };
  const signUp = request(server).post(`${mount}/sign-up/email`);
  const created = await signUp.send({ name: "Ada", ...credentials }).expect(200);
  const { token } = created.body as { token: string };
  const cookie = cookieHeader(created);

  const found = await request(server).get(`${mount}/get-session`).set("Cookie", cookie).expect(200);
  assert.equal((found.body as { user: { email: string } }).user.email, credentials.email);
  const listing = request(server).get(`${mount}/list-sessions?x=1`);
  await listing.set("Authorization", `Bearer ${token}`).expect(200);
  await request(server)
    .post(`${mount}/sign-in/email`)
    .type("form")
    .send({ ...credentials, rememberMe: "false" })
    .expect(200);
  await request(server)
    .post(`${mount}/sign-out`)
    .set({ Cookie: cookie, Origin: origin })
    .expect(200);
  const gone = await request(server).get(`${mount}/get-session`).set("Cookie", cookie).expect(200);
  assert.equal(gone.body, null);
}

/** What no endpoint takes is answered as the protocol says, also here. */
async function assertRefuses(server: Server, mount: string): Promise<void> {
  assertRefusal(await request(server).get(`${mount}/nowhere`), [404, "NOT_FOUND"]);
  assertRefusal(await request(server).put(`${mount}/ok`), [405, "METHOD_NOT_ALLOWED"]);
  const operators = { email: { $ne: "" }, password: { $ne: "" } };
  const signIn = request(server).post(`${mount}/sign-in/email`);
  assertRefusal(await signIn.send(operators), [400, "VALIDATION_ERROR"]);
  const form = request(server).post(`${mount}/sign-in/email`).type("form");
  assertRefusal(await form.send("email[$ne]=&password[$ne]="), [400, "VALIDATION_ERROR"]);
}

describe("mounting", () => {
  describe("given one instance in many places", () => {
    let t: TestApp;
    const addresses: string[] = [];
    before(async () => {
      const trustedOrigins = (asked?: Request) => {
        addresses.push(asked?.url ?? "");
        return [];
      };
      t = await startApp({ trustedOrigins }, { mount: "/plain", before: preceding, routes });
    });
    after(() => t.stop());

    function preceding(app: Express): void {
      app.use(["/json", "/parsed", "/settings"], express.json());
      app.use(["/form", "/parsed"], express.urlencoded({ extended: true }));
      app.use("/simple-form", express.urlencoded({ extended: false }));
      app.use("/cookies", cookieParser("another secret"));
      app.use("/other-types", express.text(), express.raw());
    }

    function routes(app: Express, auth: Auth): void {
      const places = ["/json", "/form", "/simple-form", "/parsed", "/cookies", "/other-types"];
      app.use([...places, "/a/b/c/d", "/:tenant/auth"], auth);
      app.use("/after", auth, express.json(), express.urlencoded());
      app.use("/v1", Router().use("/auth", auth));
      app.use("/strict", Router({ strict: true, caseSensitive: true }).use("/auth", auth.router));
      app.use("/app", express().use("/auth", auth));
      app.use("/whole-app", express().use(auth));
      const settings = express().set("query parser", false).set("case sensitive routing", true);
      app.use("/settings", settings.enable("strict routing").use("/auth", auth));
      app.use(auth);
    }

    for (const [where, mount] of [
      ["at a path", "/plain"],
      ["behind express.json()", "/json"],
      ["behind express.urlencoded({ extended: true })", "/form"],
      ["behind express.urlencoded({ extended: false })", "/simple-form"],
      ["behind both", "/parsed"],
      ["behind cookie-parser", "/cookies"],
      ["behind parsers of other types", "/other-types"],
      ["before the parsers", "/after"],
      ["at a deep path", "/a/b/c/d"],
      ["at a path with a parameter", "/acme/auth"],
      ["on a sub-router", "/v1/auth"],
      ["on a strict sub-router", "/strict/auth"],
      ["on an app in the app", "/app/auth"],
      ["as a whole app in the app", "/whole-app"],
      ["in an app with other settings", "/settings/auth"],
      ["at the root", ""],
    ] as const) {
      it(`when it is used ${where}, then it serves users`, () => assertServes(t.server, mount));

      it(`when it is used ${where}, then it refuses the rest`, () =>
        assertRefuses(t.server, mount));

      it(`when it is used ${where}, then it knows its address`, async () => {
        addresses.length = 0;
        const asked = request(t.server).post(`${mount}/sign-out?a=1`);
        await asked.set({ Cookie: "a=b", Origin: "https://evil.example" }).expect(403);
        assert.deepEqual(addresses, [`${TEST_ORIGIN}${mount}/sign-out?a=1`]);
      });
    }
  });

  describe("given features alone", () => {
    let t: TestApp;
    before(async () => {
      t = await startApp(
        {},
        {
          routes(app, auth) {
            const { core, "email-password": emailPassword } = auth.routers;
            app.use("/some", core);
            app.use("/all", emailPassword, core);
            app.use((req, res) => {
              res.status(418).json({ app: `${req.method} ${req.originalUrl}` });
            });
          },
        },
      );
    });
    after(() => t.stop());

    it("when several are used at one path, then they serve users together", () =>
      assertServes(t.server, "/all"));

    for (const [what, method, path] of [
      ["a path of another feature", "post", "/sign-in/email"],
      ["an unknown path", "get", "/nowhere"],
      ["an unknown path below a known one", "get", "/ok/more"],
      ["a trailing slash", "get", "/ok/"],
      ["another case", "get", "/OK"],
      ["the mount path itself", "get", ""],
      ["a wrong method", "put", "/ok"],
      ["a wrong method that others have", "post", "/ok"],
      ["a GET of what is written only", "get", "/sign-out"],
      ["a HEAD of what is written only", "head", "/sign-out"],
      ["OPTIONS", "options", "/ok"],
    ] as const) {
      it(`when ${what} is asked, then the app answers`, async () => {
        const answer = await request(t.server)[method](`/some${path}`);
        assert.equal(answer.status, 418);
        if (method === "head") return;
        assert.deepEqual(answer.body, { app: `${method.toUpperCase()} /some${path}` });
        assert.equal(answer.get("cache-control"), undefined);
      });
    }

    it("when a known path fails, then the feature answers itself", async () => {
      assertRefusal(await request(t.server).get("/some/list-sessions"), [401, "UNAUTHORIZED"]);
      const malformed = request(t.server).post("/some/sign-out").type("json").send("{");
      assertRefusal(await malformed, [400, "BAD_REQUEST"]);
    });
  });

  describe("given basePath or a path in baseURL", () => {
    for (const [options, expected] of [
      [{ basePath: "/api/auth" }, `${TEST_ORIGIN}/api/auth`],
      [{ basePath: "/" }, TEST_ORIGIN],
      [{ baseURL: `${TEST_ORIGIN}/api/auth/` }, `${TEST_ORIGIN}/api/auth`],
      [{ baseURL: `${TEST_ORIGIN}/one`, basePath: "/two" }, `${TEST_ORIGIN}/two`],
      [{ baseURL: "https://app.example:8443" }, "https://app.example:8443/mounted"],
    ] as const satisfies readonly (readonly [AuthOptions, string])[]) {
      it(`when it is ${JSON.stringify(options)}, then addresses have it, wherever it is mounted`, async () => {
        const addresses: string[] = [];
        const t = await startApp(
          {
            ...options,
            trustedOrigins: (asked) => {
              addresses.push(asked?.url ?? "");
              return [];
            },
          },
          { mount: "/mounted" },
        );
        const asked = request(t.server).post("/mounted/sign-out");
        await asked.set({ Cookie: "a=b", Origin: "https://evil.example" }).expect(403);
        const { origin } = new URL(expected);
        await assertServes(t.server, "/mounted", origin);
        await t.stop();
        assert.equal(addresses[0], `${expected}/sign-out`);
      });
    }
  });

  describe("given proxies", () => {
    /** Forwards everything to a server, and says from whom it came. */
    async function startProxy(
      target: Server,
      client: string,
      publicHost?: string,
    ): Promise<Server> {
      const { port } = target.address() as AddressInfo;
      const proxy = createServer((incoming, answer) => {
        const before = incoming.headers["x-forwarded-for"];
        const headers = {
          ...incoming.headers,
          connection: "keep-alive",
          host: `127.0.0.1:${port}`,
          "x-forwarded-for": before === undefined ? client : `${String(before)}, ${client}`,
          ...(publicHost !== undefined && {
            "x-forwarded-host": publicHost,
            "x-forwarded-proto": "https",
          }),
        };
        const { method, url } = incoming;
        const outgoing = forward(
          { host: "127.0.0.1", port, method, path: url, headers },
          (given) => {
            answer.writeHead(given.statusCode ?? 502, given.headers);
            given.pipe(answer);
          },
        );
        outgoing.on("error", () => {
          if (!answer.headersSent) answer.destroy();
        });
        incoming.pipe(outgoing);
      });
      proxy.listen(0, "127.0.0.1");
      await once(proxy, "listening");
      return proxy;
    }

    const OUTSIDE = "https://app.example";
    const CLIENT = "192.0.2.7";
    const FORGED = { "X-Forwarded-For": "203.0.113.66" };

    for (const count of [0, 1, 2] as const) {
      describe(`${count} of them, all trusted`, () => {
        let t: TestApp;
        let entry: Server;
        const proxies: Server[] = [];
        const origin = () =>
          count === 0 ? `http://127.0.0.1:${(entry.address() as AddressInfo).port}` : OUTSIDE;

        before(async () => {
          const trust = (app: Express) => app.set("trust proxy", count);
          t = await startApp({ baseURL: "" }, { before: trust });
          entry = t.server;
          const hops = [CLIENT, "10.0.0.2"].slice(0, count).reverse();
          for (const [at, hop] of hops.entries()) {
            const isOutermost = at === hops.length - 1;
            entry = await startProxy(entry, hop, isOutermost ? "app.example" : undefined);
            proxies.push(entry);
          }
        });
        after(async () => {
          for (const proxy of proxies) {
            proxy.closeAllConnections();
            await new Promise((resolve) => proxy.close(resolve));
          }
          await t.stop();
        });

        it("when a user comes through, then everything works", () =>
          assertServes(entry, "/auth", origin()));

        it("when the client forges a hop, then the stored address is the real one", async () => {
          const { email, password } = await t.givenUser();
          const signIn = request(entry).post("/auth/sign-in/email").set(FORGED);
          const { session } = (await signIn.send({ email, password }).expect(200)).body as {
            session: { ipAddress: string };
          };
          assert.equal(session.ipAddress, count === 0 ? "127.0.0.1" : CLIENT);
        });

        it("when a page of the site sends cookies, then its origin is the outside one", async () => {
          const ask = (Origin: string) =>
            request(entry).post("/auth/sign-out").set({ Cookie: "a=b", Origin });
          await ask(origin()).expect(200);
          assertRefusal(await ask("https://evil.example"), [403, "INVALID_ORIGIN"]);
        });

        it("when 1 MB is sent through, then 413 comes back", async () => {
          const body = { name: "x".repeat(1_000_000) };
          assertRefusal(await request(entry).post("/auth/sign-out").send(body), [
            413,
            "PAYLOAD_TOO_LARGE",
          ]);
        });
      });
    }
  });
});
