import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const LIB = join(import.meta.dirname, "../../lib");

interface Import {
  readonly file: string;
  readonly from: string;
  readonly isType: boolean;
}

/** Every import and re-export in lib. */
function allImports(): Import[] {
  return readdirSync(LIB, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) =>
      [
        ...readFileSync(join(LIB, file), "utf8").matchAll(
          /^(import|export)( type)?\b(?:[^;"]*? from)? "([^"]+)";/gm,
        ),
      ].map(([, , type, from = ""]) => ({ file, from, isType: type !== undefined })),
    );
}

describe("lib/mail", () => {
  const imports = allImports();
  const isMail = (file: string) => file.startsWith("mail");

  it("when the library is loaded without it, then nodemailer is not", () => {
    const found = imports.filter(({ from }) => from.split("/")[0] === "nodemailer");
    assert(found.length > 0);
    assert.deepEqual(
      found.filter(({ file }) => !isMail(file)),
      [],
    );
    assert.deepEqual(
      imports.filter(({ file, from }) => !isMail(file) && /\/mail\/[^"]*\.ts$/.test(from)),
      [],
    );
  });

  it("when it is loaded, then nothing else of the library is", () => {
    const outside = imports.filter(
      ({ file, from, isType }) =>
        isMail(file) &&
        !isType &&
        from.startsWith("../") &&
        !join(LIB, file, "..", from).startsWith(join(LIB, "mail")),
    );
    assert.deepEqual(outside, []);
  });
});
