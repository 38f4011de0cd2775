// Opens the documentation page of an OpenAPI service in a browser, executes a
// tool from it, and leaves a screenshot.
//   node docs-page.mjs BROWSER URL TOOL BODY SCREENSHOT
// Writes one line: {"status":…,"answer":…,"requests":[…],"foreign":[…],"errors":[…]}
import { chromium } from "playwright-core";

const [executablePath, url, tool, body, screenshot] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  const requests = [];
  const errors = [];
  page.on("request", (r) => requests.push(r.url()));
  page.on("pageerror", (e) => errors.push(String(e)));
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
  await page.goto(url);
  const operation = page.locator(".opblock", { has: page.locator(`[data-path="/${tool}"]`) });
  await operation.locator(".opblock-summary-control").click();
  await operation.locator("textarea.body-param__text").fill(body);
  const answered = page.waitForResponse((r) => r.request().method() === "POST");
  await operation.getByRole("button", { name: "Execute" }).click();
  const response = await answered;
  const answer = await response.text();
  await operation.locator(".live-responses-table .highlight-code, .live-responses-table pre").first().waitFor();
  await operation.scrollIntoViewIfNeeded();
  await page.screenshot({ path: screenshot });
  const origin = new URL(url).origin;
  const foreign = requests.filter((r) => new URL(r).origin !== origin && !r.startsWith("data:") && !r.startsWith("blob:"));
  console.log(JSON.stringify({ status: response.status(), answer, requests, foreign, errors }));
} finally {
  await browser.close();
}
