import assert from "node:assert/strict";
import request from "supertest";
import { startApp, TEST_PASSWORD, type TestApp, type TestUser } from "./support/app.ts";
import {
  HOSTILE_ABSOLUTE,
  HOSTILE_RELATIVE,
  TRUSTED_PATTERNS,
} from "./support/hostile-addresses.ts";
import { createOutbox } from "./support/outbox.ts";
import { assertRefusal } from "./support/refusal.ts";

const [ORIGIN] = TRUSTED_PATTERNS;
const CALLBACK = "INVALID_CALLBACK_URL";
const REDIRECT = "INVALID_REDIRECT_URL";

/** Every hostile address; an empty one counts as not given. */
const ADDRESSES = [...HOSTILE_RELATIVE, ...HOSTILE_ABSOLUTE].filter((address) => address !== "");

/** Tokens of mails that nobody has followed yet. */
interface Links {
  readonly reset: string;
  readonly verification: string;
  readonly deletion: string;
}

const outbox = createOutbox();
const options = {
  baseURL: ORIGIN,
  trustedOrigins: TRUSTED_PATTERNS,
  emailAndPassword: { enabled: true, sendResetPassword: outbox.sender("reset") },
  emailVerification: { sendVerificationEmail: outbox.sender("verification") },
  user: {
    changeEmail: { enabled: true },
    deleteUser: { enabled: true, sendDeleteAccountVerification: outbox.sender("deletion") },
  },
} as const;

/** How an address comes in, and the code of its refusal. */
interface Door {
  readonly name: string;
  readonly code: string;
  readonly send: (address: string) => request.Test;
}

describe("hostile return addresses", () => {
  let t: TestApp;
  let user: TestUser;
  let links: Links;
  before(async () => {
    t = await startApp(options);
    user = await t.givenUser();
    links = await givenLinks(t, user);
  });
  after(() => t.stop());

  const headers = () => ({ cookie: user.cookie, origin: ORIGIN });
  const post = (path: string, body: object) => request(t.server).post(path).send(body);
  const query = (address: string) => new URLSearchParams({ callbackURL: address }).toString();
  const credentials = () => ({ email: user.email, password: TEST_PASSWORD });

  const inBody = (path: string, field: string, body: () => object): Door => ({
    name: `${field} of POST ${path}`,
    code: field === "redirectTo" ? REDIRECT : CALLBACK,
    send: (address) => post(`/auth${path}`, { ...body(), [field]: address }).set(headers()),
  });
  const ofLink = (name: keyof Links, path: (token: string) => string): Door => ({
    name: `the ${name} link`,
    code: CALLBACK,
    send: (address) =>
      request(t.server)
        .get(`/auth${path(links[name])}${query(address)}`)
        .redirects(0),
  });

  const doors: readonly Door[] = [
    inBody("/sign-in/email", "callbackURL", credentials),
    inBody("/sign-up/email", "callbackURL", () => ({
      ...credentials(),
      name: "Eve",
      email: "eve@example.com",
    })),
    inBody("/request-password-reset", "redirectTo", credentials),
    inBody("/send-verification-email", "callbackURL", credentials),
    inBody("/change-email", "callbackURL", () => ({ newEmail: "new@example.com" })),
    inBody("/delete-user", "callbackURL", credentials),
    {
      name: "the query of POST /sign-in/email",
      code: CALLBACK,
      send: (address) => post(`/auth/sign-in/email?${query(address)}`, credentials()),
    },
    {
      name: "a form of POST /sign-in/email",
      code: CALLBACK,
      send: (address) =>
        request(t.server)
          .post("/auth/sign-in/email")
          .set(headers())
          .type("form")
          .send(new URLSearchParams({ ...credentials(), callbackURL: address }).toString()),
    },
    ofLink("verification", (token) => `/verify-email?token=${token}&`),
    ofLink("reset", (token) => `/reset-password/${token}?`),
    ofLink("deletion", (token) => `/delete-user/callback?token=${token}&`),
  ];

  it("when they are counted, then there are enough of them, each once", () => {
    assert.ok(ADDRESSES.length > 150, String(ADDRESSES.length));
    assert.equal(new Set(ADDRESSES).size, ADDRESSES.length);
  });

  for (const address of ADDRESSES) {
    it(`when it is ${JSON.stringify(address)}, then no endpoint takes it or leads there`, async () => {
      for (const { name, code, send } of doors) {
        const answer = await send(address);
        assert.equal(answer.get("location"), undefined, name);
        assert.equal(answer.get("set-cookie"), undefined, name);
        assertRefusal(answer, [403, code]);
      }
    });
  }

  it("when all were refused, then nothing was done, and the links still work", async () => {
    await outbox.assertEmpty();
    const count = (collection: string) => t.database.collection(collection).countDocuments();
    assert.deepEqual([await count("user"), await count("session")], [1, 1]);
    const open = (path: string) =>
      request(t.server).get(`/auth${path}&callbackURL=/done`).redirects(0).expect(302);
    const reset = await open(`/reset-password/${links.reset}?`);
    assert.equal(reset.get("location"), `${ORIGIN}/done?token=${links.reset}`);
    for (const path of ["/verify-email", "/delete-user/callback"] as const) {
      const token = path === "/verify-email" ? links.verification : links.deletion;
      assert.equal((await open(`${path}?token=${token}`)).get("location"), "/done");
    }
    assert.deepEqual([await count("user"), await count("session")], [0, 0]);
  });
});

describe("return addresses that were trusted when a mail was sent", () => {
  const PARTNER = "https://partner.example";
  let t: TestApp;
  let trusted: string[] = [];
  before(async () => {
    t = await startApp({ ...options, trustedOrigins: () => trusted });
  });
  after(() => t.stop());

  /** Path and query of the links of three mails that lead to the partner. */
  async function givenLinksToPartner(): Promise<string[]> {
    trusted = [PARTNER];
    const user = await t.givenUser();
    const { email, cookie } = user;
    const calls = [
      ["/request-password-reset", { email, redirectTo: `${PARTNER}/reset` }],
      ["/send-verification-email", { email, callbackURL: `${PARTNER}/verified` }],
      ["/delete-user", { callbackURL: `${PARTNER}/deleted` }],
    ] as const;
    const paths: string[] = [];
    for (const [path, body] of calls) {
      const headers = { cookie, origin: ORIGIN };
      await request(t.server).post(`/auth${path}`).set(headers).send(body).expect(200);
      paths.push((await outbox.next()).url.slice(ORIGIN.length));
    }
    return paths;
  }
  const open = (path: string) => request(t.server).get(path).redirects(0);

  it("when they still are, then the links lead there", async () => {
    for (const path of await givenLinksToPartner()) {
      const { status, headers } = await open(path);
      assert.equal(status, 302);
      assert.ok((headers as { location: string }).location.startsWith(`${PARTNER}/`));
    }
  });

  it("when they no longer are, then the links lead nowhere, and are not used up", async () => {
    const paths = await givenLinksToPartner();
    trusted = [];
    for (const path of paths) assertRefusal(await open(path), [403, CALLBACK]);
    trusted = [PARTNER];
    for (const path of paths) assert.equal((await open(path)).status, 302);
  });
});

/** Has the three mails sent whose links lead back to the app. */
async function givenLinks(t: TestApp, { email, cookie }: TestUser): Promise<Links> {
  const mailed = async (path: string, body: object): Promise<string> => {
    const headers = { cookie, origin: ORIGIN };
    await request(t.server).post(`/auth${path}`).set(headers).send(body).expect(200);
    return (await outbox.next()).token;
  };
  return {
    reset: await mailed("/request-password-reset", { email }),
    verification: await mailed("/send-verification-email", { email }),
    deletion: await mailed("/delete-user", {}),
  };
}
