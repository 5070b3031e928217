import express from "express";
import { serve } from "./child.ts";

const createdAt = new Date();

/** Of the same size as the answers of the others. */
const user = {
  id: "0123456789abcdef01234567",
  name: "Person 0",
  email: "person-0@example.com",
  emailVerified: true,
  image: null,
  createdAt,
  updatedAt: createdAt,
};
const session = {
  id: "0123456789abcdef01234567",
  expiresAt: createdAt,
  token: "0123456789abcdef0123456789abcdef",
  createdAt,
  updatedAt: createdAt,
  ipAddress: "127.0.0.1",
  userAgent: "bench",
  userId: user.id,
};

const app = express();
app.get("/protected", (_req, res) => {
  res.json(user);
});
app.get("/auth/get-session", (_req, res) => {
  res.json({ session, user });
});
serve(app);
