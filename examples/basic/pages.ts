import type { IncomingHttpHeaders } from "node:http";
import type { Auth } from "better-auth-express";
import type { ErrorRequestHandler, Express, Request } from "express";
import { html, sendPage, type Html } from "./layout.ts";

const SIGN_IN = "/sign-in";
const MAX_USERS = 50;

/** Added to every user: shown in answers, and set by no request. */
export const userFields = {
  role: { type: "string", required: false, input: false },
} as const;

type DemoAuth = Auth<{ user: { additionalFields: typeof userFields } }>;

/** Adds the pages of the demo; what they do with sessions is what any app would do. */
export function addPages(app: Express, auth: DemoAuth): void {
  const { api, models, requireAdmin, requireSession } = auth;

  /** Whoever looks at a public page, or null; only a protected page renews the session. */
  async function viewer(headers: IncomingHttpHeaders) {
    return (await api.getSession({ headers, query: { disableRefresh: true } }))?.user ?? null;
  }

  app.get("/", async (req, res) => {
    const user = await viewer(req.headers);
    sendPage(res, { title: "Welcome", viewer: user, body: welcome(user !== null) });
  });

  app.get("/sign-up", async (req, res) => {
    const user = await viewer(req.headers);
    sendPage(res, { title: "Sign up", viewer: user, body: signUp(goalOf(req)) });
  });

  app.get(SIGN_IN, async (req, res) => {
    const user = await viewer(req.headers);
    if (user !== null && req.query["error"] !== undefined) {
      sendPage(res, { title: "No access", viewer: user, status: 403, body: noAccess() });
      return;
    }
    sendPage(res, { title: "Sign in", viewer: user, body: signIn(goalOf(req)) });
  });

  app.get("/account", requireSession({ redirectTo: SIGN_IN }), async (req, res) => {
    const { session, user } = req.auth;
    const sessions = await api.listSessions({ headers: req.headers });
    const list = sessions.map((each) => sessionRow(each, each.id === session.id));
    sendPage(res, { title: "Account", viewer: user, body: account(user, list) });
  });

  app.get("/private", requireSession({ redirectTo: SIGN_IN }), (req, res) => {
    const { user } = req.auth;
    if (req.accepts(["json", "html"]) === "json") {
      res.json({ message: "Only you can see this.", email: user.email });
      return;
    }
    sendPage(res, { title: "Private", viewer: user, body: privatePage(user.email) });
  });

  app.get("/admin", requireAdmin({ redirectTo: SIGN_IN }), async (req, res) => {
    const users = await models.User.find().sort({ _id: -1 }).limit(MAX_USERS).lean();
    sendPage(res, { title: "Users", viewer: req.auth.user, body: admin(users) });
  });

  app.use(async (req, res) => {
    const user = await viewer(req.headers);
    const body = html`<h1>Nothing here</h1>
      <p><a href="/">Back to the start</a></p>`;
    sendPage(res, { title: "Not found", viewer: user, status: 404, body });
  });

  const showError: ErrorRequestHandler = (error: unknown, _req, res, next) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    const body = html`<h1>This did not work</h1>
      <p>The database may be away for a moment. <a href="">Try again</a></p>`;
    sendPage(res, { title: "Error", status: 503, body });
  };
  app.use(showError);
}

/** Where the visitor wanted to go; whether that may be is for the API to say. */
function goalOf({ query: { callbackURL } }: Request): string {
  return typeof callbackURL === "string" ? callbackURL : "/account";
}

function welcome(isSignedIn: boolean): Html {
  return html`<h1>Your own sign-in, on your own MongoDB</h1>
    <p class="muted">
      An Express app whose router at <code>/auth</code> serves the Better Auth HTTP API. Everything
      on these pages is a call of that API.
    </p>
    ${
      isSignedIn
        ? html`<p><a class="button" href="/account">Your account and sessions</a></p>`
        : html`<p>
            <a class="button" href="/sign-up">Sign up</a>
            <a class="button quiet" href="/sign-in">Sign in</a>
          </p>`
    }
    <section class="card">
      <h2>To try</h2>
      <ul>
        <li>
          Open <a href="/private">/private</a> without a session: you come back to it after signing
          in.
        </li>
        <li>Sign in with a second browser, then end that session from the first.</li>
        <li>Open <a href="/admin">/admin</a>: the first user who signs up is an administrator.</li>
        <li>Stop the server and start it again: you are still signed in.</li>
      </ul>
    </section>`;
}

function signUp(callbackURL: string): Html {
  return html`<section class="card narrow">
    <h1>Sign up</h1>
    <form data-post="/auth/sign-up/email">
      <input type="hidden" name="callbackURL" value="${callbackURL}" />
      <label>Name <input name="name" autocomplete="name" required maxlength="256" /></label>
      <label>E-mail <input name="email" type="email" autocomplete="username" required /></label>
      <label>
        Password, at least 8 characters
        <input name="password" type="password" autocomplete="new-password" required minlength="8" />
      </label>
      <button class="wide">Create account</button>
    </form>
    <p class="muted">Known here already? <a href="${link("/sign-in", callbackURL)}">Sign in</a></p>
  </section>`;
}

function signIn(callbackURL: string): Html {
  return html`<section class="card narrow">
    <h1>Sign in</h1>
    <form data-post="/auth/sign-in/email">
      <input type="hidden" name="callbackURL" value="${callbackURL}" />
      <label>E-mail <input name="email" type="email" autocomplete="username" required /></label>
      <label>
        Password
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      <label class="check"
        ><input name="rememberMe" type="checkbox" checked /> Stay signed in</label
      >
      <button class="wide">Sign in</button>
    </form>
    <p class="muted">New here? <a href="${link("/sign-up", callbackURL)}">Sign up</a></p>
  </section>`;
}

function link(path: string, callbackURL: string): string {
  return `${path}?${new URLSearchParams({ callbackURL }).toString()}`;
}

interface Person {
  readonly name: string;
  readonly email: string;
}

function account({ name, email }: Person, sessions: readonly Html[]): Html {
  return html`<h1>Account</h1>
    <p class="muted">${email}</p>
    <section class="card">
      <h2>Name</h2>
      <form data-post="/auth/update-user" class="row">
        <label>
          Shown to others
          <input name="name" autocomplete="name" required maxlength="256" value="${name}" />
        </label>
        <button>Save</button>
      </form>
    </section>
    <section class="card">
      <h2>Where you are signed in</h2>
      <ul class="list">
        ${sessions}
      </ul>
      <form data-post="/auth/revoke-other-sessions">
        <button class="quiet">End all other sessions</button>
      </form>
    </section>`;
}

interface Device {
  readonly id: string;
  readonly userAgent: string;
  readonly ipAddress: string;
  readonly createdAt: Date;
}

function sessionRow({ id, userAgent, ipAddress, createdAt }: Device, isThis: boolean): Html {
  const name = deviceName(userAgent);
  return html`<li>
    <div>
      ${name} ${isThis ? html`<span class="badge">this one</span>` : null}<br />
      <span class="muted">${ipAddress}, since ${createdAt.toUTCString()}</span>
    </div>
    <form data-post="/auth/revoke-session">
      <input type="hidden" name="id" value="${id}" />
      <button class="quiet" aria-label="End the session of ${name}">End</button>
    </form>
  </li>`;
}

function deviceName(userAgent: string): string {
  const browser = /(Edg|OPR|Firefox|Chrome|Safari|curl)\//.exec(userAgent)?.[1];
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(userAgent)?.[1];
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera" };
  const name = browser === undefined ? "Unknown program" : (names[browser] ?? browser);
  return system === undefined ? name : `${name} on ${system}`;
}

function privatePage(email: string): Html {
  return html`<h1>Private</h1>
    <p>Only you can see this, <strong>${email}</strong>.</p>
    <p class="muted">
      Without a session, a browser is sent to the sign-in page and a program gets 401.
    </p>`;
}

function noAccess(): Html {
  return html`<h1>No access</h1>
    <p>You are signed in, but this page is for administrators.</p>
    <p><a class="button" href="/account">Your account</a></p>`;
}

interface ListedUser extends Person {
  readonly role?: string | null;
  readonly createdAt: Date;
}

function admin(users: readonly ListedUser[]): Html {
  const rows = users.map(
    ({ name, email, role, createdAt }) =>
      html`<tr>
        <td>${name}</td>
        <td>${email}</td>
        <td>${role ?? "user"}</td>
        <td>${createdAt.toISOString().slice(0, 10)}</td>
      </tr>`,
  );
  return html`<h1>Users</h1>
    <div class="card scroll" tabindex="0" role="region" aria-label="Users">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">E-mail</th>
            <th scope="col">Role</th>
            <th scope="col">Since</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`;
}
