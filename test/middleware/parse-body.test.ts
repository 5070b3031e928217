import assert from "node:assert/strict";
import { Agent, request as httpRequest, type OutgoingHttpHeaders } from "node:http";
import { performance } from "node:perf_hooks";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { ErrorRequestHandler } from "express";
import request from "supertest";
import { BODY_LIMIT } from "../../lib/middleware/parse-body.ts";
import { startApp, TEST_PASSWORD, type TestApp, type TestUser } from "../support/app.ts";
import { sendRaw } from "../support/raw.ts";
import { assertClientError, assertRefusal, type Answer } from "../support/refusal.ts";

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

const MALFORMED = [400, "BAD_REQUEST", "Invalid JSON in request body"] as const;
const TOO_LARGE = [413, "PAYLOAD_TOO_LARGE", "Payload Too Large"] as const;
const OTHER_TYPE = [415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"] as const;

/** Milliseconds in which the refusal of an over-long body must arrive. */
const PROMPT_MS = 500;

describe("parseBody", () => {
  let t: TestApp;
  let user: TestUser;
  const strayErrors: unknown[] = [];

  before(async () => {
    const collect: ErrorRequestHandler = (error, _req, _res, next) => {
      strayErrors.push(error);
      next(error);
    };
    t = await startApp(
      {},
      {
        routes(app, auth) {
          app.use("/alone", auth.routers.core, collect);
        },
      },
    );
    user = await t.givenUser();
  });
  after(() => t.stop());

  /** Sends a body, byte for byte, to an endpoint that answers 200 when it reads a name. */
  function update(type: string, body: string | Buffer, headers: Record<string, string> = {}) {
    return request(t.server)
      .post("/auth/update-user")
      .set({ Authorization: `Bearer ${user.token}`, "Content-Type": type, ...headers })
      .serialize((value) => value as string)
      .send(body as string);
  }

  const signIn = (type: string, body: string) =>
    request(t.server).post("/auth/sign-in/email").set("Content-Type", type).send(body);

  describe("given JSON", () => {
    for (const type of [
      JSON_TYPE,
      "application/json; charset=utf-8",
      'application/json;charset="UTF-8"',
      "APPLICATION/JSON",
    ]) {
      it(`when its type is ${type}, then it is read`, async () => {
        await update(type, '{"name":"Ada"}').expect(200);
      });
    }

    for (const [compression, body] of [
      ["gzip", gzipSync('{"name":"Zip"}')],
      ["br", brotliCompressSync('{"name":"Zip"}')],
    ] as const) {
      it(`when it is compressed by ${compression}, then it is read`, async () => {
        await update(JSON_TYPE, body, { "Content-Encoding": compression }).expect(200);
      });
    }

    for (const body of [
      "{",
      '{"name":"Ada"',
      '{"name":"Ada",}',
      "{'name':'Ada'}",
      "{name:1}",
      "{}{}",
      "NaN",
      "undefined",
      '"\u0001"',
      "\u0000",
      "name=Ada",
      "<name/>",
      '\ufeff\ufeff{"name":"Ada"}',
      '{"__proto__":',
      "[".repeat(10_000),
    ]) {
      it(`when it is malformed, ${JSON.stringify(body.slice(0, 20))}, then 400`, async () => {
        assertRefusal(await update(JSON_TYPE, body), MALFORMED);
      });
    }

    for (const body of ["null", "[]", '["name"]', '"name"', "7", "true", "-0", '""']) {
      it(`when it is ${body}, then it is refused as a body that is no object`, async () => {
        const refused = [400, "BODY_MUST_BE_AN_OBJECT", "Body must be an object"] as const;
        assertRefusal(await update(JSON_TYPE, body), refused);
        assert.equal((await signIn(JSON_TYPE, body)).status, 400);
      });
    }

    for (const [what, bytes] of [
      ["a lone continuation byte", [0x80]],
      ["an overlong slash", [0xc0, 0xaf]],
      ["a surrogate", [0xed, 0xa0, 0x80]],
      ["a cut sequence", [0xe2, 0x82]],
      ["Latin 1", [0xfc]],
    ] as const) {
      it(`when it has ${what}, then 400`, async () => {
        const body = Buffer.concat([
          Buffer.from('{"name":"'),
          Buffer.from(bytes),
          Buffer.from('"}'),
        ]);
        assertRefusal(await update(JSON_TYPE, body), [400, "BAD_REQUEST", /not valid UTF-8/]);
      });
    }

    it("when it starts with a byte order mark, then the mark is not part of it", async () => {
      await update(JSON_TYPE, '\ufeff{"name":"Ada"}').expect(200);
    });

    for (const [what, body] of [
      ["lists", `{"name":${"[".repeat(10_000)}${"]".repeat(10_000)}}`],
      ["objects", `{"name":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}`],
      ["objects of __proto__", `{"name":${'{"__proto__":'.repeat(6000)}1${"}".repeat(6000)}}`],
    ] as const) {
      it(`when ${what} are nested thousands of levels deep, then 400`, async () => {
        assertRefusal(await update(JSON_TYPE, body), [400, "VALIDATION_ERROR", /^\[body\.name\] /]);
      });
    }

    it("when it names a key a thousand times, then the last one counts", async () => {
      const body = `{${'"name":[],'.repeat(1000)}"name":"Last"}`;
      const answer = await update(JSON_TYPE, body).expect(200);
      assert.equal((answer.body as { user: { name: string } }).user.name, "Last");
    });
  });

  describe("given no body", () => {
    const NOTHING = [400, "NO_FIELDS_TO_UPDATE"] as const;
    const post = "POST /auth/update-user HTTP/1.1";
    const host = "Host: app.test";
    const bearer = () => `Authorization: Bearer ${user.token}`;

    it("when neither type nor length is sent, then it counts as an empty object", async () => {
      assertRefusal(await sendRaw(t.server, [post, host, bearer()]), NOTHING);
    });

    for (const type of ["", "text/plain", JSON_TYPE, FORM_TYPE]) {
      it(`when its length is 0 and its type ${type || "absent"}, then it counts as an empty object`, async () => {
        const typed = type === "" ? [] : [`Content-Type: ${type}`];
        const head = [post, host, bearer(), "Content-Length: 0", ...typed];
        assertRefusal(await sendRaw(t.server, head), NOTHING);
      });
    }

    it("when it is chunked JSON without a byte, then it counts as an empty object", async () => {
      const head = [
        post,
        host,
        bearer(),
        `Content-Type: ${JSON_TYPE}`,
        "Transfer-Encoding: chunked",
      ];
      assertRefusal(await sendRaw(t.server, head, "0\r\n\r\n"), NOTHING);
    });

    it("when fetch posts nothing, then the endpoint is reached", async () => {
      const answer = await fetch(`${t.url}/auth/sign-out`, { method: "POST" });
      assert.equal(answer.status, 200);
    });
  });

  describe("given another type", () => {
    for (const type of [
      "text/plain",
      "text/json",
      "multipart/form-data; boundary=x",
      "application/jsonx",
      "application/merge-patch+json",
      "application/octet-stream",
      "application/json, text/plain",
      "application",
      ";",
      FORM_TYPE,
      "application/json; charset=utf-7",
      "application/json; charset=utf-16",
      "application/json; charset=iso-8859-1",
      "application/json; charset=utf-8; charset=utf-7",
      'application/json; charset="utf-8\\0"',
    ]) {
      it(`when it is ${type}, then 415`, async () => {
        assertRefusal(await update(type, '{"name":"Ada"}'), OTHER_TYPE);
      });
    }

    it("when a body comes without a type, then 415", async () => {
      const head = ["POST /auth/update-user HTTP/1.1", "Host: a", "Content-Length: 2"];
      assertRefusal(await sendRaw(t.server, head, "{}"), OTHER_TYPE);
    });

    it("when the compression is unknown, then 415", async () => {
      assertRefusal(await update(JSON_TYPE, "{}", { "Content-Encoding": "zap" }), OTHER_TYPE);
    });

    it("when it is called compressed and is not, then 400", async () => {
      const answer = await update(JSON_TYPE, '{"name":"Ada"}', { "Content-Encoding": "gzip" });
      assertRefusal(answer, [400, "BAD_REQUEST"]);
    });
  });

  describe("given a form", () => {
    const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();

    it("when the endpoint takes forms, then it is read, with true and false as booleans", async () => {
      const fields = form({ email: user.email, password: TEST_PASSWORD, rememberMe: "false" });
      const { headers } = await signIn(FORM_TYPE, fields).expect(200);
      assert.doesNotMatch(String(headers["set-cookie"]), /session-token[^,]*Max-Age/);
    });

    for (const body of [
      "email[$ne]=&password[$ne]=",
      "email=a@example.com&email=b@example.com&password=x",
      "email[]=a@example.com&password=x",
      "__proto__[email]=a@example.com&constructor[prototype][email]=a",
      "%E0%A4%A=%E0%A4%A",
      "=&=&&&==",
      "a=1&".repeat(2000),
    ]) {
      it(`when it is ${body.slice(0, 30)}, then it is refused`, async () => {
        assertClientError(await signIn(FORM_TYPE, body));
      });
    }
  });

  describe("given a long body", () => {
    const padded = (length: number) => `{"name":"x"${" ".repeat(length - 12)}}`;

    it("when it has the greatest length, then it is read", async () => {
      await update(JSON_TYPE, padded(BODY_LIMIT)).expect(200);
    });

    it("when it has one byte more, then 413", async () => {
      assertRefusal(await update(JSON_TYPE, padded(BODY_LIMIT + 1)), TOO_LARGE);
    });

    for (const compression of ["gzip", "br"] as const) {
      it(`when it is a bomb of ${compression}, then 413`, async () => {
        const text = padded(20_000_000);
        const bomb = compression === "gzip" ? gzipSync(text) : brotliCompressSync(text);
        assert.ok(bomb.length < BODY_LIMIT);
        const answer = await update(JSON_TYPE, bomb, { "Content-Encoding": compression });
        assertRefusal(answer, TOO_LARGE);
      });
    }

    for (const mount of ["/auth", "/alone"]) {
      for (const [how, headers] of [
        ["with its length", { "Content-Length": 1_000_000 }],
        ["in chunks", { "Transfer-Encoding": "chunked" }],
      ] as const) {
        it(`when 1 MB comes ${how} to ${mount}, then 413 arrives at once, twenty times`, async () => {
          const agent = new Agent({ keepAlive: true, maxSockets: 1 });
          for (let round = 0; round < 20; round += 1) {
            const { answer, milliseconds } = await upload(
              `${t.url}${mount}/sign-out`,
              headers,
              agent,
            );
            assertRefusal(answer, TOO_LARGE);
            assert.ok(milliseconds < PROMPT_MS, `${String(milliseconds)} ms`);
          }
          agent.destroy();
          assert.deepEqual(strayErrors, []);
        });
      }
    }

    it("when it never ends, then 413 arrives at once and the connection is closed soon", async () => {
      const { answer, milliseconds, closed } = await trickle(`${t.url}/auth/sign-out`);
      assertRefusal(answer, TOO_LARGE);
      assert.ok(milliseconds < PROMPT_MS, `${String(milliseconds)} ms`);
      assert.ok((await closed) < 4 * PROMPT_MS, "the connection stayed open");
    });
  });
});

interface Uploaded {
  readonly answer: Answer;
  /** From the first byte sent to the last one received. */
  readonly milliseconds: number;
}

/** Sends 1 MB as JSON; rejects when the connection breaks, even after the answer. */
function upload(url: string, headers: OutgoingHttpHeaders, agent: Agent): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    let uploaded: Uploaded | undefined;
    const sending = httpRequest(url, {
      method: "POST",
      agent,
      headers: { "Content-Type": JSON_TYPE, ...headers },
    });
    sending.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", reject).on("end", () => {
        const answer = { status: response.statusCode ?? 0, headers: response.headers };
        const milliseconds = performance.now() - start;
        uploaded = { answer: { ...answer, body: JSON.parse(text) as unknown }, milliseconds };
      });
    });
    sending.on("error", reject);
    sending.on("close", () => {
      if (uploaded === undefined) reject(new Error("no answer"));
      else resolve(uploaded);
    });
    for (let sent = 0; sent < 1_000_000; sent += 50_000) sending.write(Buffer.alloc(50_000, 0x20));
    sending.end();
  });
}

/** Sends a little more than is allowed, in chunks, and never the end. */
function trickle(url: string): Promise<Uploaded & { readonly closed: Promise<number> }> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const headers = { "Content-Type": JSON_TYPE, "Transfer-Encoding": "chunked" };
    const sending = httpRequest(url, { method: "POST", headers });
    const closed = new Promise<number>((done) => {
      sending.on("socket", (socket) => {
        socket.on("close", () => {
          done(performance.now() - start);
        });
      });
    });
    sending.on("error", () => undefined);
    sending.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        const answer = { status: response.statusCode ?? 0, headers: response.headers };
        const milliseconds = performance.now() - start;
        resolve({ answer: { ...answer, body: JSON.parse(text) as unknown }, milliseconds, closed });
      });
    });
    setTimeout(reject, 5000, new Error("no answer")).unref();
    sending.write(Buffer.alloc(BODY_LIMIT + 1, 0x20));
  });
}
