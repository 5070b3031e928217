import express from "express";
import mongoose, { type Types } from "mongoose";
import { readServerSettings, serve } from "./child.ts";

interface UserRow {
  readonly _id: Types.ObjectId;
  readonly name: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Users that are looked up in turn, as many as there are sessions in the requests. */
const USERS = 40;

const { uri } = readServerSettings();
const { connection } = await mongoose.connect(uri);
const users = connection.collection<UserRow>("user");
let turn = 0;

async function findUser() {
  turn = (turn + 1) % USERS;
  const row = await users.findOne({ email: `person-${turn}@example.com` });
  if (row === null) throw new Error("no such user");
  const { _id, name, email, emailVerified, createdAt, updatedAt } = row;
  return { id: _id.toHexString(), name, email, emailVerified, image: null, createdAt, updatedAt };
}

const app = express();
app.get("/protected", async (_req, res) => {
  res.json(await findUser());
});
app.get("/auth/get-session", async (_req, res) => {
  const user = await findUser();
  const { id, createdAt, updatedAt } = user;
  const session = {
    id,
    expiresAt: createdAt,
    token: "0123456789abcdef0123456789abcdef",
    createdAt,
    updatedAt,
    ipAddress: "127.0.0.1",
    userAgent: "bench",
    userId: id,
  };
  res.json({ session, user });
});
serve(app);
