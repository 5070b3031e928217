import { randomBytes } from "node:crypto";
import type { Response } from "express";

/** Markup; only `html` makes it, so a text from outside is escaped wherever it appears. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | readonly Html[] | string | number | null;

/** Makes markup: `` html`<p>${name}</p>` `` escapes the name. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(String.raw({ raw: strings }, ...parts.map(markup)));
}

function markup(part: Part): string {
  if (part === null) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(({ text }) => text).join("");
  return String(part).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Whoever is signed in. */
export interface Viewer {
  readonly name: string;
  readonly role: string | null;
}

/** One page of the demo. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  readonly viewer?: Viewer | null;
  /** HTTP status. Default 200. */
  readonly status?: number;
}

/** Sends a page. Its style and script carry a nonce, everything else is refused by the policy. */
export function sendPage(res: Response, { title, body, viewer = null, status = 200 }: Page): void {
  const nonce = randomBytes(16).toString("base64");
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    "img-src data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  res.set({
    "Content-Security-Policy": policy.join("; "),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
  });
  res.status(status).type("html");
  const inbox: unknown = res.app.locals["inbox"];
  const footer = typeof inbox === "string" ? mailNote(inbox) : null;
  res.send(shell({ nonce, title, body, viewer, footer }).text);
}

function mailNote(inbox: string): Html {
  return html`<footer>
    <p class="muted">Mails go to the <a href="${inbox}">inbox</a></p>
  </footer>`;
}

interface Shell {
  readonly nonce: string;
  readonly title: string;
  readonly body: Html;
  readonly viewer: Viewer | null;
  readonly footer: Html | null;
}

function shell({ nonce, title, body, viewer, footer }: Shell): Html {
  const links =
    viewer === null
      ? html`<a href="/sign-in">Sign in</a> <a href="/sign-up">Sign up</a>`
      : html`<a href="/account">${viewer.name === "" ? "Account" : viewer.name}</a>
          <form data-post="/auth/sign-out" data-next="/">
            <button class="link">Sign out</button>
          </form>`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <link rel="icon" href="${ICON}" />
        <title>${title} · Demo</title>
        <style nonce="${nonce}">
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <nav aria-label="Main">
            <a class="brand" href="/">Demo</a>
            <a href="/private">Private</a>
            ${viewer?.role === "admin" ? html`<a href="/admin">Admin</a>` : null}
            <span class="own">${links}</span>
          </nav>
        </header>
        <main>
          <noscript><p class="alert">The forms of this demo need JavaScript.</p></noscript>
          <p id="alert" class="alert" role="alert" tabindex="-1" hidden></p>
          ${body}
        </main>
        ${footer}
        <script nonce="${nonce}">
          ${new Html(SCRIPT)};
        </script>
      </body>
    </html>`;
}

const ICON =
  "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><circle cx='4' cy='4' r='4' fill='royalblue'/></svg>";

const STYLE = `
:root {
  color-scheme: light dark;
  --page: light-dark(#f4f5f7, #14161a); --card: light-dark(#fff, #1d2026);
  --text: light-dark(#1a1d23, #e8eaee); --muted: light-dark(#5a6270, #a2aab8);
  --line: light-dark(#d5d9e0, #363b45); --accent: light-dark(#2450c8, #8fb0ff);
  --on-accent: light-dark(#fff, #10131a); --bad: light-dark(#b3261e, #ffb4ab);
  --bad-page: light-dark(#fdecea, #3b1a18);
  font: 16px/1.55 system-ui, sans-serif;
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text) }
header { background: var(--card); border-bottom: 1px solid var(--line) }
nav, main, footer { max-width: 46rem; margin: auto; padding: .75rem 1rem }
nav, .own { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: center }
.own { margin-left: auto; min-width: 0; overflow-wrap: anywhere }
nav form { display: contents }
.brand { font-weight: 700; color: inherit; text-decoration: none }
main { padding-block: 2rem 4rem }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem }
h2 { font-size: 1.15rem; margin: 0 0 .75rem }
p { margin: 0 0 1rem }
a { color: var(--accent) }
.muted { color: var(--muted) }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem; margin: 1.25rem 0 }
.card > :last-child { margin-bottom: 0 }
.narrow { max-width: 26rem; margin-inline: auto }
.narrow > form { margin: 1rem 0 }
.row { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end }
.row > label { flex: 1 1 14rem; margin: 0 }
label { display: block; font-weight: 600; margin-bottom: 1rem }
label.check { display: flex; gap: .5rem; align-items: center; font-weight: 400 }
input:not([type=checkbox]) { display: block; width: 100%; margin-top: .25rem; padding: .6rem .7rem; font: inherit; font-weight: 400; color: inherit; background: var(--page); border: 1px solid var(--muted); border-radius: .5rem }
input[type=checkbox] { width: 1.1rem; height: 1.1rem; accent-color: var(--accent) }
button, .button { display: inline-block; padding: .6rem 1.1rem; font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem; cursor: pointer; text-decoration: none }
button.quiet, .button.quiet { color: var(--accent); background: none }
button.link { padding: 0; border: 0; background: none; color: var(--accent); font-weight: 400; text-decoration: underline }
button.wide { width: 100% }
button:disabled { opacity: .6; cursor: progress }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.alert { padding: .75rem 1rem; color: var(--bad); background: var(--bad-page); border: 1px solid currentColor; border-radius: .5rem }
.alert.good { color: var(--text); background: var(--card) }
.list { list-style: none; margin: 0 0 1rem; padding: 0 }
.list li { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; padding: .75rem 0; border-top: 1px solid var(--line) }
.list li > div { flex: 1 1 10rem; min-width: 0; overflow-wrap: anywhere }
.badge { padding: .1rem .5rem; font-size: .8rem; border: 1px solid currentColor; border-radius: 1rem; color: var(--accent); white-space: nowrap }
.scroll { overflow-x: auto }
table { width: 100%; border-collapse: collapse }
th, td { padding: .5rem .75rem .5rem 0; text-align: left; border-top: 1px solid var(--line) }
`;

/**
 * Sends forms as JSON and shows what the API answers; when all is well, it says so (`data-done`), shows markup of the
 * server's (`data-show`), reloads or goes on. A sign-in may lead to the page that asks for a code.
 * A `callbackURL` has been checked by then: the API refuses one of another site.
 */
const SCRIPT = `
const alertBox = document.getElementById("alert");
const say = (text, isGood = false) => {
  alertBox.classList.toggle("good", isGood);
  alertBox.textContent = text;
  alertBox.hidden = false;
  alertBox.focus();
};
document.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  const button = form.querySelector("button");
  const fields = Object.fromEntries(new FormData(form));
  for (const box of form.querySelectorAll("[type=checkbox]")) fields[box.name] = box.checked;
  // Authenticators show "123 456".
  if (fields.code) fields.code = fields.code.replace(/\\s/g, "");
  alertBox.hidden = true;
  button.disabled = true;
  try {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify(fields);
    const response = await fetch(form.dataset.post, { method: "POST", headers, body });
    const answer = await response.json();
    const { done, next, show } = form.dataset;
    if (answer.twoFactorRedirect) {
      const query = { callbackURL: fields.callbackURL, methods: answer.twoFactorMethods };
      return location.assign("/sign-in/code?" + new URLSearchParams(query));
    }
    if (response.ok && show) {
      document.getElementById(show).innerHTML = answer.html;
      button.disabled = false;
      return form.reset();
    }
    if (response.ok && !done) return location.assign(answer.url ?? (fields.callbackURL || next || location.href));
    if (response.ok) form.reset();
    say(response.ok ? done : answer.message.replace(/^\\[body\\.(\\w+)\\] /, "$1: "), response.ok);
  } catch {
    say("The server cannot be reached. Please try again.");
  }
  button.disabled = false;
});
`;

/** "Firefox on Linux". */
export function deviceName(userAgent: string): string {
  const browser = /(Edg|OPR|Firefox|Chrome|Safari|curl)\//.exec(userAgent)?.[1];
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(userAgent)?.[1];
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera" };
  const name = browser === undefined ? "Unknown program" : (names[browser] ?? browser);
  return system === undefined ? name : `${name} on ${system}`;
}
