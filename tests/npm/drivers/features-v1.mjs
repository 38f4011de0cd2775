// The TypeScript SDK of the legacy era goes through the steps of features.mjs.
//   node features-v1.mjs http|sse URL
//   node features-v1.mjs stdio COMMAND ARGUMENT…
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { InMemoryTaskStore } from "@modelcontextprotocol/sdk/experimental/tasks";
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  CreateTaskResultSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { Answers, capabilities, features } from "./features.mjs";

const [kind, target, ...args] = process.argv.slice(2);
const transport = {
  http: () => new StreamableHTTPClientTransport(new URL(target)),
  sse: () => new SSEClientTransport(new URL(target)),
  stdio: () => new StdioClientTransport({ command: target, args, env: process.env, stderr: "inherit" }),
}[kind]();

const taskStore = new InMemoryTaskStore();
const requests = { sampling: { createMessage: {} }, elicitation: { create: {} } };
const client = new Client(
  { name: "features", version: "1" },
  { capabilities: { ...capabilities, tasks: { list: {}, cancel: {}, requests } }, taskStore },
);
const answers = new Answers();
for (const schema of [CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema]) {
  client.setRequestHandler(schema, async ({ method, params }, extra) => {
    const answer = answers[method](params);
    if (!params?.task) return answer;
    const task = await extra.taskStore.createTask({ ttl: params.task.ttl });
    await extra.taskStore.storeTaskResult(task.taskId, "completed", answer);
    return { task };
  });
}

// The steps of tasks: they wait most of the time, so they go side by side.
const tasks = (call, asking) => {
  const theirs = client.experimental.tasks;
  return [
    ["a task with a question", () =>
      asking("elicitation/create", async () => {
        const seen = [];
        for await (const m of theirs.callToolStream({ name: "simulate-research-query", arguments: { topic: "python", ambiguous: true } })) {
          if (m.type !== seen.at(-1)?.type) seen.push({ type: m.type, result: m.result, error: m.error?.message });
        }
        return seen;
      }).then(({ asked, result }) => ({ asked: asked.filter((q) => q.requestedSchema?.properties.interpretation), result }))],
    ["a task cancelled", async () => {
      const params = { name: "simulate-research-query", arguments: { topic: "rust" } };
      const { task } = await client.request({ method: "tools/call", params }, CreateTaskResultSchema, { task: { ttl: 60_000 } });
      const { status } = await theirs.getTask(task.taskId);
      const listed = (await theirs.listTasks()).tasks.some(({ taskId }) => taskId === task.taskId);
      const cancelled = await theirs.cancelTask(task.taskId);
      const late = await theirs.getTaskResult(task.taskId, CallToolResultSchema).then(() => "a result", (e) => e.message);
      return { status, listed, cancelled: cancelled.status, late };
    }],
    ["no such task", () => theirs.getTask("nobody")],
    ["sampling as a task of the client", () => call("trigger-sampling-request-async", { prompt: "later", maxTokens: 5 })],
    ["elicitation as a task of the client", () => call("trigger-elicitation-request-async")],
  ];
};

await client.connect(transport);
const outcomes = await features(client, transport, answers, {
  callTool: (params, options) => client.callTool(params, undefined, options),
  tasks,
});
if (kind === "http") await transport.terminateSession();
await client.close();
taskStore.cleanup();
console.log(JSON.stringify(outcomes));
