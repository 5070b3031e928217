import { createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { availableParallelism } from "node:os";
import * as scryptKdfModule from "scrypt-kdf";

// The declarations of scrypt-kdf 4 list named exports; at run time there is only the default export.
const { default: scryptKdf } = scryptKdfModule as unknown as { default: typeof scryptKdfModule };

/** How much work one hash is (RFC 7914 §2). OWASP's recommendation, our default: logN 15, r 8, p 3. */
export interface PasswordCost {
  /** Binary logarithm of the CPU and memory cost N, at least 1; must be below 16·r. */
  readonly logN: number;
  /** Block size, at least 1; the memory is 128·N·r bytes. */
  readonly r: number;
  /** Parallelisation, at least 1: the memory is used this many times, one after the other. */
  readonly p: number;
}

/** The answer of `verifyPassword`. */
export interface PasswordVerification {
  /** Whether the password is the one that was hashed. */
  readonly matches: boolean;
  /** Whether it matches, but in the official format or below the configured cost: hash it anew. */
  readonly outdated: boolean;
}

/** Too many hashes are waiting already: answer 503 and let the client try again. */
export class PasswordQueueFull extends Error {
  override readonly name = "PasswordQueueFull";

  constructor() {
    super("too many passwords are waiting to be hashed");
  }
}

/** Runs a job when its turn comes; `work` is its N·r·p. */
export type HashQueue = <T>(work: number, job: () => Promise<T>) => Promise<T>;

/** Limits of a hash queue. */
export interface HashQueueLimits {
  /** Jobs that run at the same time. */
  readonly maxRunning: number;
  /** Sum of the work of all waiting jobs; one job may always wait. */
  readonly maxWaitingWork: number;
}

/**
 * Work (N·r·p) that may wait per core: 85 hashes at the default cost, 256 in the official format. Enough for a rush of
 * sign-ins; 2^18 take about 90 ms on a server core, so the last one in a full queue waits about 20 s.
 */
export const MAX_WAITING_WORK_PER_CORE = 2 ** 26;

/** A stored hash that needs more memory than this, and more than the configured cost, is not computed. */
const MAX_STORED_MEMORY = 256 * 2 ** 20;
/** The same for work (N·r·p): about ten times the default cost. */
const MAX_STORED_WORK = 2 ** 23;
/** The same for r·p, to which the PBKDF2 at both ends of scrypt is proportional: 24 by default. */
const MAX_STORED_BLOCKS = 2 ** 16;

const OFFICIAL = { logN: 14, r: 16, p: 1 } as const;
const OFFICIAL_KEY_BYTES = 64;
const OFFICIAL_SALT_BYTES = 16;
const OFFICIAL_FORMAT = /^([0-9a-f]{32}):([0-9a-f]{128})$/;

/** 96 bytes in base64, of which the first six are "scrypt". */
const KDF_FORMAT = /^c2NyeXB0[A-Za-z0-9+/]{120}$/;

/**
 * Makes a first-in first-out queue. This file has one for the whole process, because every hash competes for
 * the same cores and 32 MB of memory each; others are for tests.
 *
 * @throws PasswordQueueFull (rejects) when the waiting work would exceed the limit
 */
export function createHashQueue({ maxRunning, maxWaitingWork }: HashQueueLimits): HashQueue {
  const waiting: { work: number; start: () => void }[] = [];
  let running = 0;
  let waitingWork = 0;

  async function turn(work: number): Promise<void> {
    if (running < maxRunning) {
      running += 1;
      return;
    }
    if (waiting.length > 0 && waitingWork + work > maxWaitingWork) throw new PasswordQueueFull();
    waitingWork += work;
    await new Promise<void>((start) => waiting.push({ work, start }));
  }

  // A slot is handed to the first in the queue, never freed in between, so nobody can overtake.
  function leave(): void {
    const next = waiting.shift();
    if (next === undefined) {
      running -= 1;
      return;
    }
    waitingWork -= next.work;
    next.start();
  }

  return async function inTurn(work, job) {
    await turn(work);
    try {
      return await job();
    } finally {
      leave();
    }
  };
}

const cores = availableParallelism();
const inTurn = createHashQueue({
  maxRunning: cores,
  maxWaitingWork: cores * MAX_WAITING_WORK_PER_CORE,
});

/**
 * Hashes a new password in scrypt-kdf's format, after Unicode NFKC (NIST SP 800-63B §3.1.1.2).
 *
 * @returns 128 characters of base64, beginning `c2NyeXB0`: parameters, salt and MAC
 * @throws PasswordQueueFull when too many hashes are waiting
 * @throws RangeError when the cost is out of scrypt's range
 */
export async function hashPassword(password: string, cost: PasswordCost): Promise<string> {
  const key = await inTurn(workOf(cost), () => scryptKdf.kdf(normalise(password), { ...cost }));
  return Buffer.from(key).toString("base64");
}

/**
 * Hashes a new password in the format of Better Auth 1.4 and 1.7, for a database shared with it.
 *
 * @returns `<salt>:<key>`, 32 and 128 lower-case hex digits; scrypt N 16384, r 16, p 1
 * @throws PasswordQueueFull when too many hashes are waiting
 */
export async function hashOfficialPassword(password: string): Promise<string> {
  const salt = randomBytes(OFFICIAL_SALT_BYTES).toString("hex");
  const key = await inTurn(workOf(OFFICIAL), () => officialKey(password, salt));
  return `${salt}:${key.toString("hex")}`;
}

/** Whether a stored value has the format of `hashOfficialPassword`. */
export function isOfficialHash(stored: string): boolean {
  return OFFICIAL_FORMAT.test(stored);
}

/**
 * Compares a password with a stored hash of either format, in constant time. A failure costs at least one hash
 * of the configured cost, whatever was stored: otherwise the time would tell which accounts exist.
 *
 * @param stored from the database; a value of neither format, or one that asks for absurd memory or time, does not match
 * @param cost the configured cost, for `outdated` and for the time of a failure
 * @throws PasswordQueueFull when too many hashes are waiting
 */
export async function verifyPassword(
  stored: string,
  password: string,
  cost: PasswordCost,
): Promise<PasswordVerification> {
  const hash = readStored(stored, cost);
  if (hash === null) {
    await spendHash(password, cost);
    return { matches: false, outdated: false };
  }
  return inTurn(Math.max(workOf(hash.cost), workOf(cost)), async () => {
    const matches = await hash.verify(password);
    if (!matches) await spendDifference(password, hash.cost, cost);
    return { matches, outdated: matches && (hash.official || isBelow(hash.cost, cost)) };
  });
}

/**
 * Does the work of one verification and forgets the result: for accounts that do not exist or have no password,
 * so that the time does not tell them from others (OWASP ASVS 5.0 §6.3.8).
 *
 * @throws PasswordQueueFull when too many hashes are waiting, just as for an account that exists
 */
export async function spendHash(password: string, cost: PasswordCost): Promise<void> {
  await inTurn(workOf(cost), () => scryptKdf.kdf(normalise(password), { ...cost }));
}

interface StoredHash {
  readonly official: boolean;
  readonly cost: PasswordCost;
  readonly verify: (password: string) => Promise<boolean>;
}

function readStored(stored: string, configured: PasswordCost): StoredHash | null {
  const [, salt, key] = OFFICIAL_FORMAT.exec(stored) ?? [];
  if (salt !== undefined && key !== undefined) {
    const verify = (password: string) => verifyOfficial(password, salt, Buffer.from(key, "hex"));
    return { official: true, cost: OFFICIAL, verify };
  }
  if (!KDF_FORMAT.test(stored)) return null;
  const bytes = Buffer.from(stored, "base64");
  const cost = readCost(bytes);
  if (cost === null || isAbsurd(cost, configured)) return null;
  return {
    official: false,
    cost,
    verify: (password) => scryptKdf.verify(bytes, normalise(password)),
  };
}

/** Header of scrypt's file format: "scrypt", version 0, logN, r, p, salt, checksum of all these. */
function readCost(bytes: Buffer): PasswordCost | null {
  const checksum = createHash("sha256").update(bytes.subarray(0, 48)).digest().subarray(0, 16);
  if (!checksum.equals(bytes.subarray(48, 64))) return null;
  if (bytes.readUInt8(6) !== 0) return null;
  return { logN: bytes.readUInt8(7), r: bytes.readUInt32BE(8), p: bytes.readUInt32BE(12) };
}

function isAbsurd(stored: PasswordCost, configured: PasswordCost): boolean {
  const { logN, r, p } = stored;
  // RFC 7914 §2: N is a power of two, greater than 1 and below 2^(128·r/8); r and p are positive.
  if (logN < 1 || logN >= 16 * r || r < 1 || p < 1) return true;
  if (r * p > Math.max(MAX_STORED_BLOCKS, configured.r * configured.p)) return true;
  if (memoryOf(stored) > Math.max(MAX_STORED_MEMORY, memoryOf(configured))) return true;
  return workOf(stored) > Math.max(MAX_STORED_WORK, workOf(configured));
}

function isBelow(stored: PasswordCost, configured: PasswordCost): boolean {
  const memory = 2 ** stored.logN * stored.r;
  return memory < 2 ** configured.logN * configured.r || workOf(stored) < workOf(configured);
}

function workOf({ logN, r, p }: PasswordCost): number {
  return 2 ** logN * r * p;
}

/** Bytes that OpenSSL allocates: the blocks, the table and the working space. */
function memoryOf({ logN, r, p }: PasswordCost): number {
  return 128 * r * (2 ** logN + p + 2);
}

async function verifyOfficial(password: string, salt: string, expected: Buffer): Promise<boolean> {
  return timingSafeEqual(await officialKey(password, salt), expected);
}

/** Better Auth 1.7: the salt is the hex text itself, not the bytes it stands for. */
async function officialKey(password: string, salt: string): Promise<Buffer> {
  const N = 2 ** OFFICIAL.logN;
  const { r, p } = OFFICIAL;
  const options = { N, r, p, maxmem: 128 * N * r * 2 };
  return new Promise((resolve, reject) => {
    scrypt(normalise(password), salt, OFFICIAL_KEY_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

/** After a cheaper hash has failed: what is missing to the configured cost. */
async function spendDifference(
  password: string,
  spent: PasswordCost,
  configured: PasswordCost,
): Promise<void> {
  const { logN, r } = configured;
  const p = Math.round((workOf(configured) - workOf(spent)) / workOf({ logN, r, p: 1 }));
  if (p < 1) return;
  await scryptKdf.kdf(normalise(password), { logN, r, p });
}

function normalise(password: string): string {
  return password.normalize("NFKC");
}
