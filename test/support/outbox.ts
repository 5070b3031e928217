import assert from "node:assert/strict";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import request from "supertest";
import type { Mail } from "../../lib/index.ts";
import { TEST_ORIGIN, type TestApp } from "./app.ts";

/** What a mail callback of the app was given. */
export interface SentMail extends Mail {
  /** Which callback it was. */
  readonly name: string;
  /** Of `sendChangeEmailConfirmation` alone. */
  readonly newEmail?: string;
  readonly request?: Request | undefined;
}

/** Mail callbacks that keep what they are given. */
export interface Outbox {
  /** All mails so far, oldest first. */
  readonly mails: readonly SentMail[];
  /** Makes a callback. */
  readonly sender: (name: string) => (mail: Mail, request?: Request) => void;
  /** The oldest mail that was not asked for yet; waits for it, at most 2 s. */
  readonly next: () => Promise<SentMail>;
  /** Fails when there is a mail that was not asked for. */
  readonly assertEmpty: () => Promise<void>;
}

const WAIT_MS = 2000;

/** Starts without mails. */
export function createOutbox(): Outbox {
  const mails: SentMail[] = [];
  let read = 0;
  return {
    mails,
    sender: (name) => (mail, sentFor) => {
      mails.push({ ...mail, name, request: sentFor });
    },
    async next() {
      await until(() => mails.length > read, "no mail");
      const mail = mails[read];
      read += 1;
      return mail ?? assert.fail("no mail");
    },
    async assertEmpty() {
      // Callbacks are started in the turn after the answer.
      for (let turns = 0; turns < 5; turns += 1) await turn();
      const names = mails.slice(read).map(({ name, user }) => `${name} to ${user.email}`);
      read = mails.length;
      assert.deepEqual(names, []);
    },
  };
}

/** Waits for what happens in the background, at most 2 s. */
export async function until(happened: () => boolean, otherwise: string): Promise<void> {
  const end = Date.now() + WAIT_MS;
  while (!happened()) {
    if (Date.now() > end) assert.fail(otherwise);
    await sleep(2);
  }
}

/** Opens a link of a mail, as a browser would; redirects are not followed. */
export function follow(
  { server }: TestApp,
  link: string,
  headers: Readonly<Record<string, string>> = {},
): request.Test {
  assert.ok(link.startsWith(`${TEST_ORIGIN}/`), link);
  return request(server).get(link.slice(TEST_ORIGIN.length)).set(headers).redirects(0);
}

/** A callback of the app that no answer waits for. */
type Callback = () => void | Promise<void>;

/** Ways in which a callback fails, and whether that can be noticed. */
const failures: readonly (readonly [how: string, call: Callback, isLogged: boolean])[] = [
  ["throws", () => assert.fail("callback broke"), true],
  ["rejects", () => Promise.reject(new Error("callback broke")), true],
  ["hangs", () => new Promise(() => undefined), false],
];

/** Tests of a callback that may fail without changing anything. */
export interface FailingCallback {
  /** Name of the option, as the log has it. */
  readonly option: string;
  /** Starts an app with the callback. */
  readonly start: (callback: Callback) => Promise<TestApp>;
  /** Does what the callback is called for; fails when that is not as usual. */
  readonly act: (app: TestApp) => Promise<void>;
}

/** Declares them: whatever the callback does, the answer is the usual one, and the log says which option broke. */
export function itOutlivesACallback({ option, start, act }: FailingCallback): void {
  describe(`given ${option} that fails`, () => {
    let app: TestApp;
    let callback: Callback = () => undefined;
    before(async () => {
      app = await start(() => callback());
      // What the start warned of is not the callback's.
      app.logged.length = 0;
    });
    after(() => app.stop());

    for (const [how, call, isLogged] of failures) {
      it(`when it ${how}, then nothing else is different${isLogged ? ", and it is logged" : ""}`, async () => {
        callback = call;
        await act(app);
        if (isLogged) await until(() => app.logged.length > 0, "nothing logged");
        assert.deepEqual(app.logged.splice(0), isLogged ? [`error: ${option} failed`] : []);
      });
    }
  });
}
