import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { freshDatabase } from "../support/mongo.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}
interface Manifest {
  readonly devDependencies: Readonly<Record<string, string>>;
}

describe("the packed package", function () {
  this.timeout(180_000);
  let folder: string;
  let packed: Packed;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "better-auth-package-"));
    await run(npm, ["run", "build"], { cwd: root });
    packed = await pack();
    await cp(join(root, "test/package/consumer"), folder, { recursive: true });
    await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    const peers = await versions("express", "mongoose", "@types/express", "@types/node");
    const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
    await run(npm, ["install", ...flags, join(folder, packed.filename), ...peers], { cwd: folder });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function pack(): Promise<Packed> {
    const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
    const { stdout } = await run(npm, args, { cwd: root });
    const [only] = JSON.parse(stdout) as Packed[];
    assert.ok(only);
    return only;
  }
  /** As this project has them, so that they come from npm's cache. */
  async function versions(...names: readonly string[]): Promise<string[]> {
    const text = await readFile(join(root, "package.json"), "utf8");
    const { devDependencies } = JSON.parse(text) as Manifest;
    return names.map((name) => `${name}@${devDependencies[name] ?? ""}`);
  }
  async function compile(): Promise<string> {
    const config = join(folder, "tsconfig.json");
    const strict = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      // A library of the user's own has to be able to name what its exports are.
      declaration: true,
      emitDeclarationOnly: true,
      outDir: "declarations",
      target: "ES2023",
      module: "NodeNext",
      types: ["node"],
    };
    await writeFile(config, JSON.stringify({ compilerOptions: strict, files: ["app.ts"] }));
    const tsc = createRequire(import.meta.url).resolve("typescript/lib/tsc.js");
    return run(process.execPath, [tsc, "-p", config], { cwd: folder }).then(
      ({ stdout }) => stdout,
      (error: unknown) => (error as { stdout: string }).stdout,
    );
  }

  it("when its files are listed, then there is nothing but the product and its documents", () => {
    const paths = packed.files.map(({ path }) => path);
    const product = /^(dist\/.+\.(js|d\.ts)|docs\/.+\.md|[A-Z]+\.md|LICENSE|package\.json)$/;
    assert.deepEqual(
      paths.filter((path) => !product.test(path)),
      [],
    );
    for (const path of ["dist/index.js", "dist/dev/index.d.ts", "README.md", "LICENSE"]) {
      assert.ok(paths.includes(path), path);
    }
  });

  it("when publint reads it, then it has nothing to say", async () => {
    const pkgDir = join(folder, "node_modules", "better-auth-express");
    const { messages, pkg } = await publint({ pkgDir, strict: true, pack: false });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    );
  });

  for (const [way, file] of [
    ["import", "use.mjs"],
    ["require()", "use.cjs"],
  ] as const) {
    it(`when it is loaded by ${way}, then it signs up and guards a route, without a warning`, async () => {
      const env = {
        ...process.env,
        NODE_OPTIONS: "",
        MONGODB_URI: await freshDatabase(),
        BETTER_AUTH_SECRET: "a-secret-for-the-test-of-the-package",
        BETTER_AUTH_URL: "http://localhost:3000",
      };
      const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder, env });
      const { answers, dev, importMs } = JSON.parse(stdout) as Record<string, unknown>;
      assert.equal(stderr, "");
      assert.deepEqual(answers, [401, 200, 200, "Ada"]);
      assert.equal(dev, "function");
      console.log(`        loaded in ${Number(importMs).toFixed(0)} ms`);
    });
  }

  it("when strict TypeScript checks an app, its types and all they import, then they agree", async () => {
    assert.equal(await compile(), "");
  });
});
