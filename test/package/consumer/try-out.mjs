import { once } from "node:events";

/** Signs up and reaches a protected route; prints what happened as one line of JSON. */
export async function tryOut({ betterAuth, startMongo, express, importMs }) {
  const auth = betterAuth();
  const app = express();
  app.use("/auth", auth);
  app.get("/me", auth.requireSession, (req, res) => {
    res.json(req.auth.user.name);
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const site = `http://127.0.0.1:${server.address().port}`;

  const without = await fetch(`${site}/me`);
  const signUp = await fetch(`${site}/auth/sign-up/email`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: "Ada", email: "ada@example.com", password: "Lantern-7-orchard" }),
  });
  const [cookie] = signUp.headers.getSetCookie()[0].split(";");
  const withSession = await fetch(`${site}/me`, { headers: { cookie } });
  const answers = [without.status, signUp.status, withSession.status, await withSession.json()];

  server.close().closeAllConnections();
  await auth.models.User.db.dropDatabase();
  await auth.close();
  console.log(JSON.stringify({ answers, dev: typeof startMongo, importMs }));
}
