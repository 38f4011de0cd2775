// Calls tools through the OpenAPI service of mcpx, typed by what
// openapi-typescript makes of its documents: a wrong argument or a wrong use of
// an answer does not compile. It is copied beside those files.
//   node openapi-tour.ts ORIGIN FOLDER
// FOLDER is where the filesystem server may write.
import createClient from "openapi-fetch";
import type { paths as Everything } from "./everything";
import type { paths as Filesystem } from "./filesystem";
import type { paths as GoSDK } from "./go-sdk-everything";
import type { paths as Memory } from "./memory";
import type { paths as Thinking } from "./sequential-thinking";

declare const process: { argv: string[] };
const [origin, folder] = process.argv.slice(2);

function equal(got: unknown, want: unknown): void {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${JSON.stringify(got)} and not ${JSON.stringify(want)}`);
}

function holds(got: unknown, part: string): void {
  if (!JSON.stringify(got)?.includes(part)) throw new Error(`no ${part} in ${JSON.stringify(got)}`);
}

// The base is what the document says.
async function base(server: string): Promise<string> {
  const document = await (await fetch(`${origin}/${server}/openapi.json`)).json();
  return new URL(document.servers[0].url, origin).href;
}

{
  const client = createClient<Everything>({ baseUrl: await base("everything") });
  const sum = await client.POST("/get-sum", { body: { a: 19, b: 23 } });
  equal(sum.data, "The sum of 19 and 23 is 42.");
  const weather = await client.POST("/get-structured-content", { body: { location: "Chicago" } });
  const humidity: number = weather.data!.humidity;
  equal(typeof humidity, "number");
  // @ts-expect-error: an argument that must be there
  const flawed = await client.POST("/get-sum", { body: { a: 19 } });
  equal(flawed.response.status, 422);
  const detail = flawed.error!.detail;
  holds(Array.isArray(detail) && detail[0].loc, '"b"');
  // @ts-expect-error: a tool that is not there
  equal((await client.POST("/get-some", {})).response.status, 404);
  const resources = await client.GET("/resources");
  const uri = resources.data!.resources[0].uri;
  equal((await client.GET("/resources/read", { params: { query: { uri } } })).response.status, 200);
  const prompt = await client.POST("/prompts/args-prompt", { body: { city: "Chicago" } });
  holds(prompt.data!.messages[0].content, "Chicago");
  const health = await client.GET("/health");
  equal(health.data!.status, "healthy");
}
{
  const client = createClient<Filesystem>({ baseUrl: await base("filesystem") });
  const path = `${folder}/typed.txt`;
  equal((await client.POST("/write_file", { body: { path, content: "Ω" } })).response.status, 200);
  const read = await client.POST("/read_text_file", { body: { path } });
  const content: string = read.data!.content;
  equal(content, "Ω");
  const missing = await client.POST("/read_text_file", { body: { path: `${folder}/none.txt` } });
  equal(missing.response.status, 500);
  holds(missing.error, "none.txt");
}
{
  const client = createClient<Memory>({ baseUrl: await base("memory") });
  await client.POST("/create_entities", { body: { entities: [{ name: "door", entityType: "thing", observations: ["hinges"] }] } });
  const graph = await client.POST("/open_nodes", { body: { names: ["door"] } });
  equal(graph.data!.entities.map((e) => e.name), ["door"]);
}
{
  const client = createClient<Thinking>({ baseUrl: await base("sequential-thinking") });
  const thought = await client.POST("/sequentialthinking", { body: { thought: "so", nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 } });
  equal(thought.data!.thoughtNumber, 1);
}
{
  const client = createClient<GoSDK>({ baseUrl: await base("go-sdk-everything") });
  const text = await client.POST("/test_simple_text");
  equal(typeof text.data, "string");
  const whole = await client.POST("/json_schema_2020_12_tool", { body: { name: "n", address: { street: "s" }, contactMethod: "phone", phone: "1" } });
  equal(whole.error, undefined);
  const failing = await client.POST("/test_error_handling");
  equal(failing.response.status, 500);
  holds(failing.error, "this tool intentionally returns an error");
}
console.log("every call was typed and answered");
