import express, { type Express, type Request, type Response } from "express";
import {
  betterAuth,
  type Auth,
  type AuthOnRequest,
  type AuthRequest,
  type PublicSession,
  type PublicUser,
} from "../../lib/index.ts";
import { typeOf } from "./same.ts";

// Never run: the compiler is the test.

/** Behind a guard, `req.auth` is typed and the parameters of the path stay inferred. */
export function behindGuards(app: Express): void {
  const auth = betterAuth();

  app.get("/users/:id/:tab", auth.requireSession, (req, res) => {
    typeOf(req.auth).is<AuthOnRequest<PublicUser>>(true);
    typeOf(req.auth).is<never>(false);
    typeOf(req.auth.session).is<PublicSession>(true);
    typeOf(req.auth.user.email).is<string>(true);
    typeOf(req.auth.user.image).is<string | null>(true);
    typeOf(req.auth.user.createdAt).is<Date>(true);
    typeOf(req.auth.session.expiresAt).is<Date>(true);
    typeOf(req.params).is<{ id: string } & { tab: string }>(true);
    // @ts-expect-error the path has no such parameter
    res.json(req.params.name);
    // @ts-expect-error users have no such field
    res.json(req.auth.user.password);
    // @ts-expect-error sessions have no such field
    res.json(req.auth.session.secret);
    // @ts-expect-error what the guard put there cannot be changed
    req.auth.user.email = "other@example.com";
  });

  app.post("/users/:id", auth.requireSession(), (req) => {
    typeOf(req.auth.user.name).is<string>(true);
    typeOf(req.params).is<{ id: string }>(true);
  });

  app.put("/users/:id", auth.requireSession({ fresh: true, redirectTo: "/sign-in" }), (req) => {
    typeOf(req.auth.user.name).is<string>(true);
    typeOf(req.params).is<{ id: string }>(true);
  });

  app.delete("/users/:id", auth.requireAdmin, (req) => {
    typeOf(req.auth.user.name).is<string>(true);
    typeOf(req.params).is<{ id: string }>(true);
  });

  app.patch("/users/:id", auth.requireAdmin({ fresh: true }), (req) => {
    typeOf(req.auth.user.name).is<string>(true);
    typeOf(req.params).is<{ id: string }>(true);
  });

  app.get("/reports/:year", auth.requireSession({ fresh: true }), auth.requireAdmin, (req) => {
    typeOf(req.auth.user.name).is<string>(true);
    typeOf(req.params).is<{ year: string }>(true);
  });

  app.get("/async/:id", auth.requireSession, async (req, res) => {
    await Promise.resolve();
    typeOf(req.auth.user.id).is<string>(true);
    res.json(req.params.id);
  });

  const router = express.Router();
  router.get("/tasks/:task", auth.requireSession, (req) => {
    typeOf(req.auth.user.id).is<string>(true);
    typeOf(req.params).is<{ task: string }>(true);
  });
}

/** The guards are usable unbound and anywhere Express takes middleware. */
export function asMiddleware(app: Express): void {
  const { requireSession, requireAdmin } = betterAuth();
  app.use(requireSession);
  app.use("/admin", requireAdmin, requireSession({ fresh: true }));
  app.get("/own/:id", requireSession, (req) => {
    typeOf(req.auth.user.id).is<string>(true);
    typeOf(req.params).is<{ id: string }>(true);
  });
}

/** Without a guard nothing is promised. */
export function withoutGuard(app: Express): void {
  app.get("/open/:id", (req, res) => {
    typeOf(req.auth).is<unknown>(true);
    typeOf(req.params).is<{ id: string }>(true);
    // @ts-expect-error nobody has looked for a session
    res.json(req.auth.user);
  });
}

/** A request that was not inferred knows of no guard. */
export function plainRequest(req: Request): unknown {
  return typeOf(req.auth).is<unknown>(true);
}

/** Options of the guards are checked. */
export function guardOptions({ requireSession, requireAdmin }: Auth): void {
  // @ts-expect-error the option is called redirectTo
  requireSession({ redirectURL: "/sign-in" });
  // @ts-expect-error true or false, not a text
  requireSession({ fresh: "true" });
  // @ts-expect-error the option is called fresh
  requireAdmin({ freshAge: 60 });
}

/** The app's additional fields appear with their types. */
export function additionalFields(app: Express): void {
  const auth = betterAuth({
    user: {
      additionalFields: {
        phone: { type: "string" },
        nickname: { type: "string", required: false },
        age: { type: "number", required: false },
        active: { type: "boolean", required: true },
        birthday: { type: "date" },
        tags: { type: "string[]" },
        scores: { type: "number[]", required: false },
        settings: { type: "json" },
        plan: { type: ["free", "pro"] },
        tier: { type: ["gold", "silver"], required: false },
        note: { type: "string", returned: false },
        shown: { type: "string", returned: true, input: false },
      },
    },
  });

  app.get("/me/:id", auth.requireSession, (req, res) => {
    const { user } = req.auth;
    typeOf(user.phone).is<string>(true);
    typeOf(user.nickname).is<string | null>(true);
    typeOf(user.age).is<number | null>(true);
    typeOf(user.active).is<boolean>(true);
    typeOf(user.birthday).is<Date>(true);
    typeOf(user.tags).is<string[]>(true);
    typeOf(user.scores).is<number[] | null>(true);
    typeOf(user.settings).is<unknown>(true);
    typeOf(user.plan).is<"free" | "pro">(true);
    typeOf(user.tier).is<"gold" | "silver" | null>(true);
    typeOf(user.shown).is<string>(true);
    typeOf(user.email).is<string>(true);
    typeOf(req.params).is<{ id: string }>(true);
    // @ts-expect-error it is not returned
    res.json(user.note);
    // @ts-expect-error no such field was added
    res.json(user.salary);
  });

  app.get("/admin/:id", auth.requireAdmin({ fresh: true }), (req) => {
    typeOf(req.auth.user.plan).is<"free" | "pro">(true);
  });
}

/** Those of the session too. */
export function fieldsOfSessions(app: Express): void {
  const auth = betterAuth({
    session: {
      additionalFields: {
        theme: { type: ["dark", "light"] },
        device: { type: "string", required: false },
        note: { type: "string", returned: false },
      },
    },
  });
  app.get("/me/:id", auth.requireSession({ fresh: true }), auth.requireAdmin, (req, res) => {
    const { session, user } = req.auth;
    typeOf(session.theme).is<"dark" | "light">(true);
    typeOf(session.device).is<string | null>(true);
    typeOf(session.expiresAt).is<Date>(true);
    typeOf(user).is<PublicUser>(true);
    typeOf(req.params).is<{ id: string }>(true);
    // @ts-expect-error it is not returned
    res.json(session.note);
    // @ts-expect-error it is a field of sessions
    res.json(user.theme);
  });
}

const shared = betterAuth({
  user: { additionalFields: { plan: { type: "string" } } },
  session: { additionalFields: { theme: { type: "string", required: false } } },
});

type Shared = typeof shared.$Infer.Session;

/** `$Infer.Session` is what stands behind a guard. */
export function inferred(app: Express, { session, user }: Shared): void {
  typeOf(user.plan).is<string>(true);
  typeOf(user.email).is<string>(true);
  typeOf(session.theme).is<string | null>(true);
  app.get("/me", shared.requireSession, (req) => typeOf(req.auth).is<Shared>(true));
}

/** A handler in a file of its own. */
function showTask(req: AuthRequest<typeof shared, { id: string }>, res: Response): void {
  typeOf(req.auth.user.plan).is<string>(true);
  typeOf(req.auth.session.theme).is<string | null>(true);
  typeOf(req.params.id).is<string>(true);
  res.json(req.body);
}
function showHome(req: AuthRequest<typeof shared>, res: Response): void {
  typeOf(req.auth.user.plan).is<string>(true);
  res.json(req.query);
}

/** It fits behind the guards of its instance. */
export function separateHandlers(app: Express): void {
  app.get("/tasks/:id", shared.requireSession, showTask);
  app.get(
    "/admin/tasks/:id",
    shared.requireSession({ fresh: true }),
    shared.requireAdmin,
    showTask,
  );
  app.get("/home", shared.requireSession, showHome);
}

/** Two instances keep their fields apart. */
export function twoInstances(app: Express): void {
  const one = betterAuth({ user: { additionalFields: { left: { type: "string" } } } });
  const two = betterAuth({ user: { additionalFields: { right: { type: "number" } } } });
  app.get("/one", one.requireSession, (req, res) => {
    typeOf(req.auth.user.left).is<string>(true);
    // @ts-expect-error that field is the other instance's
    res.json(req.auth.user.right);
  });
  app.get("/two", two.requireSession, (req, res) => {
    typeOf(req.auth.user.right).is<number>(true);
    // @ts-expect-error that field is the other instance's
    res.json(req.auth.user.left);
  });
}
