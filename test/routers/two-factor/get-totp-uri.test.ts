import assert from "node:assert/strict";
import { TEST_PASSWORD } from "../../support/app.ts";
import { assertRefusal } from "../../support/refusal.ts";
import {
  call,
  changeRowOf,
  givenEnrolled,
  startTwoFactorApp,
  type TwoFactorApp,
} from "../../support/two-factor.ts";

const password = TEST_PASSWORD;

describe("POST /two-factor/get-totp-uri", () => {
  let t: TwoFactorApp;
  afterEach(() => t.stop());

  it("when the password is right, then it answers the address that was set up", async () => {
    t = await startTwoFactorApp();
    const { cookie, uri } = await givenEnrolled(t);
    await call(t, "get-totp-uri", cookie, { password }).expect(200, { totpURI: uri });
  });

  it("when the password is wrong, then INVALID_PASSWORD, with or without an authenticator", async () => {
    t = await startTwoFactorApp();
    for (const { cookie } of [await givenEnrolled(t), await t.givenUser()]) {
      const answer = await call(t, "get-totp-uri", cookie, { password: "Wrong-7-orchard" });
      assertRefusal(answer, [400, "INVALID_PASSWORD"]);
    }
  });

  it("when there is no authenticator, then TOTP_NOT_ENABLED", async () => {
    t = await startTwoFactorApp();
    const { cookie } = await t.givenUser();
    const answer = await call(t, "get-totp-uri", cookie, { password });
    assertRefusal(answer, [400, "TOTP_NOT_ENABLED", "TOTP not enabled"]);
  });

  it("when no secret fits the stored one, then TOTP_NOT_ENABLED, and a line in the log", async () => {
    t = await startTwoFactorApp();
    const user = await givenEnrolled(t);
    const { cookie } = user;
    await changeRowOf(t, user, { secret: "ab".repeat(80) });
    const answer = await call(t, "get-totp-uri", cookie, { password });
    assertRefusal(answer, [400, "TOTP_NOT_ENABLED"]);
    assert.ok(
      t.logged.some((line) => line.startsWith(`error: the authenticator of user ${user.id} `)),
    );
  });

  it("when authenticators are off, then TOTP_NOT_CONFIGURED", async () => {
    t = await startTwoFactorApp({ totpOptions: { disable: true } });
    const { cookie } = await t.givenUser();
    const answer = await call(t, "get-totp-uri", cookie, { password });
    assertRefusal(answer, [400, "TOTP_NOT_CONFIGURED", "totp isn't configured"]);
  });
});
