import { readFileSync } from "node:fs";
import ts from "typescript";
import { WITHOUT_EFFECT_YET } from "../lib/read-options.ts";
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

/** Options of one call that are documented by an interface of a file of `lib`. */
interface Source {
  readonly file: string;
  readonly root: string;
}

/** Values of another library, which are no group of options. */
const FOREIGN = "StandardSchemaLike";

const MAIN: Source = { file: "options.ts", root: "AuthOptions" };

/** Reads names, docstrings and defaults of all options out of their declarations, in their order. */
export function readOptionDocs(source = MAIN): DocumentedOption[] {
  const file = ts.createSourceFile(
    source.file,
    readFileSync(new URL(`../lib/${source.file}`, import.meta.url), "utf8"),
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
    return [...membersOf(declaration, path), ...inherited];
  }

  function membersOf(
    { members }: ts.InterfaceDeclaration | ts.TypeLiteralNode,
    path: string,
  ): DocumentedOption[] {
    return members.filter(ts.isPropertySignature).flatMap((member) => documented(member, path));
  }

  function documented(member: ts.PropertySignature, path: string): DocumentedOption[] {
    const name = `${path}${member.name.getText()}`;
    const [text = "", defaultValue] = docstringOf(member).split(/ ?\bDefault: /);
    const groups = groupsIn(member.type).flatMap((group) => optionsOf(group, `${name}.`));
    const inner = literalsIn(member.type).flatMap((literal) => membersOf(literal, `${name}.`));
    return [{ name, text, defaultValue: defaultValue?.replace(/\.$/, "") }, ...groups, ...inner];
  }

  /** Names of the option groups that a type mentions by themselves, not as values of a record. */
  function groupsIn(type: ts.TypeNode | undefined): string[] {
    const parts = type !== undefined && ts.isUnionTypeNode(type) ? [...type.types] : [type];
    return parts.flatMap((part) => {
      const name =
        part !== undefined && ts.isTypeReferenceNode(part) ? part.typeName.getText() : "";
      return interfaces.has(name) && name !== FOREIGN ? [name] : [];
    });
  }

  return optionsOf(source.root, "");
}

/** Groups that are written in place; what they hold is documented there, or by the group itself. */
function literalsIn(type: ts.TypeNode | undefined): ts.TypeLiteralNode[] {
  if (type === undefined) return [];
  const parts = ts.isUnionTypeNode(type) ? [...type.types] : [type];
  return parts.filter(ts.isTypeLiteralNode);
}

function docstringOf(member: ts.PropertySignature): string {
  const [docs] = ts.getJSDocCommentsAndTags(member);
  const comment = docs === undefined ? "" : ts.getTextOfJSDocComment(docs.comment);
  return (comment ?? "").replaceAll(/\s*\n\s*/g, " ");
}

/** The options of other calls and of fields, each with its own table. */
const TABLES: readonly (readonly [heading: string, text: string, source: Source])[] = [
  [
    "Entries of `additionalFields`",
    'For `user` and `session`: `additionalFields: { plan: { type: "string", required: false, input: false } }`.',
    { file: "options.ts", root: "AdditionalField" },
  ],
  [
    "`username()`",
    "Of `better-auth-express`, an entry of `plugins`.",
    { file: "routers/username/schemas.ts", root: "UsernameOptions" },
  ],
  [
    "`twoFactor()`",
    "Of `better-auth-express`, an entry of `plugins`; [what they are for](two-factor.md).",
    { file: "routers/two-factor/schemas.ts", root: "TwoFactorOptions" },
  ],
  [
    "`smtpMailer()`",
    "Of `better-auth-express/mail`.",
    { file: "mail/options.ts", root: "SmtpMailerOptions" },
  ],
];

/** All options that `docs/options.md` lists. */
export function allOptionDocs(): DocumentedOption[] {
  return [MAIN, ...TABLES.map(([, , source]) => source)].flatMap(readOptionDocs);
}

/** Every option with its default. */
export function renderOptions(): string {
  const main = optionTable(readOptionDocs().map(marked));
  const others = TABLES.map(
    ([heading, text, source]) =>
      `## ${heading}\n\n${text}\n\n${optionTable(readOptionDocs(source))}`,
  );
  return `${[INTRODUCTION, main, ...others].join("\n\n")}\n`;
}

/** With a mark where nothing reads the option yet. */
function marked(option: DocumentedOption): DocumentedOption {
  const isIdle = WITHOUT_EFFECT_YET.some(
    (name) => option.name === name || option.name.startsWith(`${name}.`),
  );
  return isIdle ? { ...option, text: `(not in effect yet) ${option.text}` } : option;
}

const INTRODUCTION = `# Options

Made by \`npm run docs\` from the docstrings in \`lib\`. Names, nesting and defaults are Better Auth's, except where
a default says so; Better Auth's options without effect here are accepted and named in a warning at start, and so are those
marked "not in effect yet". An unknown name or a wrong value throws at start. Further down: entries of
[\`additionalFields\`](#entries-of-additionalfields), [\`username()\`](#username), [\`twoFactor()\`](#twofactor),
[\`smtpMailer()\`](#smtpmailer).`;

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
