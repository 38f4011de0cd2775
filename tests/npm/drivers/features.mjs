// What a client can do with server-everything, step by step. A driver runs it
// once with the server itself and once with mcpx between: no step may come out
// differently.

const patience = 60_000; // milliseconds that a step may take

/** Texts that differ from run to run, by what stands for them. */
const volatile = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>"],
  [/\d{1,2}:\d\d:\d\d( [AP]M)?/g, "<time>"],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<uuid>"],
  [/\b[0-9a-f]{32}\b/g, "<task>"],
  [/note-\d+/g, "note"],
  // Over HTTP the server names its session, where it knows one.
  [/( - SessionId <uuid>|(?<=URI: \S+) (from session <uuid>)?| for session (<uuid>|undefined))/g, ""],
  [/\b(Debug|Info|Notice|Warning|Error|Critical|Alert|Emergency)( |-)level(-| )message/g, "<a level>"],
];

function plain(value, key) {
  if (Array.isArray(value)) return value.map((v) => plain(v));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v, k)]));
  if (typeof value !== "string") return value;
  if (key === "blob") {
    const text = Buffer.from(value, "base64").toString();
    if (text.startsWith("Resource ")) value = text; // it holds the time of day
  }
  return volatile.reduce((text, [what, instead]) => text.replace(what, instead), value);
}

/** What a client of these features declares; tasks where its SDK has them. */
export const capabilities = {
  sampling: {},
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
};

/** The answers of the client, and what it was asked. */
export class Answers {
  asked = { "sampling/createMessage": [], "elicitation/create": [], "roots/list": [] };
  roots = [{ uri: "file:///one", name: "one" }];

  "sampling/createMessage"(params) {
    this.asked["sampling/createMessage"].push(params);
    const prompt = params.messages[0].content.text;
    return { role: "assistant", model: "nobody", stopReason: "endTurn", content: { type: "text", text: `answered: ${prompt}` } };
  }

  "elicitation/create"(params) {
    this.asked["elicitation/create"].push(params);
    if (params.mode === "url") return { action: "accept" };
    const form = params.requestedSchema.properties;
    if (form.interpretation) return { action: "accept", content: { interpretation: "snake" } };
    return { action: "accept", content: { name: "Ada", ...(form.check && { check: true }) } };
  }

  "roots/list"() {
    this.asked["roots/list"].push({});
    return { roots: this.roots };
  }
}

/**
 * @param client    connected; its handlers are those of answers
 * @param transport of the client
 * @param answers   see Answers
 * @param sdk       { callTool(params, options), tasks? } what the SDKs call differently
 * @returns the outcome of each step, by its name
 */
export async function features(client, transport, answers, { callTool, tasks }) {
  const outcomes = {};
  const step = async (name, run) => {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("not in time")), patience)));
    outcomes[name] = await Promise.race([run(), late]).then(
      (result) => plain({ result }),
      ({ code, message, data }) => plain({ error: { code, message, data } }),
    );
    clearTimeout(timer);
  };

  const complaints = [];
  // Also without mcpx; see below. And the end of a request that was given up
  // may be met on its way.
  const known = /progress notification for an unknown token|AbortError/;
  client.onerror = (error) => known.test(String(error)) || complaints.push(String(error));

  // Notifications as they come on the wire: the SDKs forget whom a progress is
  // for as soon as they have read the answer.
  const told = [];
  let more = () => {};
  const take = transport.onmessage;
  transport.onmessage = (message, extra) => {
    if (message.method && message.id === undefined) {
      told.push(message);
      more();
    }
    take.call(transport, message, extra);
  };
  const notified = async (since, method, fits = () => true) => {
    for (;;) {
      const found = told.slice(since).find((m) => m.method === method && fits(m.params));
      if (found) return found;
      await new Promise((resolve) => (more = resolve));
    }
  };
  const call = (name, args = {}, options) => callTool({ name, arguments: args }, options);
  const asking = async (method, run) => {
    const before = answers.asked[method].length;
    const result = await run();
    return { asked: answers.asked[method].slice(before), result };
  };

  await step("initialize", async () => ({
    server: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(),
  }));
  await step("ping", () => client.ping());
  await step("tools/list", () => client.listTools());

  await step("text", () => call("echo", { message: "Ω, 山, \u0000 and \"quotes\"" }));
  await step("number", () => call("get-sum", { a: 19, b: 23.5 }));
  await step("image", () => call("get-tiny-image"));
  await step("annotations", () => call("get-annotated-message", { messageType: "error", includeImage: true }));
  await step("resource links", () => call("get-resource-links", { count: 4 }));
  await step("embedded text", () => call("get-resource-reference", { resourceType: "Text", resourceId: 3 }));
  await step("embedded blob", () => call("get-resource-reference", { resourceType: "Blob", resourceId: 4 }));
  await step("structured content", () => call("get-structured-content", { location: "Chicago" }));
  await step("wrong arguments", () => call("get-sum", { a: "nineteen" }));
  await step("no such tool", () => call("nobody"));

  await step("prompts/list", () => client.listPrompts());
  await step("prompt", () => client.getPrompt({ name: "simple-prompt" }));
  await step("prompt with arguments", () => client.getPrompt({ name: "args-prompt", arguments: { city: "Paris", state: "Texas" } }));
  await step("prompt with a resource", () =>
    client.getPrompt({ name: "resource-prompt", arguments: { resourceType: "Blob", resourceId: "2" } }));
  await step("prompt without its arguments", () => client.getPrompt({ name: "args-prompt", arguments: {} }));
  await step("no such prompt", () => client.getPrompt({ name: "nobody" }));

  await step("resources/list", () => client.listResources());
  await step("resources/templates/list", () => client.listResourceTemplates());
  await step("static resource", () => client.readResource({ uri: "demo://resource/static/document/features.md" }));
  await step("text resource", () => client.readResource({ uri: "demo://resource/dynamic/text/1" }));
  await step("blob resource", () => client.readResource({ uri: "demo://resource/dynamic/blob/2" }));
  await step("no such resource", () => client.readResource({ uri: "demo://nowhere" }));

  await step("completion of a prompt's argument", () =>
    client.complete({
      ref: { type: "ref/prompt", name: "completable-prompt" },
      argument: { name: "name", value: "" },
      context: { arguments: { department: "Sales" } },
    }));
  await step("completion of a template's variable", () =>
    client.complete({ ref: { type: "ref/resource", uri: "demo://resource/dynamic/text/{resourceId}" }, argument: { name: "resourceId", value: "7" } }));
  await step("no such completion", () =>
    client.complete({ ref: { type: "ref/prompt", name: "nobody" }, argument: { name: "x", value: "" } }));

  // All sessions of its process share these names, and who takes one removes
  // the resource of whoever had it.
  const note = `note-${process.pid}.gz`;
  await step("resources/list_changed", async () => {
    const since = told.length;
    const result = await call("gzip-file-as-resource", { name: note, data: "data:text/plain,zipped", outputType: "resourceLink" });
    return { result, told: await notified(since, "notifications/resources/list_changed") };
  });
  await step("resource of the session", () => client.readResource({ uri: `demo://resource/session/${note}` }));

  await step("logging/setLevel", () => client.setLoggingLevel("debug"));
  await step("subscription", async () => {
    const uri = "demo://resource/dynamic/text/5";
    const since = told.length;
    const result = await client.subscribeResource({ uri });
    const log = await notified(since, "notifications/message", ({ data }) => String(data).includes("Subscribe"));
    const started = await call("toggle-subscriber-updates");
    const updated = await notified(since, "notifications/resources/updated");
    return { result, log, started, updated, stopped: await call("toggle-subscriber-updates"), unsubscribed: await client.unsubscribeResource({ uri }) };
  });
  await step("log message", async () => {
    const since = told.length;
    const started = await call("toggle-simulated-logging");
    const { params } = await notified(since, "notifications/message", ({ data }) => String(data).includes("level"));
    return { started, data: params.data, stopped: await call("toggle-simulated-logging") };
  });
  await step("no log message below the level", async () => {
    const result = await client.setLoggingLevel("emergency");
    const since = told.length;
    await client.subscribeResource({ uri: "demo://resource/dynamic/text/6" });
    await client.unsubscribeResource({ uri: "demo://resource/dynamic/text/6" });
    return { result, told: told.slice(since).filter(({ method }) => method === "notifications/message") };
  });

  await step("progress", async () => {
    const since = told.length;
    const result = await call("trigger-long-running-operation", { duration: 0.4, steps: 4 }, { onprogress() {} });
    const seen = told.slice(since).filter(({ method }) => method === "notifications/progress");
    return { result, seen: seen.map(({ params: { progressToken, ...rest } }) => rest) };
  });
  await step("cancellation", async () => {
    const since = told.length;
    const giveUp = new AbortController();
    const running = call("trigger-long-running-operation", { duration: 600, steps: 3000 }, { onprogress() {}, signal: giveUp.signal });
    await Promise.race([running, notified(since, "notifications/progress")]);
    giveUp.abort("enough");
    const ended = await running.then(() => "answered", () => "given up");
    return { ended, alive: await client.ping() };
  });

  await step("sampling", () =>
    asking("sampling/createMessage", () => call("trigger-sampling-request", { prompt: "sample this", maxTokens: 7 })));
  await step("elicitation of a form", () => asking("elicitation/create", () => call("trigger-elicitation-request")));
  const page = { url: "https://example.com/a", message: "go there", elicitationId: "e1" };
  await step("elicitation of a visit", () => asking("elicitation/create", () => call("trigger-url-elicitation", page)));
  await step("elicitation by an error", () => call("trigger-url-elicitation", { ...page, errorPath: true }));
  await step("roots", () => call("get-roots-list"));
  await step("roots/list_changed", async () => {
    answers.roots = [...answers.roots, { uri: "file:///two", name: "two" }];
    await client.setLoggingLevel("info");
    const since = told.length;
    const { asked } = await asking("roots/list", async () => {
      await client.sendRootsListChanged();
      await notified(since, "notifications/message", ({ data }) => String(data).includes("Roots updated: 2"));
    });
    return { asked: asked.length > 0, now: await call("get-roots-list") }; // the server also asks by itself, some time after the start
  });

  await Promise.all((tasks?.(call, asking) ?? []).map(([name, run]) => step(name, run)));
  outcomes["complaints of the SDK"] = complaints.map((text) => plain(text));
  return outcomes;
}
