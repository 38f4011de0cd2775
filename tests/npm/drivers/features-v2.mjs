// The TypeScript client of both eras goes through the steps of features.mjs.
//   node features-v2.mjs legacy|auto http URL
//   node features-v2.mjs legacy|auto stdio COMMAND ARGUMENT…
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Answers, capabilities, features } from "./features.mjs";

const [mode, kind, target, ...args] = process.argv.slice(2);
const transport =
  kind === "http"
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args, env: process.env, stderr: "inherit" });

const client = new Client({ name: "features", version: "1" }, { capabilities, versionNegotiation: { mode } });
const answers = new Answers();
for (const method of Object.keys(answers.asked)) {
  client.setRequestHandler(method, async ({ params }) => answers[method](params));
}
await client.connect(transport);
const outcomes = await features(client, transport, answers, { callTool: (params, options) => client.callTool(params, options) });
outcomes.era = { era: client.getProtocolEra(), version: client.getNegotiatedProtocolVersion() };
if (kind === "http") await transport.terminateSession?.();
await client.close();
console.log(JSON.stringify(outcomes));
