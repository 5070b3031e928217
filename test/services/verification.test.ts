import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import request from "supertest";
import { hashToken } from "../../lib/crypto/token.ts";
import type { AuthOptions } from "../../lib/index.ts";
import { startApp, TEST_ORIGIN, type TestApp, type TestUser } from "../support/app.ts";
import { freshDatabase } from "../support/mongo.ts";
import { createOutbox } from "../support/outbox.ts";
import { findVerifications, insertVerification } from "../support/verifications.ts";

type StoreIdentifier = NonNullable<AuthOptions["verification"]>["storeIdentifier"];

/** As long as a reset token and of its characters, so that nothing but its form could keep it from being one. */
const ownHash = (text: string): Promise<string> =>
  Promise.resolve(createHash("sha256").update(text).digest("hex").slice(0, 24));

const outbox = createOutbox();
const options = (storeIdentifier?: StoreIdentifier): AuthOptions => ({
  emailAndPassword: { enabled: true, sendResetPassword: outbox.sender("reset") },
  user: { deleteUser: { enabled: true, sendDeleteAccountVerification: outbox.sender("delete") } },
  ...(storeIdentifier !== undefined && { verification: { storeIdentifier } }),
});

async function resetToken({ server }: TestApp, { email }: Pick<TestUser, "email">) {
  await request(server).post("/auth/forget-password").send({ email }).expect(200);
  return (await outbox.next()).token;
}

async function deletionToken({ server }: TestApp, { cookie }: Pick<TestUser, "cookie">) {
  const headers = { cookie, origin: TEST_ORIGIN };
  await request(server).post("/auth/delete-user").set(headers).send({}).expect(200);
  return (await outbox.next()).token;
}

const identifiers = async (t: TestApp, { id }: TestUser): Promise<string[]> =>
  (await findVerifications(t, id)).map(({ identifier }) => identifier).toSorted();
const isLive = async ({ server }: TestApp, token: string): Promise<boolean> => {
  const path = `/auth/reset-password/${encodeURIComponent(token)}`;
  return (await request(server).get(path).redirects(0)).status === 200;
};

type Expected = (prefix: string, token: string) => string | Promise<string>;
const plain: Expected = (prefix, token) => prefix + token;
const hashed: Expected = (prefix, token) => prefix + hashToken(token);
const own: Expected = async (prefix, token) => `${prefix}c1:${await ownHash(prefix + token)}`;

const forms: readonly (readonly [
  name: string,
  given: AuthOptions,
  expected: Readonly<Record<"reset" | "deletion", Expected>>,
])[] = [
  ["nothing", options(), { reset: hashed, deletion: hashed }],
  ['"hashed"', options("hashed"), { reset: hashed, deletion: hashed }],
  ['"plain"', options("plain"), { reset: plain, deletion: plain }],
  ["a function", options({ hash: ownHash }), { reset: own, deletion: own }],
  ["a default", options({ default: "plain" }), { reset: plain, deletion: plain }],
  [
    "overrides",
    options({ default: { hash: ownHash }, overrides: { "reset-password": "plain" } }),
    { reset: plain, deletion: own },
  ],
  [
    "advanced.compatibility",
    { ...options(), advanced: { compatibility: "better-auth" } },
    { reset: plain, deletion: plain },
  ],
  [
    "advanced.compatibility, and hashed identifiers all the same",
    { ...options("hashed"), advanced: { compatibility: "better-auth" } },
    { reset: hashed, deletion: hashed },
  ],
];

describe("verification rows", () => {
  for (const [name, given, expected] of forms) {
    describe(`given ${name} for verification.storeIdentifier`, () => {
      let t: TestApp;
      let user: TestUser;
      before(async () => {
        t = await startApp(given);
      });
      after(() => t.stop());
      beforeEach(async () => {
        user = await t.givenUser();
      });

      it("when tokens are issued, then the identifiers are stored in that form", async () => {
        const [reset, deletion] = [await resetToken(t, user), await deletionToken(t, user)];
        assert.deepEqual(await identifiers(t, user), [
          await expected.deletion("delete-account-", deletion),
          await expected.reset("reset-password:", reset),
        ]);
      });

      it("when tokens are presented, then they are live, and used up once", async () => {
        const token = await resetToken(t, user);
        assert.ok(await isLive(t, token));
        const body = { token, newPassword: "Harbour-9-lantern" };
        await request(t.server).post("/auth/reset-password").send(body).expect(200);
        await request(t.server).post("/auth/reset-password").send(body).expect(400);
        const query = {
          token: await deletionToken(
            t,
            await t.givenSession({ ...user, password: body.newPassword }),
          ),
        };
        await request(t.server).get("/auth/delete-user/callback").query(query).expect(200);
        await request(t.server).get("/auth/delete-user/callback").query(query).expect(404);
      });

      it("when another is issued, then the earlier one ends", async () => {
        const first = await resetToken(t, user);
        const second = await resetToken(t, user);
        assert.deepEqual([await isLive(t, first), await isLive(t, second)], [false, true]);
      });

      it("when what the database holds is presented, then it opens nothing", async () => {
        const token = await resetToken(t, user);
        const [identifier = ""] = await identifiers(t, user);
        const rest = identifier.slice("reset-password:".length);
        const parts = [identifier, rest, ...rest.split(":")].filter((part) => part !== token);
        for (const part of parts) assert.ok(!(await isLive(t, part)), part);
      });

      it("when Better Auth has written a row, then it is live", async () => {
        const official = "Abc123Abc123Abc123Abc123";
        const identifier = `reset-password:${official}`;
        await insertVerification(t, { identifier, value: user.id });
        assert.ok(await isLive(t, official));
      });
    });
  }

  describe("given a database that instances of other forms share", () => {
    const apps = new Map<string, TestApp>();
    before(async () => {
      const database = await freshDatabase();
      for (const form of ["hashed", "plain"] as const) {
        apps.set(form, await startApp({ ...options(form), database }));
      }
    });
    after(async () => {
      for (const app of apps.values()) await app.stop();
    });
    const app = (form: string) => apps.get(form) ?? assert.fail(form);

    for (const [issuer, taker] of [
      ["plain", "hashed"],
      ["hashed", "plain"],
    ] as const) {
      it(`when a token was stored ${issuer}, then an instance that stores ${taker} takes it, and ends it by its own`, async () => {
        const user = await app(issuer).givenUser();
        const token = await resetToken(app(issuer), user);
        assert.ok(await isLive(app(taker), token));
        const newer = await resetToken(app(taker), user);
        assert.ok(!(await isLive(app(issuer), token)));
        assert.ok(await isLive(app(issuer), newer));
      });
    }
  });

  describe("given several rows of one identifier", () => {
    it("when it is presented, then the newest live one counts", async () => {
      const t = await startApp(options());
      const [user, older] = [await t.givenUser(), await t.givenUser()];
      const token = "Abc123Abc123Abc123Abc123";
      const identifier = `reset-password:${token}`;
      const now = t.clock.now().getTime();
      const at = (seconds: number) => new Date(now + seconds * 1000);
      await insertVerification(t, { identifier, value: user.id, createdAt: at(-10) });
      await insertVerification(t, { identifier, value: older.id, createdAt: at(-20) });
      const expired = { createdAt: at(-5), expiresAt: at(-1) };
      await insertVerification(t, { identifier, value: older.id, ...expired });
      const newPassword = "Harbour-9-lantern";
      await request(t.server).post("/auth/reset-password").send({ token, newPassword }).expect(200);
      await t.givenSession({ email: user.email, password: newPassword });
      await t.stop();
    });
  });
});
