import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const project = fileURLToPath(new URL("..", import.meta.url));

/** The package as it would be installed, in a folder of its own, with the benchmark's servers beside it. */
export interface Build {
  readonly folder: string;
  /** Path of a server's program. */
  readonly server: (name: string) => string;
  readonly remove: () => Promise<void>;
}

/** Which sources and packages a build has. */
export interface BuildOptions {
  /** Default: the project's `lib`. */
  readonly lib?: string;
  /** A folder with `node_modules`. Default: the project. */
  readonly packages?: string;
}

/**
 * Compiles the library and the servers, as `npm run build` does, into a temporary folder: neither a loader nor a change
 * of the sources during the run touches what is measured. The servers import the library by its name.
 */
export async function build({ lib, packages = project }: BuildOptions = {}): Promise<Build> {
  const folder = await mkdtemp(path.join(tmpdir(), "better-auth-express-bench-"));
  await copyFile(path.join(project, "package.json"), path.join(folder, "package.json"));
  await symlink(path.resolve(packages, "node_modules"), path.join(folder, "node_modules"));
  await compile(path.resolve(lib ?? path.join(project, "lib")), path.join(folder, "dist"));
  await compile(path.join(project, "bench", "servers"), path.join(folder, "servers"));
  return {
    folder,
    server: (name) => path.join(folder, "servers", `${name}.js`),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function compile(source: string, target: string): Promise<void> {
  const files = await readdir(source, { recursive: true });
  await Promise.all(
    files
      .filter((file) => file.endsWith(".ts"))
      .map(async (file) => {
        const output = path.join(target, file.replace(/\.ts$/, ".js"));
        await mkdir(path.dirname(output), { recursive: true });
        const text = await readFile(path.join(source, file), "utf8");
        const { outputText } = ts.transpileModule(text, { fileName: file, compilerOptions });
        await writeFile(output, outputText);
      }),
  );
}

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};
