import type { Letter, WholeMail } from "./templates.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for HTML, in elements and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** Text for a header: one line without control characters. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
}

/** What the layout shows besides the letter. */
export interface LayoutData {
  readonly appName: string;
  /** Tag for the `lang` attribute. */
  readonly language: string;
  /** Where the button leads; undefined: no button. */
  readonly url: string | undefined;
}

/** Makes text and HTML of a letter. */
export function layOut(letter: Letter, data: LayoutData): WholeMail {
  return {
    subject: letter.subject,
    text: textOf(letter, data),
    html: htmlOf(letter, data),
  };
}

function textOf(letter: Letter, { appName, url }: LayoutData): string {
  const { paragraphs, code, button, notes = [] } = letter;
  const digits = code === undefined ? [] : [code];
  const link = button === undefined || url === undefined ? [] : [`${button}\n${url}`];
  return `${[...paragraphs, ...digits, ...link, ...notes].join("\n\n")}\n\n-- \n${appName}\n`;
}

const RIGHT_TO_LEFT: ReadonlySet<string | undefined> = new Set(["ar", "fa", "he", "ur"]);

/** Clients that know no dark mode show what the attributes say; `!important` lets the others override it. */
const DARK = `:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background: #14161a !important; }
  .card { background: #1f2228 !important; border-color: #343943 !important; color: #e8eaed !important; }
  .quiet { color: #a3abb8 !important; }
  .quiet a { color: #8ab4f8 !important; }
  .line { border-color: #343943 !important; }
}`;

const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const STYLE = {
  page: `margin:0;padding:32px 16px;background:#f3f4f6;${FONT}`,
  card: "max-width:512px;margin:0 auto;padding:32px;background:#ffffff;border:1px solid #e1e4e9;border-radius:12px;color:#1c2128;font-size:16px;line-height:1.5",
  app: "margin:0 0 24px;font-size:14px;font-weight:600;color:#5b6472",
  heading: "margin:0 0 16px;font-size:22px;line-height:1.3;font-weight:700",
  paragraph: "margin:0 0 16px",
  code: "margin:24px 0;font-size:32px;line-height:1.2;font-weight:700;font-family:ui-monospace,Consolas,Menlo,monospace",
  action: "margin:28px 0",
  button:
    "display:inline-block;padding:12px 24px;border-radius:8px;background:#1f5fd0;color:#ffffff;font-weight:600;text-decoration:none",
  quiet: "margin:0 0 12px;font-size:13px;color:#5b6472",
  link: "color:#1f5fd0;word-break:break-all;overflow-wrap:anywhere",
  line: "margin:24px 0;border:0;border-top:1px solid #e1e4e9",
} as const;

function htmlOf(letter: Letter, { appName, language, url }: LayoutData): string {
  const { subject, paragraphs, code, button, linkNote, notes = [] } = letter;
  const direction = RIGHT_TO_LEFT.has(language.split("-")[0]) ? "rtl" : "ltr";
  const link = button === undefined || url === undefined ? undefined : { button, url, linkNote };
  const quiet = notes.map((note) => quietly(escapeHtml(note)));
  return `<!doctype html>
<html lang="${escapeHtml(language)}" dir="${direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(oneLine(subject))}</title>
<style>
${DARK}
</style>
</head>
<body class="page" style="${STYLE.page}">
<div class="card" style="${STYLE.card}">
${[
  `<p class="quiet" style="${STYLE.app}">${escapeHtml(appName)}</p>`,
  `<h1 style="${STYLE.heading}">${escapeHtml(oneLine(subject))}</h1>`,
  ...paragraphs.map((text) => `<p style="${STYLE.paragraph}">${escapeHtml(text)}</p>`),
  ...(code === undefined ? [] : [`<p style="${STYLE.code}">${escapeHtml(code)}</p>`]),
  ...(link === undefined ? [] : [buttonOf(link)]),
  ...(quiet.length === 0 ? [] : [`<hr class="line" style="${STYLE.line}">`]),
  ...quiet,
  ...(link === undefined ? [] : linkOf(link)),
].join("\n")}
</div>
</body>
</html>
`;
}

interface Link {
  readonly button: string;
  readonly url: string;
  readonly linkNote: string | undefined;
}

function buttonOf({ button, url }: Link): string {
  return `<p style="${STYLE.action}"><a href="${escapeHtml(url)}" style="${STYLE.button}">${escapeHtml(button)}</a></p>`;
}

/** The address written out, for readers whose client shows no button. */
function linkOf({ url, linkNote }: Link): string[] {
  const address = escapeHtml(url);
  return [
    ...(linkNote === undefined ? [] : [quietly(escapeHtml(linkNote))]),
    quietly(`<a href="${address}" style="${STYLE.link}">${address}</a>`),
  ];
}

function quietly(html: string): string {
  return `<p class="quiet" style="${STYLE.quiet}">${html}</p>`;
}
