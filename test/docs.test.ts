import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { generatedDocuments } from "../docs/documents.ts";
import { allOptionDocs, readOptionDocs, renderOptions } from "../docs/render-options.ts";
import { WITHOUT_EFFECT_YET } from "../lib/read-options.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const UNIT = /second|character|millisecond|number|bytes|iterations|\d s\b/i;

/** Number of the first line in which two texts differ, or null. */
function firstDifference(text: string, other: string): number | null {
  if (text === other) return null;
  const lines = other.split("\n");
  const same = text.split("\n").findIndex((line, index) => line !== lines[index]);
  return (same === -1 ? text.split("\n").length : same) + 1;
}

describe("generated documents", () => {
  for (const [path, content] of generatedDocuments()) {
    it(`when ${path} is compared with the code, then it is up to date`, () => {
      const stale = firstDifference(readFileSync(join(root, path), "utf8"), content);
      if (stale !== null) assert.fail(`${path} is stale from line ${stale} on: npm run docs`);
    });
  }
});

describe("docstrings of options", () => {
  it("when an option is declared, then its docstring names the default", () => {
    const without = allOptionDocs().filter(({ defaultValue }) => !defaultValue);
    assert.deepEqual(
      without.map(({ name }) => name),
      [],
    );
  });

  it("when an option's default is a number, then its docstring names the unit", () => {
    const without = allOptionDocs().filter(
      ({ text, defaultValue = "" }) =>
        /^\d/.test(defaultValue) && !UNIT.test(`${text} ${defaultValue}`),
    );
    assert.deepEqual(
      without.map(({ name }) => name),
      [],
    );
  });
});

describe("options without effect yet", () => {
  it("when one is listed in the code, then it and what is below it are marked, and nothing else", () => {
    const isIdle = (name: string): boolean =>
      WITHOUT_EFFECT_YET.some((idle) => name === idle || name.startsWith(`${idle}.`));
    const lines = renderOptions().split("\n");
    for (const { name } of readOptionDocs()) {
      const line = lines.find((candidate) => candidate.startsWith(`| \`${name}\` |`));
      assert.equal(line?.includes("(not in effect yet)"), isIdle(name), name);
    }
  });
});

/** What links to headings of a document may name, as GitHub makes it of their text. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("links in the documents", () => {
  const folders = ["", "docs", "docs/decisions", "examples/basic"];
  const documents = folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(folder, name)),
  );

  for (const path of documents) {
    it(`when ${path} links to a file or a heading, then that exists`, () => {
      const text = readFileSync(join(root, path), "utf8");
      const links = [...text.matchAll(/\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]*))?\)/g)];
      const missing = links.filter(([, file = "", anchor]) => {
        const target = file === "" ? join(root, path) : join(root, dirname(path), file);
        if (!existsSync(target)) return true;
        return anchor !== undefined && !anchorsOf(readFileSync(target, "utf8")).includes(anchor);
      });
      assert.deepEqual(
        missing.map(([link]) => link),
        [],
      );
    });
  }

  it("when a document names a file of the project, then that exists", () => {
    const pattern = /`((?:lib|test|docs|examples|bench|\.ci)\/[\w./-]*\w)`/g;
    const missing = documents.flatMap((path) =>
      [...readFileSync(join(root, path), "utf8").matchAll(pattern)]
        .map(([, file = ""]) => file)
        .filter((file) => !existsSync(join(root, file)))
        .map((file) => `${path}: ${file}`),
    );
    assert.deepEqual(missing, []);
  });
});
