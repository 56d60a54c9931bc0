// Makes app.wasm of app.js.
import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "componentize-qjs";

const jsSource = await readFile("app.js", "utf8");
const made = await componentize({ witPath: "wit", jsSource, jsPath: "app.js", world: "app", sync: true, stubWasi: true });
await writeFile("app.wasm", made.component);
