// The TypeScript SDK of the legacy era as a client of mcpx.
//   node sdk-v1.mjs http URL
//   node sdk-v1.mjs stdio COMMAND ARGUMENT…
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Listings, tour } from "./tour.mjs";

const [kind, target, ...args] = process.argv.slice(2);
const transport =
  kind === "http"
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args, env: process.env, stderr: "inherit" });

const listings = new Listings();
const client = new Client(
  { name: "sdk-v1", version: "1" },
  { listChanged: { tools: { onChanged: listings.onChanged, debounceMs: 0 } } },
);
await client.connect(transport);
await tour(client, (name, args, options) => client.callTool({ name, arguments: args }, undefined, options), listings, {
  version: transport.protocolVersion, // over HTTP only
  session: Boolean(transport.sessionId),
});
if (kind === "http") await transport.terminateSession();
await client.close();
