import { twoFactor } from "better-auth-express";
import express, { type Express } from "express";
import QRCode from "qrcode";
import { deviceName, html, Html, sendPage, type Viewer } from "./layout.ts";
import type { DemoMails } from "./mails.ts";
import type { DemoAuth } from "./pages.ts";

/** A second factor, as the demo offers it: codes of an authenticator or of a mail. */
export function secondFactor(mailer: DemoMails["mailer"]) {
  return twoFactor({ issuer: "Demo", otpOptions: { sendOTP: mailer.twoFactorOTP } });
}

/** Adds the page where the second factor is set up, and the one that asks for it. */
export function addSecurityPages(app: Express, auth: DemoAuth): void {
  const { api, requireSession } = auth;

  app.get("/security", requireSession({ redirectTo: "/sign-in" }), async (req, res) => {
    const { user } = req.auth;
    const devices = await api.listTrustedDevices({ headers: req.headers });
    const body = html`<h1>Security</h1>
      ${user.twoFactorEnabled ? switchedOn(devices) : switchedOff()}`;
    sendPage(res, { title: "Security", viewer: user, body });
  });

  app.post("/security/set-up", express.json(), async (req, res) => {
    const { password } = req.body as { password: string };
    const set = await api.enableTwoFactor({ headers: req.headers, body: { password } });
    const shown = set.method === "totp" ? await setUp(set.totpURI, set.backupCodes) : html``;
    res.json({ html: shown.text });
  });

  app.post("/security/backup-codes", express.json(), async (req, res) => {
    const { password } = req.body as { password: string };
    const { backupCodes } = await api.generateBackupCodes({
      headers: req.headers,
      body: { password },
    });
    res.json({ html: codeList(backupCodes).text });
  });

  app.post("/security/end-trust", express.json(), async (req, res) => {
    const { id } = req.body as { id: string };
    res.json(await api.revokeTrustedDevice({ headers: req.headers, body: { id } }));
  });

  app.get("/sign-in/code", (req, res) => {
    const { callbackURL, methods } = req.query;
    const goal = typeof callbackURL === "string" ? callbackURL : "/account";
    const viewer: Viewer | null = null;
    sendPage(res, { title: "Code", viewer, body: codePage(goal, methods === "otp") });
  });
}

function passwordField(): Html {
  return html`<label>
    Password
    <input name="password" type="password" autocomplete="current-password" required />
  </label>`;
}

function codeField(source: "authenticator" | "mail"): Html {
  return html`<label>
    Code of the ${source}
    <input name="code" inputmode="numeric" autocomplete="one-time-code" required />
  </label>`;
}

function switchedOff(): Html {
  return html`<section class="card">
      <h2>Second factor</h2>
      <p class="muted">
        Sign-in then asks for a code of an authenticator app as well, or for one we mail.
      </p>
      <form data-post="/security/set-up" data-show="set-up">
        ${passwordField()}
        <button>Set up</button>
      </form>
    </section>
    <div id="set-up"></div>
    <section class="card">
      <h2>Without an app</h2>
      <p class="muted">The codes come by mail alone, and there are no backup codes.</p>
      <form data-post="/auth/two-factor/enable">
        <input type="hidden" name="method" value="otp" />
        ${passwordField()}
        <button class="quiet">Use mailed codes</button>
      </form>
    </section>`;
}

async function setUp(uri: string, backupCodes: readonly string[]): Promise<Html> {
  const picture = await QRCode.toString(uri, { type: "svg", margin: 2, width: 220 });
  return html`<section class="card">
    <h2>Scan this with the app</h2>
    <p>${new Html(picture)}</p>
    <p class="muted">Or <a href="${uri}">open it on this device</a>.</p>
    ${codeList(backupCodes)}
    <form data-post="/auth/two-factor/verify-totp" data-next="/security">
      ${codeField("authenticator")}
      <button>Switch on</button>
    </form>
  </section>`;
}

function codeList(codes: readonly string[]): Html {
  return html`<h2>Backup codes</h2>
    <p class="muted">Each signs you in once, when the app is lost. They are shown this once.</p>
    <ul class="list">
      ${codes.map((code) => html`<li><code>${code}</code></li>`)}
    </ul>`;
}

interface Device {
  readonly id: string;
  readonly userAgent: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

function switchedOn(devices: readonly Device[]): Html {
  return html`<section class="card">
      <h2>Second factor <span class="badge">on</span></h2>
      <form data-post="/auth/two-factor/disable">
        ${passwordField()}
        <button class="quiet">Switch off</button>
      </form>
    </section>
    <section class="card">
      <h2>New backup codes</h2>
      <p class="muted">For when the authenticator is lost; without one there are none.</p>
      <form data-post="/security/backup-codes" data-show="codes">
        ${passwordField()}
        <button>Replace the codes</button>
      </form>
      <div id="codes"></div>
    </section>
    <section class="card">
      <h2>Trusted browsers</h2>
      ${devices.length === 0 ? html`<p class="muted">None: each sign-in asks for a code.</p>` : null}
      <ul class="list">
        ${devices.map(deviceRow)}
      </ul>
    </section>`;
}

function deviceRow({ id, userAgent, createdAt, expiresAt }: Device): Html {
  const name = deviceName(userAgent);
  return html`<li>
    <div>
      ${name}<br />
      <span class="muted">
        signed in ${createdAt.toUTCString()}, trusted until ${expiresAt.toUTCString()}
      </span>
    </div>
    <form data-post="/security/end-trust">
      <input type="hidden" name="id" value="${id}" />
      <button class="quiet" aria-label="Trust ${name} no more">Trust no more</button>
    </form>
  </li>`;
}

function codePage(callbackURL: string, isMailOnly: boolean): Html {
  const goal = html`<input type="hidden" name="callbackURL" value="${callbackURL}" />`;
  return html`<h1 class="narrow">One more step</h1>
    ${isMailOnly ? null : authenticatorCard(goal)} ${mailCard(goal)}
    ${isMailOnly ? null : backupCard(goal)}`;
}

function authenticatorCard(goal: Html): Html {
  return html`<section class="card narrow">
    <form data-post="/auth/two-factor/verify-totp">
      ${goal} ${codeField("authenticator")} ${trustField()}
      <button class="wide">Go on</button>
    </form>
  </section>`;
}

function mailCard(goal: Html): Html {
  return html`<section class="card narrow">
    <h2>By mail</h2>
    <form data-post="/auth/two-factor/send-otp" data-done="A code is on its way.">
      <button class="wide quiet">Mail me a code</button>
    </form>
    <form data-post="/auth/two-factor/verify-otp">
      ${goal} ${codeField("mail")} ${trustField()}
      <button class="wide">Confirm</button>
    </form>
  </section>`;
}

function backupCard(goal: Html): Html {
  return html`<section class="card narrow">
    <h2>No authenticator at hand?</h2>
    <form data-post="/auth/two-factor/verify-backup-code">
      ${goal}
      <label>Backup code <input name="code" autocomplete="off" required /></label>
      <button class="wide quiet">Use it up</button>
    </form>
  </section>`;
}

function trustField(): Html {
  return html`<label class="check">
    <input name="trustDevice" type="checkbox" /> Trust this browser
  </label>`;
}
