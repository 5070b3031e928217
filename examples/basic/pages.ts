import type { IncomingHttpHeaders } from "node:http";
import { AuthError, type Auth } from "better-auth-express";
import type { ErrorRequestHandler, Express, Request } from "express";
import { deviceName, html, sendPage, type Html } from "./layout.ts";
import { addSecurityPages, type secondFactor } from "./security.ts";

const SIGN_IN = "/sign-in";
const MAX_USERS = 50;

/** Added to every user: shown in answers, and set by no request. */
export const userFields = {
  role: { type: "string", required: false, input: false },
} as const;

/** The instance, with the features of the demo. */
export type DemoAuth = Auth<{
  user: { additionalFields: typeof userFields };
  plugins: readonly [ReturnType<typeof secondFactor>];
}>;

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

  app.get("/forgot-password", async (req, res) => {
    const user = await viewer(req.headers);
    sendPage(res, { title: "Forgot password", viewer: user, body: forgotPassword() });
  });

  app.get("/reset-password", async (req, res) => {
    const user = await viewer(req.headers);
    const { token } = req.query;
    const body = typeof token === "string" ? newPassword(token) : deadLink();
    sendPage(res, { title: "New password", viewer: user, body });
  });

  app.get("/account", requireSession({ redirectTo: SIGN_IN }), async (req, res) => {
    const { session, user } = req.auth;
    const sessions = await api.listSessions({ headers: req.headers });
    const list = sessions.map((each) => sessionRow(each, each.id === session.id));
    sendPage(res, {
      title: "Account",
      viewer: user,
      body: account(user, list, req.query["error"] !== undefined),
    });
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

  addSecurityPages(app, auth);

  app.use(async (req, res) => {
    const user = await viewer(req.headers);
    const body = html`<h1>Nothing here</h1>
      <p><a href="/">Back to the start</a></p>`;
    sendPage(res, { title: "Not found", viewer: user, status: 404, body });
  });

  const showError: ErrorRequestHandler = (error: unknown, req, res, next) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    if (req.method === "POST") {
      const known =
        error instanceof AuthError ? error : new AuthError(400, "BAD_REQUEST", "Bad request");
      res.status(known.status).json(known);
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
        <li>
          Set up a second factor under <a href="/security">/security</a>, and sign in with it.
        </li>
        <li>Open <a href="/admin">/admin</a>: the first user who signs up is an administrator.</li>
        <li>Forget your password: the mail with the link is in the inbox, or sent by SMTP.</li>
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
    <p><a href="/forgot-password">Forgot password?</a></p>
    <p class="muted">New here? <a href="${link("/sign-up", callbackURL)}">Sign up</a></p>
  </section>`;
}

function forgotPassword(): Html {
  return html`<section class="card narrow">
    <h1>Forgot password?</h1>
    <form
      data-post="/auth/request-password-reset"
      data-done="If somebody has this address, a mail with a link is on its way to it."
    >
      <input type="hidden" name="redirectTo" value="/reset-password" />
      <label>E-mail <input name="email" type="email" autocomplete="username" required /></label>
      <button class="wide">Send the link</button>
    </form>
  </section>`;
}

function newPassword(token: string): Html {
  return html`<section class="card narrow">
    <h1>New password</h1>
    <form data-post="/auth/reset-password" data-next="/sign-in">
      <input type="hidden" name="token" value="${token}" />
      ${newPasswordField()}
      <button class="wide">Set password</button>
    </form>
  </section>`;
}

function newPasswordField(): Html {
  return html`<label>
    New password, at least 8 characters
    <input name="newPassword" type="password" autocomplete="new-password" required minlength="8" />
  </label>`;
}

function deadLink(): Html {
  return html`<h1>This link works no longer</h1>
    <p>It has been used or has expired. <a href="/forgot-password">Ask for a new one</a></p>`;
}

function link(path: string, callbackURL: string): string {
  return `${path}?${new URLSearchParams({ callbackURL }).toString()}`;
}

interface Person {
  readonly name: string;
  readonly email: string;
}

interface Owner extends Person {
  readonly emailVerified: boolean;
}

function account(user: Owner, sessions: readonly Html[], isLinkDead: boolean): Html {
  const { name, email, emailVerified } = user;
  return html`<h1>Account</h1>
    ${isLinkDead ? html`<p class="alert">The link of the mail works no longer.</p>` : null}
    <p class="muted">
      ${email}
      <span class="badge">${emailVerified ? "verified" : "not verified"}</span>
    </p>
    ${emailVerified ? null : resendVerification(email)}
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
    </section>
    <section class="card">
      <h2>Second factor</h2>
      <p><a class="button quiet" href="/security">Codes, backup codes, trusted browsers</a></p>
    </section>
    ${changePassword()} ${changeEmail()} ${deleteAccount()}`;
}

function resendVerification(email: string): Html {
  return html`<form
    data-post="/auth/send-verification-email"
    data-done="A mail with a link is on its way."
  >
    <input type="hidden" name="email" value="${email}" />
    <input type="hidden" name="callbackURL" value="/account" />
    <p><button class="quiet">Send the verification mail again</button></p>
  </form>`;
}

function changePassword(): Html {
  return html`<section class="card">
    <h2>Password</h2>
    <form data-post="/auth/change-password" data-done="The password is changed.">
      <label>
        Current password
        <input name="currentPassword" type="password" autocomplete="current-password" required />
      </label>
      ${newPasswordField()}
      <label class="check">
        <input name="revokeOtherSessions" type="checkbox" checked /> End all other sessions
      </label>
      <button>Change password</button>
    </form>
  </section>`;
}

function changeEmail(): Html {
  return html`<section class="card">
    <h2>E-mail</h2>
    <p class="muted">
      A verified address is asked first whether it agrees; then the new one gets a link.
    </p>
    <form data-post="/auth/change-email" data-done="A mail with a link is on its way." class="row">
      <input type="hidden" name="callbackURL" value="/account" />
      <label>New e-mail <input name="newEmail" type="email" autocomplete="email" required /></label>
      <button>Change e-mail</button>
    </form>
  </section>`;
}

function deleteAccount(): Html {
  return html`<section class="card">
    <h2>Delete account</h2>
    <p class="muted">You get a mail with a link. Opening it deletes the account for good.</p>
    <form data-post="/auth/delete-user" data-done="A mail with a link is on its way.">
      <input type="hidden" name="callbackURL" value="/" />
      <button class="quiet">Delete account</button>
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
