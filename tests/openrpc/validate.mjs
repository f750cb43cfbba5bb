// Checks OpenRPC documents against the specification's meta-schema.
// Usage: node validate.mjs FILE...      (- is standard input)
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import openrpcSchema from "@open-rpc/meta-schema";
import jsonSchema from "@json-schema-tools/meta-schema";

// Both schemas name the second one as their dialect; for ajv it is draft 7 under another name.
const asDraft7 = (module) => {
  const { $schema, $id, ...schema } = module.default ?? module;
  return schema;
};

// Formats (uri, regex) need another package and say little here.
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
// It is referred to with and without the slash.
for (const id of ["https://meta.json-schema.tools", "https://meta.json-schema.tools/"])
  ajv.addSchema(asDraft7(jsonSchema), id);
const validate = ajv.compile(asDraft7(openrpcSchema));

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("usage: node validate.mjs FILE...");
  process.exit(2);
}

let bad = false;
for (const file of files) {
  const document = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
  if (validate(document)) continue;
  bad = true;
  for (const { instancePath, message, params } of validate.errors)
    console.error(`${file}: ${instancePath || "/"} ${message} ${JSON.stringify(params)}`);
}
process.exit(bad ? 1 : 0);
