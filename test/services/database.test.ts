import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { inspect } from "node:util";
import express from "express";
import mongoose from "mongoose";
import request from "supertest";
import { findFreePort } from "../../lib/dev/ports.ts";
import { builtInFeatures } from "../../lib/features.ts";
import { AuthError, betterAuth, type Auth } from "../../lib/index.ts";
import { TEST_ORIGIN, TEST_SECRET } from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";

/** Stands in every URI and may stand in nothing else. */
const SECRET = "S3cr3t-of-the-database";
/** Milliseconds in which an unreachable database is reported. */
const ANSWER_MS = 5000;

interface Failure {
  readonly error: unknown;
  readonly ms: number;
}

const failureOf = async (work: Promise<unknown>): Promise<Failure> => {
  const started = performance.now();
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - started };
};

const messageOf = ({ error }: Failure): string => (error instanceof Error ? error.message : "");

interface Answer {
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
  /** `Retry-After`. */
  readonly advice: string | undefined;
}

/** Every endpoint that needs the database, and a route behind each guard. */
const everyRoute = (): (readonly [method: string, path: string])[] => {
  const endpoints = builtInFeatures.flatMap((feature) => [...feature.endpoints]);
  const routes = endpoints
    .filter(({ offline }) => !offline)
    .flatMap(({ methods, paths }) =>
      methods.map((method) => [method, `/auth${paths[0]}`] as const),
    );
  return [...routes, ["GET", "/guarded"], ["GET", "/admin"]];
};

const ask = async (server: Server, method: string, path: string): Promise<Answer> => {
  const sent = method === "GET" ? request(server).get(path) : request(server).post(path).send({});
  const response = await sent.set("Authorization", `Bearer ${"x".repeat(32)}`);
  const { status } = response;
  return { path, status, body: response.body as unknown, advice: response.get("retry-after") };
};

describe("the database of an instance", function () {
  this.timeout(30_000);
  const instances: Auth[] = [];
  const logged: string[] = [];
  const start = (database?: string | mongoose.Connection): Auth => {
    const auth = betterAuth({
      baseURL: TEST_ORIGIN,
      secret: TEST_SECRET,
      emailAndPassword: { enabled: true },
      logger: { level: "debug", log: (...entry: unknown[]) => logged.push(inspect(entry)) },
      ...(database !== undefined && { database }),
    });
    instances.push(auth);
    return auth;
  };
  after(() => Promise.all(instances.map((auth) => auth.close())));

  describe("given nobody at its address, or one who keeps silent", () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket.on("error", () => undefined)));
    let auth: Auth;
    let server: Server;
    let closing: Auth;
    let failures: Record<"ready" | "api" | "silent" | "closing", Failure>;
    let answers: readonly Answer[];
    let closedAfterMs: number;
    let answeredAfterMs: number;

    before(async () => {
      const port = await findFreePort();
      const uri = `mongodb://ada:${SECRET}@127.0.0.1:${port}/app`;
      auth = start(uri);
      closing = start(uri);
      const app = express();
      app.use("/auth", auth);
      app.get("/guarded", auth.requireSession, (_req, res) => res.json({}));
      app.get("/admin", auth.requireAdmin, (_req, res) => res.json({}));
      server = createHttpServer(app).listen(0, "127.0.0.1");
      silent.listen(0, "127.0.0.1");
      await Promise.all([once(server, "listening"), once(silent, "listening")]);
      const muteURI = `mongodb://127.0.0.1:${(silent.address() as AddressInfo).port}/app`;

      // All at once, because each takes its seconds.
      const started = performance.now();
      const sinceStart = () => performance.now() - started;
      const waiting = {
        ready: failureOf(auth.ready()),
        api: failureOf(auth.api.getSession({ headers: {} })),
        silent: failureOf(start(muteURI).ready()),
        closing: failureOf(closing.ready()),
      };
      const closed = closing.close().then(sinceStart);
      answers = await Promise.all(everyRoute().map(([method, path]) => ask(server, method, path)));
      answeredAfterMs = sinceStart();
      closedAfterMs = await closed;
      failures = {
        ready: await waiting.ready,
        api: await waiting.api,
        silent: await waiting.silent,
        closing: await waiting.closing,
      };
    });
    after(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
      server.close();
    });

    it("when ready() is awaited, then it rejects within 5 s and says why, without the credentials", () => {
      const { error, ms } = failures.ready;
      assert.match(
        messageOf(failures.ready),
        /^betterAuth\(\): the database cannot be used: .*ECONNREFUSED/,
      );
      assert.ok(ms < ANSWER_MS);
      assert.ok(!inspect(error, { depth: 10 }).includes(SECRET));
    });

    it("when the server keeps silent, then ready() rejects within 5 s", () => {
      assert.ok(failures.silent.error instanceof Error);
      assert.ok(failures.silent.ms < ANSWER_MS);
    });

    it("when every endpoint and middleware is called, then each answers 503 with Retry-After within 5 s", () => {
      const body = { code: "SERVICE_UNAVAILABLE", message: "Service temporarily unavailable" };
      assert.ok(answeredAfterMs < ANSWER_MS);
      assert.ok(answers.length > 8);
      for (const { path, ...answer } of answers) {
        assert.deepEqual(answer, { status: 503, body, advice: "2" }, path);
      }
    });

    it("when an endpoint is called by auth.api, then it throws SERVICE_UNAVAILABLE", () => {
      const { error } = failures.api;
      assert.ok(error instanceof AuthError);
      assert.deepEqual([error.status, error.code], [503, "SERVICE_UNAVAILABLE"]);
    });

    it("when it was reported, then the log names the reason and not the credentials", () => {
      assert.ok(logged.some((entry) => entry.includes("ECONNREFUSED")));
      assert.ok(logged.every((entry) => !entry.includes(SECRET)));
    });

    it("when it is closed meanwhile, then that works, and it is not opened again", async () => {
      assert.ok(closedAfterMs < ANSWER_MS);
      assert.ok(failures.closing.error instanceof Error);
      await assert.rejects(closing.ready(), { message: "betterAuth(): closed" });
      await closing.close();
    });
  });

  describe("given a URI that is none", () => {
    for (const rest of [
      `ada:${SECRET}/x@127.0.0.1:1/app`,
      `ada:${SECRET}@x@127.0.0.1:1/app`,
      `ada:${SECRET}%zz@127.0.0.1:1/app`,
      `ada:${SECRET}@127.0.0.1:99999/app`,
      `ada:${SECRET}@127.0.0.1:1/app?unheard=of`,
      `ada:${SECRET}@/app`,
    ]) {
      it(`when it is mongodb://${rest.replace(SECRET, "***")}, then ready() rejects without the credentials`, async () => {
        const failure = await failureOf(start(`mongodb://${rest}`).ready());
        assert.match(messageOf(failure), /^betterAuth\(\): the database cannot be used: ./);
        assert.ok(!inspect(failure.error, { depth: 10 }).includes(SECRET));
      });
    }
  });

  describe("given a connection of the app", () => {
    it("when the instance is closed, then the connection stays open", async () => {
      const connection = await mongoose.createConnection(await freshDatabase()).asPromise();
      const auth = start(connection);
      await auth.ready();
      await auth.close();
      assert.equal(connection.readyState, mongoose.ConnectionStates.connected);
      await connection.dropDatabase();
      await connection.close();
    });

    it("when it has models of the app with the same names, then both work", async () => {
      const connection = await mongoose.createConnection(await freshDatabase()).asPromise();
      const User = connection.model("User", new mongoose.Schema({ nickname: String }), "people");
      const auth = start(connection);
      await auth.ready();
      await User.create({ nickname: "ada" });
      assert.equal(auth.models.User.collection.collectionName, "user");
      assert.equal(await auth.models.User.countDocuments(), 0);
      await connection.dropDatabase();
      await connection.close();
    });
  });

  describe("given a URI", () => {
    it("when the instance is closed, then its connection is gone from Mongoose's list", async () => {
      const before = mongoose.connections.length;
      const auth = start(await freshDatabase());
      await auth.ready();
      await auth.close();
      assert.equal(mongoose.connections.length, before);
    });

    it("when ready() is awaited many times at once, then one connection is opened", async () => {
      const before = mongoose.connections.length;
      const auth = start(await freshDatabase());
      await Promise.all([auth.ready(), auth.ready(), auth.ready()]);
      assert.equal(mongoose.connections.length, before + 1);
    });
  });
});
