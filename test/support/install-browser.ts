// Runs before the tests: says which Chromium they use, and gets one where there is none.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { findBrowser } from "./browser.ts";

/** Milliseconds for each attempt: with all of them the tests still end in the time that CI gives. */
const TIMEOUT = 120_000;

/** Debian's package, for a root who has apt-get: in a container of CI, say. */
function installPackage(): void {
  if (process.getuid?.() !== 0) return;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) =>
    spawnSync("apt-get", ["-qq", ...args], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
      timeout: TIMEOUT,
    });
  if (apt("update").status === 0) apt("install", "-y", "--no-install-recommends", "chromium");
}

/** Playwright's own, into its cache in the home folder. */
function download(): void {
  const { resolve } = createRequire(import.meta.url);
  const cli = join(dirname(resolve("playwright-core/package.json")), "cli.js");
  spawnSync(process.execPath, [cli, "install", "--no-shell", "chromium"], {
    stdio: ["ignore", "ignore", "inherit"],
    timeout: TIMEOUT,
  });
}

for (const get of [installPackage, download]) {
  if (findBrowser() !== null) break;
  console.log(`No Chromium on this machine yet: ${get.name} …`);
  get();
}
const path = findBrowser();
console.log(
  path === null
    ? "NO CHROMIUM: the tests in test/browser are SKIPPED. Install one (Debian: apt-get install chromium), or set CHROME_PATH."
    : `Chromium of the tests: ${path}`,
);
