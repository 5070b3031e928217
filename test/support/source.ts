import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** One import or re-export of a file. */
export interface Import {
  /** Path from `lib` ("services/user.ts"), or the name of a package. */
  readonly target: string;
  /** Leaves nothing behind at run time. */
  readonly isType: boolean;
}

/** One TypeScript file of the library, as the tests about the source see it. */
export interface SourceFile {
  /** From `lib`, "services/user.ts". */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
  /** Casts other than `as const`, as written. */
  readonly casts: readonly string[];
  /** `any` as a type, `!` after an expression: as written. */
  readonly loopholes: readonly string[];
  /** Names of exports without a docstring; endpoints have a summary instead. */
  readonly undocumented: readonly string[];
}

/** Paths of all files below a folder of the project, with `/`. */
export function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .toSorted();
}

/** Text of a file of the project. */
export function textOf(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Every file of the library. */
export function librarySources(): SourceFile[] {
  return filesBelow("lib")
    .filter((path) => path.endsWith(".ts"))
    .map((path) => parse(path.slice("lib/".length), textOf(path)));
}

function parse(path: string, text: string): SourceFile {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const casts: string[] = [];
  const loopholes: string[] = [];

  function visit(node: ts.Node): void {
    const found = importOf(path, node);
    if (found !== null) imports.push(found);
    if (ts.isAsExpression(node) && !ts.isConstTypeReference(node.type)) casts.push(node.getText());
    if (ts.isTypeAssertionExpression(node)) casts.push(node.getText());
    if (node.kind === ts.SyntaxKind.AnyKeyword || ts.isNonNullExpression(node)) {
      loopholes.push(node.parent.getText());
    }
    ts.forEachChild(node, visit);
  }
  visit(file);
  const undocumented = file.statements.flatMap(undocumentedExports);
  return { path, text, imports, casts, loopholes, undocumented };
}

function importOf(path: string, node: ts.Node): Import | null {
  if (ts.isImportDeclaration(node)) {
    const isType = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return { target: resolve(path, node.moduleSpecifier), isType };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    return { target: resolve(path, node.moduleSpecifier), isType: node.isTypeOnly };
  }
  const isDynamic =
    ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  const [specifier] = isDynamic ? node.arguments : [];
  return specifier === undefined ? null : { target: resolve(path, specifier), isType: false };
}

function resolve(path: string, specifier: ts.Expression): string {
  const name = ts.isStringLiteral(specifier) ? specifier.text : specifier.getText();
  return name.startsWith(".") ? posix.join(dirname(path), name) : name;
}

function undocumentedExports(statement: ts.Statement): string[] {
  const isExported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  if (isExported !== true || ts.getJSDocCommentsAndTags(statement).length > 0) return [];
  if (!ts.isVariableStatement(statement)) {
    return [statement.getText().slice(0, 60)];
  }
  return statement.declarationList.declarations
    .filter(({ initializer }) => initializer?.getText().startsWith("endpoint(") !== true)
    .map(({ name }) => name.getText());
}
