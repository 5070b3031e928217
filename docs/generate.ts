import { writeFileSync } from "node:fs";
import { generatedDocuments } from "./documents.ts";

for (const [path, content] of generatedDocuments()) {
  writeFileSync(new URL(`../${path}`, import.meta.url), content);
}
