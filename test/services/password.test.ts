import assert from "node:assert/strict";
import request from "supertest";
import { hashOfficialPassword } from "../../lib/crypto/password.ts";
import { TEST_PASSWORD } from "../support/app.ts";
import { startMonitoredApp, type MonitoredApp } from "../support/monitored.ts";

describe("findUserByPassword", () => {
  let t: MonitoredApp;
  let email: string;
  before(async () => {
    t = await startMonitoredApp();
    ({ email } = await t.givenUser());
  });
  after(() => t.stop());

  const signIn = (address: string, password: string) =>
    request(t.server).post("/auth/sign-in/email").send({ email: address, password });
  const changeAccount = (change: object) =>
    t.database.collection("account").updateOne({ providerId: "credential" }, change);

  const hasRead = () =>
    new Promise<void>((resolve) => {
      const client = t.database.getClient();
      client.on("commandSucceeded", function note({ commandName }) {
        if (commandName !== "aggregate") return;
        client.off("commandSucceeded", note);
        resolve();
      });
    });

  it("when a user signs in, then one command reads, one writes and one confirms", async () => {
    const commands = await t.commandsOf(() => signIn(email, TEST_PASSWORD).expect(200));
    assert.deepEqual(commands, ["aggregate", "insert", "aggregate"]);
  });

  it("when the password is wrong, or the address unknown, then the same one command is sent", async () => {
    const wrong = await t.commandsOf(() => signIn(email, "wrong").expect(401));
    const unknown = await t.commandsOf(() => signIn("nobody@example.com", "wrong").expect(401));
    assert.deepEqual(wrong, ["aggregate"]);
    assert.deepEqual(unknown, wrong);
  });

  it("when the password changes while the old hash is renewed, then the change wins", async () => {
    const official = await hashOfficialPassword(TEST_PASSWORD);
    await changeAccount({ $set: { password: official } });
    // As soon as the old hash was read; verifying it takes far longer than this.
    const changed = hasRead().then(() =>
      changeAccount({ $set: { password: "changed meanwhile" } }),
    );
    const { status } = await signIn(email, TEST_PASSWORD);
    await changed;
    assert.equal(status, 401, "the old password gives no session any more");
    const account = await t.database.collection("account").findOne({ providerId: "credential" });
    assert.equal(account?.["password"], "changed meanwhile");
  });
});
