// The TypeScript SDK of the legacy era as a client of server-everything behind a
// transparent endpoint of mcpx. Prints what it found.
//   node transparent.mjs http|sse URL
//   node transparent.mjs stdio COMMAND ARGUMENT…
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const [kind, target, ...args] = process.argv.slice(2);
const transport = {
  http: () => new StreamableHTTPClientTransport(new URL(target)),
  sse: () => new SSEClientTransport(new URL(target)),
  stdio: () => new StdioClientTransport({ command: target, args, env: process.env, stderr: "inherit" }),
}[kind]();
const errors = [];
const client = new Client({ name: "transparent", version: "1" }, { capabilities: { sampling: {} } });
// The SDK answers a call before it looks at the progress that came with the
// answer in one piece, and then knows the token no more; also without mcpx.
client.onerror = (e) => /progress notification for an unknown token/.test(e) || errors.push(String(e));
let asked;
client.setRequestHandler(CreateMessageRequestSchema, (request) => {
  asked = JSON.stringify(request.params.messages);
  return { role: "assistant", model: "m", content: { type: "text", text: "a sample" } };
});
await client.connect(transport);
const progress = []; // as it comes on the wire
const take = transport.onmessage;
transport.onmessage = (message, extra) => {
  if (message.method === "notifications/progress") progress.push([message.params.progress, message.params.total]);
  take(message, extra);
};
const long = await client.callTool(
  { name: "trigger-long-running-operation", arguments: { duration: 0.3, steps: 3 } },
  undefined,
  { onprogress: () => {} },
);
const sampled = await client.callTool({ name: "trigger-sampling-request", arguments: { prompt: "sample this", maxTokens: 10 } });
await client.setLoggingLevel("error");
const found = {
  server: client.getServerVersion().name,
  tools: (await client.listTools()).tools.length,
  prompts: (await client.listPrompts()).prompts.length,
  sum: await client.callTool({ name: "get-sum", arguments: { a: 19, b: 23 } }),
  long, progress, sampled, asked,
  refused: await client.getPrompt({ name: "nobody" }).then(() => 0, (e) => e.code),
  errors,
};
if (kind === "http") await transport.terminateSession();
await client.close();
console.log(JSON.stringify(found));
