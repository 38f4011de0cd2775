// Makes TypeScript of documents, each with a client that calls every operation.
//   node openapi-types.mjs DIRECTORY
// For each NAME.json there, writes NAME.ts and NAME.client.ts, and a line
//   {"name":NAME,"error":…}
// for each that openapi-typescript does not manage.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";

const directory = process.argv[2];
for (const file of (await readdir(directory)).filter((f) => f.endsWith(".json")).sort()) {
  const name = file.slice(0, -".json".length);
  try {
    const document = JSON.parse(await readFile(join(directory, file), "utf8"));
    await writeFile(join(directory, name + ".ts"), astToString(await openapiTS(document, { silent: true })));
    await writeFile(join(directory, name + ".client.ts"), client(name, document));
  } catch (error) {
    console.log(JSON.stringify({ name, error: String(error) }));
  }
}

// Nobody runs it: bodies and parameters are of the one type that fits everywhere.
function client(name, document) {
  const calls = [];
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of Object.keys(item)) {
      calls.push(`  await client.${method.toUpperCase()}(${JSON.stringify(path)}, null as never),`);
    }
  }
  return `import createClient from "openapi-fetch";
import type { paths } from "./${name}";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1" });
export const calls = async () => [
${calls.join("\n")}
];
`;
}
