// Answers each line of standard input, {"op","text","options"} as JSON, with a
// line of its own: what the reference implementation of TOON makes of the
// text, {"out":…}, or what it says against it, {"error":…}.
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// The package stands in the folder that is named, not beside this file.
const folder = process.argv[2]
const { encode, decode } = await import(pathToFileURL(join(folder, 'node_modules/@toon-format/toon/dist/index.mjs')))

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { op, text, options } = JSON.parse(line)
  let answer
  try {
    answer = { out: op === 'encode' ? encode(JSON.parse(text), options) : JSON.stringify(decode(text, options)) }
  } catch (error) {
    answer = { error: String(error.message) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
