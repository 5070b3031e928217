import { existsSync } from "node:fs";
import type { Context } from "mocha";
import { chromium, type Browser } from "playwright-core";

const EXECUTABLE = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

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

/** Starts Chromium; skips the suite where there is none, unless `REQUIRE_BROWSER=1` demands it. */
export async function startBrowser(context: Context): Promise<Browser> {
  if (!existsSync(EXECUTABLE) && process.env["REQUIRE_BROWSER"] !== "1") context.skip();
  return chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
}
