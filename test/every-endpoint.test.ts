import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, METHODS, type Server } from "node:http";
import express from "express";
import fc from "fast-check";
import request from "supertest";
import { z } from "zod";
import { allFeatures, optionalFeatures as plugins } from "../docs/features.ts";
import type { AnyEndpoint } from "../lib/endpoint.ts";
import { errorsOf } from "../lib/error-list.ts";
import { coreErrors } from "../lib/errors.ts";
import { betterAuth, twoFactor } from "../lib/index.ts";
import { parseId } from "../lib/models/id.ts";
import { BODY_LIMIT } from "../lib/middleware/parse-body.ts";
import { startApp, TEST_ORIGIN, TEST_SECRET, type TestApp } from "./support/app.ts";
import { freshDatabase } from "./support/mongo.ts";
import { sendRaw } from "./support/raw.ts";
import { insertSession } from "./support/sessions.ts";
import { assertHeaders, assertRefusal, headersOf, type Answer } from "./support/refusal.ts";

type CoreCode = keyof typeof coreErrors;
type Method = "GET" | "POST";

/** What is sent besides the path. */
interface Sent {
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const EVIL = "https://evil.example";
/** A port of the loopback interface on which nothing listens. */
const CLOSED = "mongodb://127.0.0.1:1/nowhere";

/** One field of every type that an app can add. */
const additionalFields = {
  nickname: { type: "string", required: false },
  height: { type: "number", required: false },
  subscribed: { type: "boolean", required: false },
  birthday: { type: "date", required: false },
  tags: { type: "string[]", required: false },
  scores: { type: "number[]", required: false },
  colour: { type: ["red", "green"], required: false },
  settings: { type: "json", required: false },
} as const;

const endpoints = allFeatures.flatMap((feature) => [...feature.endpoints]);

type Ask = (sent: Sent) => PromiseLike<Answer>;
type Recipe = (on: Ask, endpoint: AnyEndpoint) => PromiseLike<Answer>;

function elsewhere(field: string): [when: string, how: Recipe] {
  return [`${field} is another site`, (on) => on({ body: { [field]: EVIL } })];
}

function noText(field: string): [when: string, how: Recipe] {
  return [`${field} is no text`, (on) => on({ body: { [field]: { $ne: "" } } })];
}

/** A path that the pattern matches, below the mount path. */
function urlOf(pattern: string): string {
  return `/auth${pattern.replace(/:\w+/g, "x")}`;
}

function send(server: Server, method: Method, path: string, sent: Sent = {}) {
  const { query = {}, body, headers = {} } = sent;
  const asked = method === "GET" ? request(server).get(path) : request(server).post(path);
  const sending = asked.redirects(0).query(query).set(headers);
  return body === undefined ? sending : sending.send(body as object);
}

/** The methods that any endpoint has on a path. */
function methodsOn(path: string): readonly Method[] {
  return endpoints.filter(({ paths }) => paths.includes(path)).flatMap(({ methods }) => methods);
}

/** The method that brings most ways to fail. */
function mainMethod({ methods }: AnyEndpoint): Method {
  return methods.includes("POST") ? "POST" : "GET";
}

/** Names of the fields that a schema looks at. */
function fieldsOf(schema: unknown): string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(fieldsOf);
  return schema instanceof z.ZodPipe ? fieldsOf(schema.in) : [];
}

/** An input in which one field is of a type that it cannot have. */
function invalidInput({ name, body, query }: AnyEndpoint): Sent {
  const isWrong = (schema: z.ZodType | undefined, input: object) =>
    schema?.safeParse(input).success === false;
  for (const field of fieldsOf(body).filter((known) => !/URL$|^redir/.test(known))) {
    const input = { [field]: { $ne: "" } };
    if (isWrong(body, input)) return { body: input };
  }
  for (const field of fieldsOf(query).filter((known) => !known.endsWith("URL"))) {
    const input = { [field]: ["a", "b"] };
    if (isWrong(query, input)) return { query: input };
  }
  throw new Error(`${name}: no invalid input found`);
}

/** Whether HEAD is refused, because GET uses something up. */
const consumes = (path: string): boolean =>
  endpoints.some((endpoint) => endpoint.consumes && endpoint.paths.includes(path));

describe("every endpoint", () => {
  let t: TestApp;
  let limited: TestApp;
  let disabled: TestApp;
  let enrolling: TestApp;
  let down: { readonly server: Server; readonly close: () => Promise<void> };
  let downAnswers: ReadonlyMap<string, Promise<Answer>>;
  const bearer = { good: "", banned: "", impersonated: "", old: "" };

  before(async () => {
    const database = await freshDatabase();
    t = await startApp({ database, plugins, user: { additionalFields } });
    const limit = { enabled: true, customRules: { "/**": { window: 10, max: 1 } } };
    limited = await startApp({ database, plugins, rateLimit: limit });
    const disabledPaths = endpoints.flatMap(({ paths }) => paths);
    disabled = await startApp({ database, plugins, disabledPaths });
    const others = plugins.filter(({ id }) => id !== "two-factor");
    const policy = twoFactor({ required: () => true, gracePeriod: 0 });
    enrolling = await startApp({ database, plugins: [...others, policy] });
    down = await startWithoutDatabase();
    downAnswers = new Map(
      endpoints.map((endpoint) => [
        endpoint.name,
        Promise.resolve(send(down.server, mainMethod(endpoint), urlOf(endpoint.paths[0]))),
      ]),
    );
    await givenCallers();
  });

  after(async () => {
    for (const one of [limited, disabled, enrolling, t]) await one.stop();
    await down.close();
  });

  async function startWithoutDatabase() {
    const auth = betterAuth({
      secret: TEST_SECRET,
      baseURL: TEST_ORIGIN,
      database: CLOSED,
      plugins,
      logger: { disabled: true },
    });
    const server = createServer(express().use("/auth", auth)).listen(0, "127.0.0.1");
    await once(server, "listening");
    async function close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await auth.close();
    }
    return { server, close };
  }

  async function givenCallers(): Promise<void> {
    const { User } = t.auth.models;
    for (const kind of ["good", "banned", "impersonated", "old"] as const) {
      const { id } = await t.givenUser();
      const { token } = await insertSession(t, id, {
        ...(kind === "impersonated" && { impersonatedBy: id }),
        ...(kind === "old" && { createdAt: new Date(t.clock.now().getTime() - 2 * 86_400_000) }),
      });
      bearer[kind] = `Bearer ${token}`;
      const _id = parseId(id);
      await User.updateOne({ _id }, { role: "admin", banned: kind === "banned" });
    }
  }

  const cookie = { Cookie: "theme=dark" };
  /** How the codes that follow from an endpoint's definition are provoked: when what, and how. */
  const provoke: Readonly<Partial<Record<CoreCode, readonly [when: string, how: Recipe]>>> = {
    UNAUTHORIZED: ["nobody is signed in", (on) => on({})],
    INVALID_TWO_FACTOR_COOKIE: ["nobody is signed in or about to be", (on) => on({})],
    BANNED_USER: ["the user is banned", (on) => on({ headers: { Authorization: bearer.banned } })],
    SESSION_NOT_FRESH: [
      "the session is impersonated, or old",
      (on, { credentials }) =>
        on({ headers: { Authorization: credentials ? bearer.impersonated : bearer.old } }),
    ],
    TWO_FACTOR_ENROLMENT_REQUIRED: [
      "the user has to set up a second factor first",
      (_on, endpoint) => {
        const headers = { Authorization: bearer.good };
        return send(enrolling.server, mainMethod(endpoint), urlOf(endpoint.paths[0]), { headers });
      },
    ],
    VALIDATION_ERROR: [
      "a field is of a wrong type",
      (on, endpoint) => on({ headers: { Authorization: bearer.good }, ...invalidInput(endpoint) }),
    ],
    BAD_REQUEST: [
      "the body is malformed JSON",
      (on) => on({ headers: { "Content-Type": "application/json" }, body: "{" }),
    ],
    PAYLOAD_TOO_LARGE: [
      "the body is too long",
      (on) => on({ body: { name: "x".repeat(BODY_LIMIT) } }),
    ],
    UNSUPPORTED_MEDIA_TYPE: [
      "the body is text",
      (on) => on({ headers: { "Content-Type": "text/plain" }, body: "{}" }),
    ],
    INVALID_ORIGIN: [
      "a page of another site sends cookies",
      (on) => on({ headers: { ...cookie, Origin: EVIL } }),
    ],
    MISSING_OR_NULL_ORIGIN: [
      "cookies come with a null origin",
      (on) => on({ headers: { ...cookie, Origin: "null" } }),
    ],
    CROSS_SITE_NAVIGATION_LOGIN_BLOCKED: [
      "a form of another site is sent",
      (on) =>
        on({
          headers: {
            Origin: TEST_ORIGIN,
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
          },
        }),
    ],
    INVALID_CALLBACK_URL: [
      "callbackURL is another site",
      (on) => on({ query: { callbackURL: EVIL } }),
    ],
    INVALID_CALLBACKURL_EXPECTED_A_STRING: [
      "callbackURL is given twice",
      (on) => on({ query: { callbackURL: ["/a", "/b"] } }),
    ],
    INVALID_REDIRECT_URL: elsewhere("redirectTo"),
    INVALID_REDIRECTURL_EXPECTED_A_STRING: noText("redirectTo"),
    INVALID_ERROR_CALLBACK_URL: elsewhere("errorCallbackURL"),
    INVALID_ERRORCALLBACKURL_EXPECTED_A_STRING: noText("errorCallbackURL"),
    INVALID_NEW_USER_CALLBACK_URL: elsewhere("newUserCallbackURL"),
    INVALID_NEWUSERCALLBACKURL_EXPECTED_A_STRING: noText("newUserCallbackURL"),
    TOO_MANY_REQUESTS: [
      "the limit is passed",
      async (_on, endpoint) => {
        const url = urlOf(endpoint.paths[0]);
        await send(limited.server, mainMethod(endpoint), url);
        return send(limited.server, mainMethod(endpoint), url);
      },
    ],
    SERVICE_UNAVAILABLE: [
      "the database cannot be reached",
      (_on, { name }) => downAnswers.get(name) ?? assert.fail(name),
    ],
  };

  /** Texts that are not those of the table. */
  const messages: Partial<Record<string, string | RegExp>> = {
    VALIDATION_ERROR: /^\[(?:body|query|params)\b/,
    BAD_REQUEST: "Invalid JSON in request body",
  };

  for (const endpoint of endpoints) {
    const { name, paths, cacheable } = endpoint;
    const method = mainMethod(endpoint);
    const [path] = paths;
    const ask: Ask = (sent) => send(t.server, method, urlOf(path), sent);

    describe(`${method} ${path}`, () => {
      for (const code of Object.keys(errorsOf({ ...endpoint, errors: {} })) as CoreCode[]) {
        const [status, message] = coreErrors[code];

        const [when, how] = provoke[code] ?? assert.fail(`nothing provokes ${code} of ${name}`);

        it(`when ${when}, then it answers ${code}`, async () => {
          const answer = await how(ask, endpoint);
          assertRefusal(answer, [status, code, messages[code] ?? message], { cacheable });
          if (status !== 429 && status !== 503) return;
          assert.match(headersOf(answer)["retry-after"] ?? "", /^[1-9]\d*$/);
          assert.equal(headersOf(answer)["set-cookie"], undefined);
        });
      }
    });

    for (const each of endpoint.methods) {
      it(`when ${each} ${path} is answered, then it has the headers of every answer`, async () => {
        const { token } = await t.givenUser();
        const headers = { Authorization: `Bearer ${token}` };
        const answer = await send(t.server, each, urlOf(path), { headers });
        assert.ok(answer.status < 500, answer.text);
        assertHeaders(answer, { cacheable });
      });

      it(`when ${each} ${path} is among disabledPaths, then it is not found`, async () => {
        const answer = await send(disabled.server, each, urlOf(path));
        assertRefusal(answer, [404, "NOT_FOUND", "Not Found"]);
      });
    }
  }

  for (const path of new Set(endpoints.flatMap(({ paths }) => paths))) {
    const allowed = methodsOn(path);
    const url = urlOf(path);

    it(`when ${path} is asked with any other method, then it says which are allowed`, async () => {
      const accepted: string[] =
        allowed.includes("GET") && !consumes(path) ? [...allowed, "HEAD"] : [...allowed];
      const others = METHODS.filter((method) => !accepted.includes(method) && method !== "CONNECT");
      for (const method of others) {
        const head = [`${method} ${url} HTTP/1.1`, "Host: app.test", "Content-Length: 0"];
        const answer = await sendRaw(t.server, head);
        if (method === "HEAD") assert.equal(answer.status, 405);
        else assertRefusal(answer, [405, "METHOD_NOT_ALLOWED", "Method Not Allowed"]);
        const named = headersOf(answer)["allow"]?.split(", ").sort();
        assert.deepEqual(named, accepted.toSorted(), method);
      }
    });

    it(`when ${path} is written in another way, then it is not found`, async () => {
      // Behind a parameter, an encoded slash is part of it.
      const encoded = path.includes(":") ? [] : [`${url}%2f`];
      const others = [`${url}/`, `/auth${path.toUpperCase()}`, `/auth/${path}`, ...encoded];
      for (const other of others) {
        for (const method of allowed) {
          assertRefusal(await send(t.server, method, other), [404, "NOT_FOUND", "Not Found"]);
        }
      }
    });

    if (!allowed.includes("GET") || consumes(path)) continue;
    it(`when HEAD ${path} is asked, then the answer is that of GET without its body`, async () => {
      const get = await send(t.server, "GET", url);
      const head = await request(t.server).head(url).redirects(0);
      assert.equal(head.status, get.status);
      for (const header of ["content-type", "cache-control", "pragma", "location"]) {
        assert.equal(headersOf(head)[header], headersOf(get)[header], header);
      }
    });
  }

  describe("given anything at all", () => {
    const fields = [
      ...new Set(endpoints.flatMap(({ body, query }) => [body, query]).flatMap(fieldsOf)),
      ...Object.keys(additionalFields),
    ];
    const key = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...fields, "callbackURL", "redirectTo") },
      fc.constantFrom("__proto__", "constructor", "$where", "$ne", "_id", "a.b", "", "\0"),
      fc.string(),
    );
    const leaf = fc.oneof(
      fc.constantFrom<unknown>({ $ne: "" }, { $gt: "" }, { $regex: ".*" }, [], [[]], {}, null),
      fc.constantFrom<unknown>("", "/", "//evil.example", "https://[", "a@b.c", "true", "\ud800"),
      fc.oneof(fc.string({ unit: "binary" }), fc.double(), fc.boolean(), fc.integer()),
    );
    const record = fc
      .array(fc.tuple(key, fc.oneof(leaf, fc.dictionary(key, leaf))), { maxLength: 6 })
      .map((entries) => Object.fromEntries(entries));
    const body = fc.oneof(
      { weight: 6, arbitrary: record.map((value) => JSON.stringify(value)) },
      fc.json({ maxDepth: 8 }),
      fc.string({ unit: "binary" }),
    );
    const headerValue = fc.oneof(
      fc.stringMatching(/^[!-~]{0,60}$/),
      fc.constantFrom("Bearer", "Bearer ", "Bearer a.b.c", "Bearer %E0%A4%A", "Basic x", "j:{}"),
      fc.constantFrom("better-auth.session-token=j%3A%7B%7D", "a=b; a=c", "=", "__proto__=x"),
      fc.constantFrom("null", "http://", EVIL, TEST_ORIGIN, "javascript:1", "127.0.0.1, x"),
    );
    const others = fc.dictionary(
      fc.constantFrom(
        "Authorization",
        "Cookie",
        "Referer",
        "Sec-Fetch-Site",
        "User-Agent",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
      ),
      headerValue,
    );
    const headers = fc.oneof(
      { weight: 4, arbitrary: others },
      fc.tuple(others, headerValue).map(([some, Origin]) => ({ ...some, Origin })),
    );
    const type = fc.oneof(
      { weight: 8, arbitrary: fc.constant("application/json") },
      fc.constantFrom(
        "application/x-www-form-urlencoded",
        "application/json; charset=x",
        "a/b",
        ";",
      ),
    );
    const endpoint = fc.oneof(fc.constantFrom(...endpoints), {
      weight: 2,
      arbitrary: fc.constantFrom(...endpoints.filter((one) => one.body !== undefined)),
    });
    const query = fc.array(fc.tuple(key, fc.string({ unit: "binary" })), { maxLength: 3 });

    async function countRows(): Promise<Record<string, number>> {
      const collections = await t.database.db?.collections();
      const counts = (collections ?? []).map(
        async (one) => [one.collectionName, await one.countDocuments()] as const,
      );
      return Object.fromEntries(await Promise.all(counts));
    }

    for (const caller of ["nobody", "a user"] as const) {
      it(`when ${caller} sends it, then it is never a failure of the server`, async function () {
        this.timeout(60_000);
        const user = caller === "a user" ? await t.givenUser() : null;
        const rows = await countRows();
        await fc.assert(
          fc.asyncProperty(
            endpoint,
            fc.record({ body, headers, type, query }),
            async (target, sent) => {
              const path = urlOf(target.paths[0]).replace("/auth", "");
              const session = user === null ? null : await insertSession(t, user.id);
              const search = sent.query.map((pair) => pair.map(encode).join("=")).join("&");
              const answer = await fetch(`${t.url}/auth${path}?${search}`, {
                method: mainMethod(target),
                redirect: "manual",
                headers: {
                  "Content-Type": sent.type,
                  Origin: TEST_ORIGIN,
                  ...sent.headers,
                  ...(session !== null && { Authorization: `Bearer ${session.token}` }),
                },
                ...(mainMethod(target) === "POST" && { body: sent.body }),
              });
              const text = await answer.text();
              assert.ok(answer.status < 500, `${String(answer.status)} ${text}`);
              if (answer.status < 400) return;
              const { code, message } = JSON.parse(text) as Record<string, unknown>;
              assert.deepEqual([typeof code, typeof message], ["string", "string"]);
            },
          ),
          { numRuns: 150 },
        );
        assert.equal(Object.hasOwn(Object.prototype, "$ne"), false);
        if (user === null) assert.deepEqual(await countRows(), rows);
      });
    }
  });
});

function encode(text: string): string {
  return Buffer.from(text, "utf8")
    .toString("latin1")
    .replace(
      /[^\w.$[\]-]/g,
      (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );
}
