import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isAlive, waitFor } from "../lib/dev/processes.ts";
import { startMailServer } from "./support/mail.ts";
import {
  exampleFolder,
  mongodPid,
  removeFolder,
  spawnExample,
  startExample,
  stopExample,
  type ExampleProcess,
} from "./support/example.ts";

const run = promisify(execFile);
const hasCurl = ["curl", "bash"].every((tool) => spawnSync(tool, ["--version"]).status === 0);

/** Addresses of this machine as they stand in a URL; link-local ones need a zone, which a URL cannot have. */
function addresses(only: { readonly internal?: boolean; readonly family?: "IPv4" }): string[] {
  return Object.values(networkInterfaces())
    .flatMap((all = []) => all)
    .filter(({ internal }) => only.internal === undefined || internal === only.internal)
    .filter(({ family }) => only.family === undefined || family === only.family)
    .filter(({ address }) => !address.startsWith("fe80:"))
    .map(({ address, family }) => (family === "IPv6" ? `[${address}]` : address));
}

describe("examples/basic", function () {
  this.timeout(60_000);

  describe("given an empty folder", () => {
    let folder: string;
    let example: ExampleProcess | undefined;
    before(async () => {
      folder = await exampleFolder();
      example = await startExample("basic", folder);
    });
    after(async () => {
      await stopExample(example);
      await removeFolder(folder);
    });

    function running(): ExampleProcess {
      assert.ok(example);
      return example;
    }
    async function restart(): Promise<ExampleProcess> {
      await stopExample(example);
      example = await startExample("basic", folder);
      return example;
    }
    function post(path: string, body: object, headers: Record<string, string> = {}) {
      return fetch(running().origin + path, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    }
    const email = "ada@example.com";
    const password = "Lantern-7-orchard";

    it("when it is started, then it prints where it is and where the data is", () => {
      const { origin } = running();
      assert.ok(
        running().output().includes(`The demo runs on ${origin}\n  Open ${origin}/sign-up `),
      );
      assert.ok(
        running()
          .output()
          .includes(`Data: ${join(folder, ".data")}\n`),
      );
      assert.equal(running().complaints(), "");
    });

    it("when it is opened by localhost of either family, then it answers", async () => {
      const { port } = new URL(running().origin);
      for (const address of addresses({ internal: true })) {
        assert.equal((await fetch(`http://${address}:${port}/dev/inbox`)).status, 200, address);
      }
    });

    it("when another machine tries to open it, then nobody listens", async () => {
      const { port } = new URL(running().origin);
      for (const address of addresses({ internal: false })) {
        await assert.rejects(fetch(`http://${address}:${port}/dev/inbox`), TypeError, address);
      }
    });

    it("when it is started, then only its owner can read the secret", async () => {
      const secret = await stat(join(folder, ".data", "secret"));
      assert.equal(secret.mode & 0o777, 0o600);
    });

    it("when it is started, then it prints where the mails are shown", () => {
      const { origin, output } = running();
      assert.ok(output().includes(`Mails: ${origin}/dev/inbox\n`));
    });

    it("when its start page is opened, then its policy allows nothing but its own", async () => {
      const response = await fetch(running().origin);
      assert.equal(response.status, 200);
      const policy = response.headers.get("content-security-policy") ?? "";
      assert.match(policy, /^default-src 'none'; style-src 'nonce-[^']+'; script-src 'nonce-/);
      assert.doesNotMatch(policy, /unsafe/);
    });

    it("when the first user signs up, then the page for administrators opens", async () => {
      const response = await post("/auth/sign-up/email", { name: "Ada", email, password });
      assert.equal(response.status, 200);
      const token = response.headers.get("set-auth-token") ?? "";
      const page = await fetch(`${running().origin}/admin`, {
        headers: { Authorization: `Bearer ${token}`, Accept: "text/html" },
      });
      assert.equal(page.status, 200);
      const text = await page.text();
      assert.match(text, /ada@example\.com/);
      assert.match(text, /<a href="\/admin">Admin<\/a>/);
    });

    it("when another user opens that page, then they are told why not", async () => {
      const body = { name: "<script>", email: "eve@example.com", password };
      const response = await post("/auth/sign-up/email", body);
      const token = response.headers.get("set-auth-token") ?? "";
      const page = await fetch(`${running().origin}/admin`, {
        headers: { Authorization: `Bearer ${token}`, Accept: "text/html" },
      });
      assert.equal(page.status, 403);
      const text = await page.text();
      assert.match(text, /for administrators/);
      assert.doesNotMatch(text, /<script>[^\s]/);
    });

    it("when a browser opens /private without a session, then it is sent to sign in", async () => {
      const response = await fetch(`${running().origin}/private`, {
        headers: { Accept: "text/html" },
        redirect: "manual",
      });
      assert.equal(response.status, 302);
      assert.equal(response.headers.get("location"), "/sign-in?callbackURL=%2Fprivate");
    });

    it("when the printed lines are pasted, then each does what it says", async function () {
      if (!hasCurl) this.skip();
      const lines = running()
        .output()
        .split("\n")
        .filter((line) => /^ +(site=|curl )/.test(line));
      const { stdout, stderr } = await run("bash", ["-c", lines.join("\n")]);
      assert.equal(stderr, "");
      const answers = stdout.trim().split("\n");
      assert.equal(answers.length, lines.length - 1, stderr);
      const expected = [
        /^\{"token":"\w{32}","user":/,
        /^\{"redirect":false,"token":"\w{32}"/,
        /^\{"session":\{"id":"/,
        /^\[\{"id":".*\},\{"id":.*"token":"session_\w{24}"/,
        /^\{"message":"Only you can see this\."/,
        /^\{"success":true,"status":true\}$/,
        /^\{"code":"UNAUTHORIZED","message":"Unauthorized"\}$/,
      ];
      for (const [index, pattern] of expected.entries()) {
        assert.match(answers[index] ?? "", pattern);
      }
    });

    it("when a second one is started in the same folder, then it names the first", async () => {
      const second = await spawnExample("basic", folder);
      assert.deepEqual(await second.ended, [1, null]);
      assert.match(
        second.complaints(),
        /^The data folder .* is in use: another demo may be running here\..*MONGODB_URI\.\n$/,
      );
    });

    it("when it is restarted, then users and sessions are still there", async () => {
      const response = await post("/auth/sign-in/email", { email, password });
      const cookie = response.headers.getSetCookie().join("; ").split(";")[0] ?? "";
      const { origin } = await restart();
      const answer = await fetch(`${origin}/private`, { headers: { cookie } });
      assert.deepEqual(await answer.json(), { message: "Only you can see this.", email });
    });

    it("when Ctrl-C is pressed, then it ends in order and leaves no MongoDB behind", async () => {
      const pid = await mongodPid(folder);
      assert.ok(pid !== undefined && isAlive(pid));
      running().signal("SIGINT");
      // As npm does: it passes on what the terminal has sent to everyone already.
      running().signal("SIGINT");
      assert.deepEqual(await running().ended, [0, null]);
      assert.equal(running().complaints(), "");
      assert.ok(!isAlive(pid));
      assert.equal(await mongodPid(folder), undefined);
    });

    it("when SIGTERM arrives, then it ends in order as well", async () => {
      const stopped = await startExample("basic", folder);
      stopped.signal("SIGTERM");
      assert.deepEqual(await stopped.ended, [0, null]);
      assert.equal(await mongodPid(folder), undefined);
    });
  });

  describe("given HOST", () => {
    it("when it is an address of the network, then other machines can open it", async () => {
      const folder = await exampleFolder();
      const example = await startExample("basic", folder, { HOST: "0.0.0.0" });
      const { port } = new URL(example.origin);
      for (const address of addresses({ family: "IPv4" })) {
        assert.equal((await fetch(`http://${address}:${port}/`)).status, 200, address);
      }
      await stopExample(example);
      await removeFolder(folder);
    });

    it("when it is no address of this machine, then it says so in one line", async () => {
      const folder = await exampleFolder();
      const example = await spawnExample("basic", folder, undefined, { HOST: "203.0.113.9" });
      assert.deepEqual(await example.ended, [1, null]);
      assert.equal(
        example.complaints(),
        "HOST 203.0.113.9 cannot be listened on (EADDRNOTAVAIL)\n",
      );
      await removeFolder(folder);
    });
  });

  describe("given SMTP_URL", () => {
    it("when someone signs up, then the mail is sent and there is no inbox", async () => {
      const [folder, server] = [await exampleFolder(), await startMailServer()];
      const example = await startExample("basic", folder, { SMTP_URL: server.url });
      const body = { name: "Ada", email: "ada@example.com", password: "Lantern-7-orchard" };
      await fetch(`${example.origin}/auth/sign-up/email`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      assert.ok(await waitFor(() => server.messages.length > 0, 10_000));
      assert.deepEqual(server.messages[0]?.to, [body.email]);
      assert.match(server.messages[0].link, /\/auth\/verify-email\?token=/);
      const inbox = await fetch(`${example.origin}/dev/inbox`);
      assert.equal(inbox.status, 404);
      assert.doesNotMatch(await inbox.text(), /dev\/inbox/);
      await stopExample(example);
      await server.stop();
      await removeFolder(folder);
    });
  });

  describe("given production without SMTP_URL", () => {
    it("when it is started, then it refuses to show an inbox", async () => {
      const folder = await exampleFolder();
      const example = await spawnExample("basic", folder, undefined, { NODE_ENV: "production" });
      assert.deepEqual(await example.ended, [1, null]);
      assert.match(example.complaints(), /^devInbox\(\) .* not for production.*\n$/);
      await removeFolder(folder);
    });
  });

  describe("given a port in use", () => {
    it("when it is started, then it says so in one line and starts nothing", async () => {
      const folder = await exampleFolder();
      const other = createServer().listen(0);
      await once(other, "listening");
      const { port } = other.address() as AddressInfo;
      const example = await spawnExample("basic", folder, port);
      assert.deepEqual(await example.ended, [1, null]);
      const message = `Port ${port} is in use, perhaps by another demo. Choose another one: PORT=3001 npm start\n`;
      assert.equal(example.complaints(), message);
      await assert.rejects(readFile(join(folder, ".data", "secret")));
      other.close();
      await removeFolder(folder);
    });
  });

  describe("given a start that is not finished", () => {
    it("when Ctrl-C is pressed, then it ends at once and MongoDB with it", async () => {
      const folder = await exampleFolder();
      const example = await spawnExample("basic", folder);
      const hasMongod = () =>
        mongodPid(folder).then(
          (pid) => pid !== undefined,
          () => false,
        );
      assert.ok(await waitFor(hasMongod, 30_000));
      const pid = await mongodPid(folder);
      assert.ok(pid !== undefined);
      example.signal("SIGINT");
      assert.deepEqual(await example.ended, [0, null]);
      assert.equal(example.complaints(), "");
      assert.ok(await waitFor(() => !isAlive(pid), 10_000));
      await removeFolder(folder);
    });
  });
});
