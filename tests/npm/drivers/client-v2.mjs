// The TypeScript client of both eras as a client of mcpx; it finds out by
// itself which one it gets.
//   node client-v2.mjs http URL
//   node client-v2.mjs stdio COMMAND ARGUMENT…
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Listings, tour } from "./tour.mjs";

const [kind, target, ...args] = process.argv.slice(2);
const transport =
  kind === "http"
    ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args, env: process.env, stderr: "inherit" });

const listings = new Listings();
const client = new Client(
  { name: "client-v2", version: "1" },
  {
    versionNegotiation: { mode: "auto" },
    listChanged: { tools: { onChanged: listings.onChanged, debounceMs: 0 } },
  },
);
await client.connect(transport);
await tour(client, (name, args, options) => client.callTool({ name, arguments: args }, options), listings, {
  era: client.getProtocolEra(),
  version: client.getNegotiatedProtocolVersion(),
  subscribed: client.autoOpenedSubscription?.honoredFilter,
});
await client.close();
