// usage: node --input-type=module -e "$(cat validate.mjs)" < objects.json   (in the folder that has node_modules)
// Runs the published validator (types, enums, patterns, required fields) of each custom resource; prints one line per fault.
import { readFileSync } from "node:fs";

for (const { module, object } of JSON.parse(readFileSync(0, "utf8"))) {
  const Model = (await import(module))[object.kind];
  try {
    new Model(object).validate();
  } catch (error) {
    console.log(`${object.kind}/${object.metadata.name}: ${error.message}`);
  }
}
