import assert from "node:assert/strict";
import { basename } from "node:path";
import { allFeatures } from "../docs/features.ts";
import { filesBelow, librarySources, textOf, type SourceFile } from "./support/source.ts";

interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** What its files may import; `$1` stands for the first group of `files`. */
  readonly may: readonly string[];
  /** What they may import as types only, besides. */
  readonly mayTypes?: readonly string[];
}

const BASE = ["crypto/.+", "(errors|parse-url)\\.ts", "models/.+"];
const KERNEL = [...BASE, "(context|endpoint|plugin|options|config)\\.ts"];
const SHARED = [...KERNEL, "services/.+", "views\\.ts", "record-types\\.ts"];

/** Who may import whom; a file belongs to the first layer that matches. Everything else is refused. */
const LAYERS: readonly Layer[] = [
  {
    name: "cryptography",
    files: /^crypto\//,
    may: ["node:.+", "crypto/.+", "scrypt-kdf", "jsonwebtoken", "jose", "speakeasy", "@noble/.+"],
  },
  { name: "errors", files: /^(errors|parse-url)\.ts$/, may: [] },
  { name: "models", files: /^models\//, may: ["mongoose", "models/.+"] },
  {
    name: "declarations",
    files: /^(context|endpoint|plugin|record-types)\.ts$/,
    may: KERNEL,
    mayTypes: ["node:.+", "zod", "mongoose", "views\\.ts"],
  },
  {
    name: "options",
    files: /^(options|known-options|options-schema|option-.+|config|read-.+)\.ts$/,
    may: [
      "node:.+",
      "zod",
      "leven",
      ...KERNEL,
      "(known-options|options-schema|option-.+|read-.+)\\.ts",
    ],
    mayTypes: ["mongoose"],
  },
  {
    name: "services",
    files: /^(services\/|views\.ts)/,
    may: ["node:.+", "mongoose", "cookie", "cookie-parser", "dataloader", "lru-cache", ...SHARED],
  },
  {
    name: "features",
    files: /^routers\/([^/]+)\//,
    may: ["node:.+", "zod", ...SHARED, "option-.+", "routers/$1/.+", "routers/core/schemas\\.ts"],
  },
  {
    name: "calls",
    files: /^(run|api|error-list|request-hooks)\.ts$/,
    may: ["node:.+", "zod", "cookie", ...SHARED, "(run|request-hooks)\\.ts"],
  },
  {
    name: "middleware",
    files: /^middleware\//,
    may: [
      "node:.+",
      "(express|helmet|express-rate-limit|lru-cache)",
      ...SHARED,
      "run\\.ts",
      "middleware/.+",
    ],
  },
  {
    name: "mail",
    files: /^mail\//,
    may: ["node:.+", "nodemailer(/.+)?", "zod", "mail/.+", "options\\.ts"],
  },
  {
    name: "development",
    files: /^dev\//,
    may: [
      "node:.+",
      "(mongoose|express|zod)",
      "mongodb-memory-server-core(/.+)?",
      "dev/.+",
      "services/page\\.ts",
      "middleware/security-headers\\.ts",
    ],
    mayTypes: ["options\\.ts"],
  },
  {
    name: "composition",
    files: /^[^/]+\.ts$/,
    may: ["express", "leven", "zod", "(?!dev/|cli/|mail/).+\\.ts"],
  },
];

/** Casts are where types are made (style.md rule 12), and in shims of packages with wrong types. */
const FILES_WITH_CASTS = [
  "endpoint.ts",
  "plugin.ts",
  "api.ts",
  "views.ts",
  "better-auth.ts",
  "middleware/require-session.ts",
  "crypto/password.ts",
  "services/cookies.ts",
  "services/database-hooks.ts",
];

const FILES_BESIDE_ENDPOINTS = ["index.ts", "schemas.ts", "permissions.ts"];
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.ts$/;
const INVISIBLE = /[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;
const CLOCK = /\bDate\.now\(\)|\bnew Date\(\)/;

describe("the source", () => {
  const sources = librarySources();
  const names = (found: readonly { path: string }[]) => found.map(({ path }) => path);

  it("when a file imports, then only from its own layer and those below", () => {
    assert.deepEqual(sources.flatMap(forbiddenImports), []);
  });

  it("when imports are followed, then no way leads back", () => {
    assert.deepEqual(findCycle(sources), []);
  });

  it("when a file casts, then it is one of the few that may", () => {
    const found = sources.filter(
      ({ path, casts }) => casts.length > 0 && !FILES_WITH_CASTS.includes(path),
    );
    assert.deepEqual(
      found.map(({ path, casts }) => [path, ...casts]),
      [],
    );
  });

  it("when types are written, then there is no any and no non-null assertion", () => {
    const found = sources.filter(({ loopholes }) => loopholes.length > 0);
    assert.deepEqual(
      found.map(({ path, loopholes }) => [path, ...loopholes]),
      [],
    );
  });

  it("when the compiler complains, then it is not silenced", () => {
    assert.deepEqual(names(sources.filter(({ text }) => /@ts-(ignore|nocheck)/.test(text))), []);
  });

  it("when something is exported, then it has a docstring", () => {
    const found = sources.flatMap(({ path, undocumented }) =>
      undocumented.map((name) => `${path}: ${name}`),
    );
    assert.deepEqual(found, []);
  });

  it("when routers and services need the time, then they ask the instance's clock", () => {
    const found = sources.filter(
      ({ path, text }) => /^(routers|services)\//.test(path) && CLOCK.test(text),
    );
    assert.deepEqual(names(found), []);
  });

  it("when a file is named, then in kebab-case", () => {
    const files = ["lib", "test", "examples", "docs", "bench"].flatMap(filesBelow);
    const scripts = files.filter((path) => path.endsWith(".ts"));
    assert.deepEqual(
      scripts.filter((path) => !KEBAB_CASE.test(basename(path))),
      [],
    );
  });

  it("when a text is read, then nothing in it is invisible", () => {
    const files = ["lib", "test", "examples", "docs", "bench"].flatMap(filesBelow);
    const texts = files.filter((path) => /\.(ts|js|mjs|cjs|json|md)$/.test(path));
    assert.deepEqual(
      texts.filter((path) => INVISIBLE.test(textOf(path))),
      [],
    );
  });

  for (const { id, endpoints: routed, serverCalls = [] } of allFeatures) {
    const endpoints = [...routed, ...serverCalls];
    for (const { name, paths } of endpoints) {
      it(`when ${name} of ${id} is looked for, then its path names the file`, async () => {
        const exported = await Promise.all(
          paths.flatMap((path) => fileNames(id, path)).map((file) => exportsOf(id, file)),
        );
        assert.ok(exported.flat().includes(name), `no file named after ${paths.join(" or ")}`);
      });
    }

    it(`when a file lies in routers/${id}, then it is an endpoint's or a known one`, () => {
      const expected = endpoints.flatMap(({ paths }) =>
        paths.flatMap((path) => fileNames(id, path)),
      );
      const files = filesBelow(`lib/routers/${id}`).map((path) => basename(path));
      const others = files.filter((file) => !FILES_BESIDE_ENDPOINTS.includes(file));
      assert.deepEqual(
        others.filter((file) => !expected.includes(file)),
        [],
      );
    });
  }
});

function forbiddenImports({ path, imports }: SourceFile): string[] {
  const layer = LAYERS.find(({ files }) => files.test(path));
  if (layer === undefined) return [`${path} belongs to no layer`];
  const own = layer.files.exec(path)?.[1] ?? "";
  const allows = (patterns: readonly string[], target: string) =>
    patterns.some((pattern) => new RegExp(`^${pattern.replace("$1", own)}$`).test(target));
  const { may, mayTypes = [] } = layer;
  return imports
    .filter(({ target, isType }) => !allows(isType ? [...may, ...mayTypes] : may, target))
    .map(({ target }) => `${path} (${layer.name}) imports ${target}`);
}

/** The files of one cycle of imports that exist at run time; empty when there is none. */
function findCycle(sources: readonly SourceFile[]): string[] {
  const graph = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.filter(({ isType }) => !isType).map(({ target }) => target),
    ]),
  );
  const done = new Set<string>();

  function walk(path: string, trail: readonly string[]): string[] {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const target of graph.get(path) ?? []) {
      const cycle = walk(target, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  }

  for (const path of graph.keys()) {
    const cycle = walk(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

/** The path without the feature's own prefix, segments joined by `-`; parameters only where they tell two apart. */
function fileNames(id: string, path: string): string[] {
  const own = path.startsWith(`/${id}/`) ? path.slice(id.length + 2) : path.slice(1);
  const segments = own.replace(/\.\w+$/, (ending) => ending.replace(".", "-")).split("/");
  const withParameters = segments.map((segment) => segment.replace(/^:/, ""));
  const without = segments.filter((segment) => !segment.startsWith(":"));
  return [...new Set([withParameters, without].map((parts) => `${parts.join("-")}.ts`))];
}

/** Names of the endpoints that a file exports; none when it does not exist. */
async function exportsOf(id: string, file: string): Promise<string[]> {
  const path = `lib/routers/${id}/${file}`;
  if (!filesBelow(`lib/routers/${id}`).includes(path)) return [];
  const exported = (await import(`../${path}`)) as Record<string, unknown>;
  // An endpoint, or the function of the same name that makes it.
  return Object.values(exported).flatMap((value) =>
    (typeof value === "object" || typeof value === "function") && value !== null && "name" in value
      ? [String(value.name)]
      : [],
  );
}
