import { createHash, createHmac, createSecretKey } from "node:crypto";
import DataLoader from "dataloader";
import express from "express";
import mongoose, { type Types } from "mongoose";
import { readServerSettings, serve } from "./child.ts";

// The least that a session check in this manner can be: signature, hash, shared aggregation; no renewal, no failures.

interface UserRow {
  readonly _id: Types.ObjectId;
  readonly name: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

interface SessionRow {
  readonly _id: Types.ObjectId;
  readonly token: string;
  readonly expiresAt: Date;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly user: [UserRow];
}

const COOKIE = /better-auth\.session-token=([^;]+)/;

const { uri, secret } = readServerSettings();
const key = createSecretKey(secret, "utf8");
const { connection } = await mongoose.connect(uri);
const loader = new DataLoader(findSessions, { cache: false, batchScheduleFn: setImmediate });

async function findSessions(tokens: readonly string[]): Promise<SessionRow[]> {
  const hashes = tokens.map(
    (token) => `h1:${createHash("sha256").update(token).digest("base64url")}`,
  );
  const rows = await connection.db
    ?.collection("session")
    .aggregate<SessionRow>([
      { $match: { token: { $in: [...hashes, ...tokens] } } },
      { $lookup: { from: "user", localField: "userId", foreignField: "_id", as: "user" } },
    ])
    .toArray();
  const byToken = new Map(rows?.map((row) => [row.token, row]));
  return hashes.map((hash) => {
    const row = byToken.get(hash);
    if (row === undefined || row.expiresAt.getTime() < Date.now()) throw new Error("no session");
    return row;
  });
}

async function authenticate(cookie: string | undefined) {
  const signed = decodeURIComponent(COOKIE.exec(cookie ?? "")?.[1] ?? "");
  const [token = "", signature] = signed.split(".");
  if (createHmac("sha256", key).update(token).digest("base64") !== signature) {
    throw new Error("no session");
  }
  const row = await loader.load(token);
  const [{ _id, name, email, emailVerified, createdAt, updatedAt }] = row.user;
  const id = _id.toHexString();
  return {
    session: {
      id: row._id.toHexString(),
      expiresAt: row.expiresAt,
      token,
      createdAt: row.createdAt,
      updatedAt: row.updatedAt,
      ipAddress: "127.0.0.1",
      userAgent: "bench",
      userId: id,
    },
    user: { id, name, email, emailVerified, image: null, createdAt, updatedAt },
  };
}

const app = express();
app.get("/protected", async (req, res) => {
  res.json((await authenticate(req.headers.cookie)).user);
});
app.get("/auth/get-session", async (req, res) => {
  res.json(await authenticate(req.headers.cookie));
});
serve(app);
