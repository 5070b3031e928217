/** A page without script, that loads nothing from elsewhere. */
export interface Page {
  readonly title: string;
  /** For the policy of the page; on its `style` element. */
  readonly nonce: string;
  /** CSS rules, besides the common ones. */
  readonly style: string;
  /** What stands in `main`, escaped. */
  readonly content: string;
}

/** The whole document. */
export function htmlPage({ title, nonce, style, content }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style nonce="${nonce}">
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
${style}
</style>
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`;
}

/** What the error page shows. */
export interface ErrorPage {
  readonly code: string;
  /** Empty: a general sentence. */
  readonly description: string;
  /** For the policy of the page; on its `style` element. */
  readonly nonce: string;
}

const ERROR_STYLE = `body { display: grid; min-height: 100vh; margin: 0; place-items: center }
main { max-width: 32rem; padding: 2rem }
code { overflow-wrap: anywhere }`;

const GENERAL = "Something went wrong. Please go back and try again.";

/** The built-in error page. */
export function errorPage({ code, description, nonce }: ErrorPage): string {
  const text = description === "" ? GENERAL : description;
  const content = `<h1>Something went wrong</h1>
<p>${escapeHtml(text)}</p>
<p>Code: <code>${escapeHtml(code)}</code></p>
<p><a href="/">Back to the start</a></p>`;
  return htmlPage({ title: "Error", nonce, style: ERROR_STYLE, content });
}

/** Text that can stand in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
