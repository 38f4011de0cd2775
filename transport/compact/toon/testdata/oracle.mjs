// Answers each line of standard input, {"op","text" or "value","options"} as
// JSON, with a line of its own: what the reference implementation of TOON makes
// of it, {"out":…}, or what it says against it, {"error":…}.
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// The package stands in the folder that is named, not beside this file.
const folder = process.argv[2]
const { encode, decode } = await import(pathToFileURL(join(folder, 'node_modules/@toon-format/toon/dist/index.mjs')))

// A value comes with its lists as ["a", …] and its objects as ["o", [key, value], …]:
// JSON.parse of this Node at times takes the key "\b" for "\\".
function revive(value) {
  if (!Array.isArray(value)) return value
  if (value[0] === 'a') return value.slice(1).map(revive)
  const object = {}
  for (const [key, inner] of value.slice(1)) {
    Object.defineProperty(object, key, { value: revive(inner), enumerable: true, writable: true, configurable: true })
  }
  return object
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { op, text, value, options } = JSON.parse(line)
  let answer
  try {
    answer = { out: op === 'encode' ? encode(revive(value), options) : JSON.stringify(decode(text ?? '', options)) }
  } catch (error) {
    answer = { error: String(error.message) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
