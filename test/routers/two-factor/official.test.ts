import assert from "node:assert/strict";
import { twoFactor } from "../../../lib/index.ts";
import { startApp, TEST_PASSWORD, type TestApp } from "../../support/app.ts";
import { createJar } from "../../support/jar.ts";
import { describeWithScans, freshDatabase } from "../../support/mongo.ts";
import { OFFICIAL_VERSIONS, startOfficial, type OfficialServer } from "../../support/official.ts";
import { assertRefusal } from "../../support/refusal.ts";
import {
  call,
  codeOf,
  cookiesAfter,
  givenEnrolled,
  givenPending,
  PENDING_COOKIE,
  rowOf,
  signIn,
  STEP,
  userOf,
  type EnrolledUser,
} from "../../support/two-factor.ts";

const password = TEST_PASSWORD;
const now = { clock: { now: () => new Date(), advance: () => undefined } };

for (const version of OFFICIAL_VERSIONS) {
  describeWithScans(
    `a database that Better Auth ${version} has written two-factor rows into`,
    () => {
      let official: OfficialServer;
      let t: TestApp;
      before(async () => {
        const database = await freshDatabase();
        official = await startOfficial(version, database, { hasTwoFactor: true });
        t = await startApp({ database, plugins: [twoFactor()] });
      });
      after(async () => {
        await official.stop();
        await t.stop();
      });

      const post = async (path: string, cookie: string, body: object) => {
        const answer = await official.post(`/two-factor/${path}`, { cookie, body });
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        return answer;
      };
      /** As `givenEnrolled`, there. */
      async function givenEnrolledThere(): Promise<EnrolledUser> {
        const user = await official.givenUser();
        const { body } = await post("enable", user.cookie, { password });
        const { totpURI: uri, backupCodes } = body as { totpURI: string; backupCodes: string[] };
        const code = codeOf(now, { uri });
        const { cookie } = await post("verify-totp", user.cookie, { code });
        return { ...user, cookie, uri, backupCodes };
      }

      it("when a user of it signs in, then a current code completes it, once", async () => {
        const user = await givenEnrolledThere();
        const pending = await givenPending(t, user);
        const code = codeOf(t, user);
        const answer = await call(t, "verify-totp", pending, { code }).expect(200);
        assert.equal(await userOf(t, cookiesAfter(pending, answer)), user.id);
        const again = await givenPending(t, user);
        assertRefusal(await call(t, "verify-totp", again, { code }), [401, "INVALID_CODE"]);
      });

      it("when a backup code of it is unused, then it completes a sign-in, once", async () => {
        const user = await givenEnrolledThere();
        const [code] = user.backupCodes;
        await call(t, "verify-backup-code", await givenPending(t, user), { code }).expect(200);
        const again = await givenPending(t, user);
        assertRefusal(await call(t, "verify-backup-code", again, { code }), [
          401,
          "INVALID_BACKUP_CODE",
        ]);
      });

      it("when a sign-in waits there, then it is completed here, after no more than five wrong codes", async () => {
        const user = await givenEnrolledThere();
        const signedIn = await official.post("/sign-in/email", {
          body: { email: user.email, password },
        });
        const pending = signedIn.cookie;
        assert.ok(pending.startsWith(PENDING_COOKIE) || pending.includes(PENDING_COOKIE));
        for (let n = 0; n < 4; n += 1) {
          assertRefusal(await call(t, "verify-totp", pending, { code: "x" }), [
            401,
            "INVALID_CODE",
          ]);
        }
        await call(t, "verify-totp", pending, { code: codeOf(t, user) }).expect(200);
      });

      it("when a browser is trusted there, then it is here as well", async () => {
        const user = await givenEnrolledThere();
        const { email } = user;
        const signedIn = await official.post("/sign-in/email", { body: { email, password } });
        const code = codeOf(now, user);
        const trusted = await post("verify-totp", signedIn.cookie, { code, trustDevice: true });
        const answer = await signIn(t, { email, password }, trusted.cookie).expect(200);
        assert.equal(typeof (answer.body as { token?: string }).token, "string");
      });

      it("when an enrolment is half done there, then it can be begun anew here", async () => {
        const user = await official.givenUser();
        await post("enable", user.cookie, { password });
        const session = await t.givenSession(user);
        const enabled = await call(t, "enable", session.cookie, { password }).expect(200);
        const code = codeOf(t, { uri: (enabled.body as { totpURI: string }).totpURI });
        await call(t, "verify-totp", session.cookie, { code }).expect(200);
        assert.equal((await rowOf(t, user))?.verified, true);
      });
    },
  );
}

describeWithScans("a database that was written in compatibility mode", () => {
  it("when Better Auth 1.7.6 opens it, then it takes codes, backup codes and trusted browsers", async () => {
    const database = await freshDatabase();
    const t = await startApp({
      database,
      plugins: [twoFactor()],
      advanced: {
        compatibility: "better-auth",
        cookies: { session_token: { name: "better-auth.session_token" } },
      },
    });
    const official = await startOfficial("1.7.6", database, { hasTwoFactor: true });
    const user = await givenEnrolled(t);
    const { email } = user;
    const signedIn = await official.post("/sign-in/email", { body: { email, password } });
    const [code] = user.backupCodes;
    const used = await official.post("/two-factor/verify-backup-code", {
      cookie: signedIn.cookie,
      body: { code },
    });
    assert.equal(used.status, 200, JSON.stringify(used.body));
    t.clock.advance(-STEP);
    const pending = await givenPending(t, user);
    const completed = await official.post("/two-factor/verify-totp", {
      cookie: createJar(pending).header(),
      body: { code: codeOf(now, user) },
    });
    assert.equal(completed.status, 200, JSON.stringify(completed.body));
    await official.stop();
    await t.stop();
  });
});
