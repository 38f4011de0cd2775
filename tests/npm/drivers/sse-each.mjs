// The TypeScript SDK of the legacy era at several servers behind one mcpx.
//   node sse-each.mjs (http|sse) URL SERVER…
//   node sse-each.mjs stdio COMMAND,ARGUMENT,… SERVER…
// It prints what each server made of the same questions, as one line of JSON.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [kind, target, ...servers] = process.argv.slice(2);
const transports = {
  http: () => new StreamableHTTPClientTransport(new URL(target)),
  sse: () => new SSEClientTransport(new URL(target)),
  stdio: () => {
    const [command, ...args] = target.split(",");
    return new StdioClientTransport({ command, args, env: process.env, stderr: "inherit" });
  },
};
const client = new Client({ name: "sdk-v1", version: "1" });
await client.connect(transports[kind]());

// Over stdio the servers come up while we look.
for (;;) {
  const { tools } = await client.listTools();
  const { description } = tools.find((tool) => tool.name === "inspect");
  if (servers.every((name) => description.includes(`Server: ${name}`))) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}

const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);
const found = [];
for (const server_name of servers) {
  const exec = (tool_name, args, options) => call("exec", { server_name, tool_name, arguments: args }, options);
  const progress = [];
  const errors = [];
  // See tour.mjs: a progress that comes in one chunk with the answer.
  const unknown = "Received a progress notification for an unknown token: ";
  client.onerror = ({ message }) => {
    if (!message.startsWith(unknown)) return errors.push(message);
    const { params } = JSON.parse(message.slice(unknown.length));
    progress.push([params.progress, params.total]);
  };
  found.push({
    server: server_name,
    inspected: await call("inspect", { server_name, tool_name: "get-sum" }),
    sum: await exec("get-sum", { a: 19, b: 23 }),
    image: await exec("get-tiny-image", {}),
    refused: await exec("get-sum", { a: "no number" }),
    resources: await call("resources", { server_name }),
    long: await exec("trigger-long-running-operation", { duration: 0.2, steps: 4 }, {
      onprogress: (p) => progress.push([p.progress, p.total]),
    }),
    progress,
    errors,
  });
}
console.log(JSON.stringify(found));
await client.close();
