import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { before, describe, it } from "mocha";
import {
  createHashQueue,
  hashOfficialPassword,
  hashPassword,
  MAX_WAITING_WORK_PER_CORE,
  PasswordQueueFull,
  spendHash,
  verifyPassword,
  type PasswordCost,
} from "../../lib/crypto/password.ts";

const cheap: PasswordCost = { logN: 10, r: 8, p: 1 };
const real: PasswordCost = { logN: 15, r: 8, p: 3 };

const MATCHES = { matches: true, outdated: false };
const OUTDATED = { matches: true, outdated: true };
const FAILS = { matches: false, outdated: false };

/** A stored value with a valid checksum and any parameters; no password matches it. */
function storedWith({ logN, r, p }: PasswordCost, version = 0): string {
  const bytes = Buffer.alloc(96);
  bytes.write("scrypt", "ascii");
  bytes.writeUInt8(version, 6);
  bytes.writeUInt8(logN, 7);
  bytes.writeUInt32BE(r, 8);
  bytes.writeUInt32BE(p, 12);
  createHash("sha256").update(bytes.subarray(0, 48)).digest().copy(bytes, 48, 0, 16);
  return bytes.toString("base64");
}

async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Counts scrypt jobs while `work` runs. */
async function countScrypt(work: () => Promise<unknown>): Promise<{ total: number; most: number }> {
  const running = new Set<number>();
  const count = { total: 0, most: 0 };
  const hook = createHook({
    init(id, type) {
      if (type !== "SCRYPTREQUEST") return;
      running.add(id);
      count.total += 1;
      count.most = Math.max(count.most, running.size);
    },
    before: (id) => void running.delete(id),
  }).enable();
  try {
    await work();
  } finally {
    hook.disable();
  }
  return count;
}

/** How often the event loop turns while `work` runs. */
async function countTurns(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  await work();
  clearInterval(timer);
  return turns;
}

describe("hashPassword", () => {
  it("when a password is hashed, then the text is 96 bytes in base64 that begin with scrypt", async () => {
    const stored = await hashPassword("correct horse", cheap);
    assert.match(stored, /^c2NyeXB0[A-Za-z0-9+/]{120}$/);
    assert.deepEqual(
      [...Buffer.from(stored, "base64").subarray(6, 16)],
      [0, 10, 0, 0, 0, 8, 0, 0, 0, 1],
    );
  });

  it("when the same password is hashed twice, then the texts differ", async () => {
    assert.notEqual(await hashPassword("same", cheap), await hashPassword("same", cheap));
  });

  it("when the cost is the default, then the hash verifies and takes its time", async () => {
    let stored = "";
    const spent = await millisecondsOf(async () => {
      stored = await hashPassword("correct horse", real);
    });
    assert.ok(spent > 20, `${spent.toFixed()} ms`);
    assert.deepEqual(await verifyPassword(stored, "correct horse", real), MATCHES);
  });

  it("when the cost is out of range, then it rejects and the queue goes on", async () => {
    await assert.rejects(hashPassword("x", { logN: 0, r: 8, p: 1 }), RangeError);
    assert.equal((await hashPassword("x", cheap)).length, 128);
  });
});

describe("hashOfficialPassword", () => {
  it("when a password is hashed, then it has Better Auth's format and verifies as outdated", async () => {
    const stored = await hashOfficialPassword("correct horse");
    assert.match(stored, /^[0-9a-f]{32}:[0-9a-f]{128}$/);
    assert.deepEqual(await verifyPassword(stored, "correct horse", cheap), OUTDATED);
    assert.deepEqual(await verifyPassword(stored, "correct hose", cheap), FAILS);
  });
});

describe("verifyPassword", () => {
  // Made with Python's hashlib.scrypt: salt = the hex text, n 16384, r 16, p 1, 64 bytes.
  const official =
    "000102030405060708090a0b0c0d0e0f:" +
    "9372e2d20f7c9ba55e54d10569dfe24824c5765383f46b040e9ac7b33041339c514173900cb63a37c935c0e2f40cfe2cb39bee5fe58f54715c1fd913c4638373";

  it("when the stored hash was made by another implementation, then it matches", async () => {
    assert.deepEqual(await verifyPassword(official, "correct horse", cheap), OUTDATED);
  });

  describe("given a hash of the configured cost", () => {
    let stored: string;
    before(async () => {
      stored = await hashPassword("Ｐａｓｓ ﬁ Å", cheap);
    });

    it("when the password is right, then it matches", async () => {
      assert.deepEqual(await verifyPassword(stored, "Ｐａｓｓ ﬁ Å", cheap), MATCHES);
    });

    it("when the password is another spelling of the same characters, then it matches", async () => {
      assert.deepEqual(await verifyPassword(stored, "Pass fi A\u030a", cheap), MATCHES);
    });

    it("when the password differs in case or by a space, then it fails", async () => {
      assert.deepEqual(await verifyPassword(stored, "pass fi A\u030a", cheap), FAILS);
      assert.deepEqual(await verifyPassword(stored, "Pass fi A\u030a ", cheap), FAILS);
      assert.deepEqual(await verifyPassword(stored, "", cheap), FAILS);
    });

    it("when the configured cost has risen, then it is outdated", async () => {
      for (const higher of [
        { logN: 11, r: 8, p: 1 },
        { logN: 10, r: 9, p: 1 },
        { logN: 10, r: 8, p: 2 },
        { logN: 9, r: 8, p: 3 },
        { logN: 11, r: 4, p: 2 },
      ]) {
        assert.deepEqual(await verifyPassword(stored, "Pass fi Å", higher), OUTDATED);
      }
    });

    it("when the hash made up with parallelism for less memory, then it is outdated", async () => {
      const parallel = await hashPassword("x", { logN: 10, r: 8, p: 4 });
      const verification = await verifyPassword(parallel, "x", { logN: 11, r: 8, p: 1 });
      assert.deepEqual(verification, OUTDATED);
    });

    it("when the configured cost is lower or equal, then it is not outdated", async () => {
      for (const lower of [
        { logN: 9, r: 8, p: 1 },
        { logN: 9, r: 8, p: 2 },
        { logN: 10, r: 4, p: 1 },
        { logN: 9, r: 16, p: 1 },
      ]) {
        assert.deepEqual(await verifyPassword(stored, "Pass fi Å", lower), MATCHES);
      }
    });

    it("when one bit of the stored hash is changed, then it fails", async () => {
      for (const place of [7, 20, 50, 70, 95]) {
        const bytes = Buffer.from(stored, "base64");
        bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
        const changed = bytes.toString("base64");
        assert.deepEqual(await verifyPassword(changed, "Pass fi Å", cheap), FAILS);
      }
    });
  });

  describe("given a stored value that is no hash", () => {
    const malformed: Record<string, string> = {
      "is empty": "",
      "is the password itself": "correct horse",
      "is a bcrypt hash": "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
      "has a short key": `${"0".repeat(32)}:${"0".repeat(126)}`,
      "has upper-case digits": official.toUpperCase(),
      "ends with a newline": `${official}\n`,
      "is scrypt's header alone": "c2NyeXB0",
      "is not base64": `c2NyeXB0${"*".repeat(120)}`,
      "is zero behind its name": `c2NyeXB0${"A".repeat(120)}`,
      "has a wrong checksum": storedWith(cheap).replace(/A{30}/, "B".repeat(30)),
      "has an unknown version": storedWith(cheap, 1),
      "has logN 0": storedWith({ logN: 0, r: 8, p: 1 }),
      "has r 0": storedWith({ logN: 10, r: 0, p: 1 }),
      "has p 0": storedWith({ logN: 10, r: 8, p: 0 }),
      "has N too great for r": storedWith({ logN: 16, r: 1, p: 1 }),
      "asks for terabytes": storedWith({ logN: 255, r: 2 ** 32 - 1, p: 1 }),
      "asks for 320 MiB": storedWith({ logN: 17, r: 20, p: 1 }),
      "asks for memory through p": storedWith({ logN: 1, r: 1, p: 2 ** 32 - 1 }),
      "asks for seconds": storedWith({ logN: 15, r: 8, p: 33 }),
      "asks for seconds through r": storedWith({ logN: 1, r: 2 ** 18, p: 2 }),
    };

    for (const [what, stored] of Object.entries(malformed)) {
      it(`when it ${what}, then it fails without throwing, at the cost of one hash`, async () => {
        for (const configured of [cheap, { ...cheap, p: 2 }]) {
          let spent = 0;
          const count = await countScrypt(async () => {
            spent = await millisecondsOf(async () => {
              assert.deepEqual(await verifyPassword(stored, "correct horse", configured), FAILS);
            });
          });
          assert.equal(count.total, 1);
          assert.ok(spent < 500, `${spent.toFixed()} ms`);
        }
      });
    }

    it("when the configured cost is as high, then the parameters are not absurd", async () => {
      const high = { logN: 1, r: 1, p: 2 ** 16 + 1 };
      assert.deepEqual(await verifyPassword(await hashPassword("x", high), "x", high), MATCHES);
    });
  });

  describe("given a hash that is cheaper than the configured cost", () => {
    const configured: PasswordCost = { logN: 14, r: 8, p: 3 };
    let stored: string;
    before(async () => {
      stored = await hashPassword("correct horse", cheap);
    });

    it("when the password is wrong, then the time does not tell it from an unknown account", async () => {
      const unknown = () => spendHash("wrong", configured);
      const wrong = () => verifyPassword(stored, "wrong", configured);
      const spent = Math.min(await millisecondsOf(unknown), await millisecondsOf(unknown));
      const verified = Math.min(await millisecondsOf(wrong), await millisecondsOf(wrong));
      assert.ok(verified > spent / 2, `${verified.toFixed()} ms against ${spent.toFixed()} ms`);
    });

    it("when the password is right, then no more time is spent", async () => {
      const count = await countScrypt(() => verifyPassword(stored, "correct horse", configured));
      assert.equal(count.total, 1);
    });
  });
});

describe("the event loop", () => {
  let own: string;
  let official: string;
  before(async () => {
    own = await hashPassword("x", real);
    official = await hashOfficialPassword("x");
  });

  for (const [what, work] of [
    ["hashed", () => hashPassword("x", real)],
    ["hashed in the official format", () => hashOfficialPassword("x")],
    ["verified", () => verifyPassword(own, "x", real)],
    ["verified in the official format", () => verifyPassword(official, "x", cheap)],
  ] as const) {
    it(`when a password is ${what}, then it goes on`, async () => {
      assert.ok((await countTurns(work)) >= 5);
    });
  }
});

describe("spendHash", () => {
  it("when it is called, then it runs one scrypt, as a verification does", async () => {
    const stored = await hashPassword("x", cheap);
    const spent = await countScrypt(() => spendHash("x", cheap));
    const verified = await countScrypt(() => verifyPassword(stored, "y", cheap));
    assert.deepEqual([spent.total, verified.total], [1, 1]);
  });
});

describe("the queue of the process", () => {
  it("when many hashes are asked for at once, then no more than the cores run together", async () => {
    const cores = availableParallelism();
    const count = await countScrypt(() =>
      Promise.all([
        ...Array.from({ length: cores * 4 }, () => hashPassword("x", cheap)),
        ...Array.from({ length: cores * 4 }, () => spendHash("x", cheap)),
      ]),
    );
    assert.deepEqual(count, { total: cores * 8, most: cores });
  });

  it("when too much work waits, then the next one is refused and the others finish", async () => {
    // scrypt refuses N ≥ 2^(16·r) at once, so a long queue of such work drains in no time.
    const impossible: PasswordCost = { logN: 20, r: 1, p: 1 };
    const capacity = availableParallelism() * (1 + MAX_WAITING_WORK_PER_CORE / 2 ** 20);
    const results = await Promise.allSettled(
      Array.from({ length: capacity + 3 }, () => spendHash("x", impossible)),
    );
    const isRefused = results.map(
      (result) => result.status === "rejected" && result.reason instanceof PasswordQueueFull,
    );
    assert.equal(isRefused.indexOf(true), capacity);
    assert.equal(isRefused.filter(Boolean).length, 3);
    await spendHash("x", cheap);
  });
});

describe("createHashQueue", () => {
  /** A job that ends when told. */
  function makeJob(name: string, started: string[]) {
    const { promise, resolve, reject } = withResolvers();
    const run = () => {
      started.push(name);
      return promise;
    };
    return { run, resolve, reject };
  }

  function withResolvers() {
    let resolve: () => void = () => undefined;
    let reject: (error: Error) => void = () => undefined;
    const promise = new Promise<void>((res, rej) => {
      resolve = res;
      reject = rej;
    });
    return { promise, resolve, reject };
  }

  const settle = () => new Promise<void>((resolve) => void setImmediate(resolve));

  it("when slots are taken, then the rest start in the order they came", async () => {
    const inTurn = createHashQueue({ maxRunning: 2, maxWaitingWork: 100 });
    const started: string[] = [];
    const a = makeJob("a", started);
    const b = makeJob("b", started);
    const c = makeJob("c", started);
    const d = makeJob("d", started);
    const all = [a, b, c, d].map((job) => inTurn(1, job.run));
    await settle();
    assert.deepEqual(started, ["a", "b"]);
    b.resolve();
    await settle();
    assert.deepEqual(started, ["a", "b", "c"]);
    a.resolve();
    await settle();
    assert.deepEqual(started, ["a", "b", "c", "d"]);
    c.resolve();
    d.resolve();
    await Promise.all(all);
  });

  it("when a job fails, then its slot passes on", async () => {
    const inTurn = createHashQueue({ maxRunning: 1, maxWaitingWork: 100 });
    const started: string[] = [];
    const a = makeJob("a", started);
    const failing = inTurn(1, a.run);
    const next = inTurn(1, () => Promise.resolve("done"));
    a.reject(new Error("no"));
    await assert.rejects(failing, /no/);
    assert.equal(await next, "done");
  });

  it("when the waiting work is used up, then it refuses until there is room", async () => {
    const inTurn = createHashQueue({ maxRunning: 1, maxWaitingWork: 10 });
    const started: string[] = [];
    const a = makeJob("a", started);
    const b = makeJob("b", started);
    const first = inTurn(100, a.run);
    const second = inTurn(6, b.run);
    await assert.rejects(
      inTurn(5, () => Promise.resolve()),
      PasswordQueueFull,
    );
    const small = inTurn(4, () => Promise.resolve("small"));
    a.resolve();
    await first;
    const later = inTurn(6, () => Promise.resolve("later"));
    b.resolve();
    await second;
    assert.deepEqual(await Promise.all([small, later]), ["small", "later"]);
  });

  it("when one job alone exceeds the limit, then it may wait", async () => {
    const inTurn = createHashQueue({ maxRunning: 1, maxWaitingWork: 10 });
    const started: string[] = [];
    const a = makeJob("a", started);
    const first = inTurn(1, a.run);
    const second = inTurn(11, () => Promise.resolve("second"));
    a.resolve();
    await first;
    assert.equal(await second, "second");
  });
});
