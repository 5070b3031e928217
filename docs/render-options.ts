import { readFileSync } from "node:fs";
import ts from "typescript";
import { code, table } from "./markdown.ts";

/** One option as its declaration documents it. */
export interface DocumentedOption {
  /** "session.expiresIn" */
  readonly name: string;
  /** The docstring in one line, without its default. */
  readonly text: string;
  /** Undefined when the docstring names none. */
  readonly defaultValue: string | undefined;
}

const SOURCE = new URL("../lib/options.ts", import.meta.url);

/** Reads names, docstrings and defaults of all options out of their declarations, in their order. */
export function readOptionDocs(): DocumentedOption[] {
  const file = ts.createSourceFile(
    "options.ts",
    readFileSync(SOURCE, "utf8"),
    ts.ScriptTarget.Latest,
    true,
  );
  const interfaces = new Map<string, ts.InterfaceDeclaration>();
  for (const statement of file.statements) {
    if (ts.isInterfaceDeclaration(statement)) interfaces.set(statement.name.text, statement);
  }

  function optionsOf(name: string, path: string): DocumentedOption[] {
    const declaration = interfaces.get(name);
    if (declaration === undefined) return [];
    const inherited = (declaration.heritageClauses ?? [])
      .flatMap(({ types }) => types)
      .flatMap(({ expression }) => optionsOf(expression.getText(), path));
    const own = declaration.members
      .filter(ts.isPropertySignature)
      .flatMap((member) => documented(member, path));
    return [...own, ...inherited];
  }

  function documented(member: ts.PropertySignature, path: string): DocumentedOption[] {
    const name = `${path}${member.name.getText()}`;
    const [text = "", defaultValue] = docstringOf(member).split(/ ?\bDefault: /);
    const groups = groupsIn(member.type).flatMap((group) => optionsOf(group, `${name}.`));
    return [{ name, text, defaultValue: defaultValue?.replace(/\.$/, "") }, ...groups];
  }

  /** Names of the option groups that a type mentions by themselves, not as values of a record. */
  function groupsIn(type: ts.TypeNode | undefined): string[] {
    const parts = type !== undefined && ts.isUnionTypeNode(type) ? [...type.types] : [type];
    return parts.flatMap((part) => {
      const name =
        part !== undefined && ts.isTypeReferenceNode(part) ? part.typeName.getText() : "";
      return interfaces.has(name) ? [name] : [];
    });
  }

  return optionsOf("AuthOptions", "");
}

function docstringOf(member: ts.PropertySignature): string {
  const [docs] = ts.getJSDocCommentsAndTags(member);
  const comment = docs === undefined ? "" : ts.getTextOfJSDocComment(docs.comment);
  return (comment ?? "").replaceAll(/\s*\n\s*/g, " ");
}

/** Every option with its default. */
export function renderOptions(): string {
  return `${INTRODUCTION}\n\n${optionTable(readOptionDocs())}\n`;
}

const INTRODUCTION = `# Options

Made by \`npm run docs\` from the docstrings in \`lib/options.ts\`. Names, nesting and defaults are Better Auth's, except where
a default says so; Better Auth's options without effect here are accepted and named in a warning at start. An unknown name
or a wrong value throws at start.`;

/** The chosen options, in this order. */
export function renderChosenOptions(names: readonly string[]): string {
  const all = readOptionDocs();
  const chosen = names.map((name) => {
    const option = all.find((candidate) => candidate.name === name);
    if (option === undefined) throw new Error(`docs: there is no option ${name}`);
    return option;
  });
  return optionTable(chosen);
}

function optionTable(options: readonly DocumentedOption[]): string {
  const rows = options.map(({ name, text, defaultValue = "" }) => [code(name), text, defaultValue]);
  return table(["Option", "Meaning", "Default"], rows);
}
