import assert from "node:assert/strict";
import mongoose, { type Schema } from "mongoose";
import type { Account, Session, TwoFactor, User, Verification } from "../../lib/index.ts";
import { accountSchema } from "../../lib/models/account.ts";
import { compileModels, userReferences } from "../../lib/models/index.ts";
import { sessionSchema } from "../../lib/models/session.ts";
import { twoFactorSchema } from "../../lib/models/two-factor.ts";
import { userSchema } from "../../lib/models/user.ts";
import { verificationSchema } from "../../lib/models/verification.ts";
import { startApp, type TestApp } from "../support/app.ts";

/** Every key of a row, once; a missing or a further one does not compile. */
type Keys<T> = Readonly<Record<keyof T, true>>;

const user: Keys<User> = {
  _id: true,
  name: true,
  email: true,
  emailVerified: true,
  image: true,
  createdAt: true,
  updatedAt: true,
  username: true,
  displayUsername: true,
  twoFactorEnabled: true,
  role: true,
  banned: true,
  banReason: true,
  banExpires: true,
};
const session: Keys<Session> = {
  _id: true,
  token: true,
  userId: true,
  expiresAt: true,
  ipAddress: true,
  userAgent: true,
  createdAt: true,
  updatedAt: true,
  activeOrganizationId: true,
  twoFactorVerifiedAt: true,
  userVerified: true,
  impersonatedBy: true,
};
const account: Keys<Account> = {
  _id: true,
  accountId: true,
  providerId: true,
  userId: true,
  password: true,
  accessToken: true,
  refreshToken: true,
  idToken: true,
  accessTokenExpiresAt: true,
  refreshTokenExpiresAt: true,
  scope: true,
  createdAt: true,
  updatedAt: true,
};
const verification: Keys<Verification> = {
  _id: true,
  identifier: true,
  value: true,
  userAgent: true,
  rememberMe: true,
  expiresAt: true,
  createdAt: true,
  updatedAt: true,
};

const twoFactor: Keys<TwoFactor> = {
  _id: true,
  secret: true,
  backupCodes: true,
  userId: true,
  verified: true,
  failedVerificationCount: true,
  lockedUntil: true,
  lastUsedStep: true,
};

const pathsOf = (schema: Pick<Schema, "paths">): string[] => Object.keys(schema.paths).sort();

describe("models", () => {
  const connection = mongoose.createConnection();
  const settings = {
    connection,
    collections: {},
    usePlural: false,
    userFields: {},
    sessionFields: {},
  };
  after(() => connection.destroy());

  for (const [name, schema, keys] of [
    ["User", userSchema, user],
    ["Session", sessionSchema, session],
    ["Account", accountSchema, account],
    ["Verification", verificationSchema, verification],
    ["TwoFactor", twoFactorSchema, twoFactor],
  ] as const) {
    it(`when interface and schema of ${name} are compared, then they have the same fields`, () => {
      assert.deepEqual(pathsOf(schema), Object.keys(keys).sort());
    });
  }

  it("when models are compiled, then each has the protocol's collection, and rows get no __v and no other default", () => {
    const models = compileModels(settings);
    const names = [models.User, models.Session, models.Account, models.Verification].map(
      ({ collection }) => collection.collectionName,
    );
    assert.deepEqual(names, ["user", "session", "account", "verification"]);
    const row = new models.Account({ _id: "a" }).toObject();
    assert.deepEqual(Object.keys(row), ["_id"]);
  });

  it("when a second instance shares the connection, then both have models of their own", () => {
    const first = compileModels(settings);
    const second = compileModels({ ...settings, collections: { User: "people" } });
    assert.equal(first.User.collection.collectionName, "user");
    assert.equal(second.User.collection.collectionName, "people");
    assert.notEqual(first.User, second.User);
  });

  it("when no model is asked for, then none is compiled", () => {
    const own = mongoose.createConnection();
    compileModels({ ...settings, connection: own });
    assert.deepEqual(own.modelNames(), []);
    return own.destroy();
  });

  it("when an app's field is added, then the schema of others does not get it", () => {
    const city = { city: { type: "string" } } as const;
    const extended = compileModels({ ...settings, userFields: city });
    assert.ok(extended.User.schema.path("city"));
    assert.equal(userSchema.path("city"), undefined);
  });

  it("when the references to a user are listed, then every model with a userId is among them", () => {
    const models = compileModels(settings);
    const referring = (["User", "Session", "Account", "Verification", "TwoFactor"] as const).filter(
      (name) => "userId" in models[name].schema.paths,
    );
    for (const name of referring) assert.ok(Object.hasOwn(userReferences, name), name);
  });
});

describe("queries of the models", () => {
  let t: TestApp;
  before(async () => {
    t = await startApp();
    await t.givenUser();
  });
  after(() => t.stop());

  // As it would come out of JSON.parse, past the compiler.
  const operator = { $exists: true } as unknown as string;

  it("when a filter holds an operator that our code has not marked, then it matches nothing", async () => {
    const found = await t.auth.models.Session.findOne({ userId: operator }).lean();
    const { deletedCount } = await t.auth.models.Session.deleteMany({ userId: operator });
    assert.equal(found, null);
    assert.equal(deletedCount, 0);
  });

  it("when it is marked, then it is one", async () => {
    const userId = mongoose.trusted({ $exists: true });
    assert.equal(await t.auth.models.Session.countDocuments({ userId }), 1);
  });
});
