// The TypeScript SDK of the legacy era as a client of mcpx over HTTP+SSE.
//   node sse.mjs URL
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { Listings, tour } from "./tour.mjs";

const transport = new SSEClientTransport(new URL(process.argv[2]));
const listings = new Listings();
const client = new Client(
  { name: "sdk-v1", version: "1" },
  { listChanged: { tools: { onChanged: listings.onChanged, debounceMs: 0 } } },
);
await client.connect(transport);
await tour(client, (name, args, options) => client.callTool({ name, arguments: args }, undefined, options), listings, {
  version: transport._protocolVersion, // it has no accessor for what was agreed
  session: /[?&]sessionId=/.test(transport._endpoint.search),
});
await client.close();
