// Prints for each of some modules whether the engine compiles it, as JSON: node engines.mjs FILE...

import fs from "node:fs";

const verdicts = [];
for (const file of process.argv.slice(2)) {
  verdicts.push(await WebAssembly.compile(fs.readFileSync(file)).then(() => true, () => false));
}
process.stdout.write(JSON.stringify(verdicts));
