// What every client does with mcpx: look around, call, read, wait for progress
// and for a list that changes. It prints what it saw as one line of JSON; what
// that must be is the test's to say.

/**
 * Lets a tour wait for the next listing in which something shows. Its handler
 * is what the SDKs take as listChanged.tools.onChanged.
 */
export class Listings {
  #seen = [];
  #waiting = () => {};

  onChanged = (error, tools) => {
    if (error) throw error;
    this.#seen.push(directory(tools));
    this.#waiting();
  };

  async with(text) {
    while (!this.#seen.some((listing) => listing.includes(text))) {
      await new Promise((resolve) => (this.#waiting = resolve));
    }
    return true;
  }
}

const directory = (tools) => tools.find((tool) => tool.name === "inspect").description;

/**
 * @param client   connected
 * @param call     (name, arguments, options) => result of tools/call
 * @param listings of the same client
 * @param about    members to print beside what the tour finds
 */
export async function tour(client, call, listings, about) {
  const exec = (server_name, tool_name, args, options) =>
    call("exec", { server_name, tool_name, arguments: args }, options);
  const progress = [];
  const errors = [];
  // These SDKs forget whom a progress is for in the moment in which they read
  // the answer; one that came in the same chunk of a pipe is an error to them.
  const unknown = "Received a progress notification for an unknown token: ";
  client.onerror = ({ message }) => {
    if (!message.startsWith(unknown)) return errors.push(message);
    const { params } = JSON.parse(message.slice(unknown.length));
    progress.push([params.progress, params.total]);
  };

  // Over stdio the servers come up while we look.
  let { tools } = await client.listTools();
  while (!directory(tools).includes("Server: grow") || !directory(tools).includes("Server: everything")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    ({ tools } = await client.listTools());
  }

  const found = {
    ...about,
    server: client.getServerVersion()?.name,
    tools: tools.map((tool) => tool.name),
    inspected: await call("inspect", { server_name: "everything", tool_name: "get-sum" }),
    sum: await exec("everything", "get-sum", { a: 19, b: 23 }),
    image: await exec("everything", "get-tiny-image", {}),
    links: await exec("everything", "get-resource-links", { count: 2 }),
    embedded: await exec("everything", "get-resource-reference", { resourceType: "Text", resourceId: 1 }),
    audio: await exec("files", "read_media_file", { path: process.env.NOISE }),
    refused: await exec("everything", "get-sum", { a: "no number" }),
    resources: await call("resources", { server_name: "everything" }),
    long: await exec("everything", "trigger-long-running-operation", { duration: 0.2, steps: 4 }, {
      onprogress: (p) => progress.push([p.progress, p.total]),
    }),
    progress,
    errors,
  };
  const leaf = (await exec("grow", "grow", {})).content[0].text;
  found.changed = await listings.with(`- ${leaf}`);
  console.log(JSON.stringify(found));
}
