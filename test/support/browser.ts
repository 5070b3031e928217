import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Context } from "mocha";
import { chromium, type Browser } from "playwright-core";

/** What Chromium is called, in the order of preference. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Where Chromium is: `CHROME_PATH`, then what the system has (Debian's package, Chrome), then the one that Playwright
 * has downloaded. Null without any.
 *
 * @throws Error when `CHROME_PATH` names no file
 */
export function findBrowser(): string | null {
  const named = process.env["CHROME_PATH"] ?? "";
  if (named !== "") {
    if (!existsSync(named)) throw new Error(`CHROME_PATH names no file: ${named}`);
    return named;
  }
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"];
  const installed = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...installed, chromium.executablePath()].find((path) => existsSync(path)) ?? null;
}

/** Starts Chromium; skips the suite where there is none, as was said before the tests. */
export async function startBrowser(context: Context): Promise<Browser> {
  const executablePath = findBrowser();
  return executablePath === null
    ? context.skip()
    : chromium.launch({ executablePath, args: FLAGS });
}
