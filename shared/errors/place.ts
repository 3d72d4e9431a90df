import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

/** A frame of V8's stack: `at f (file:///…/index.mjs:12:34)`, or without a name. */
const FRAME = /^ +at (?:.* \()?(file:\/\/\/[^\s()]+|\/[^\s():]+):(\d+):(\d+)\)?$/gm
/** Only such a path is ever told: it names a file of ours and quotes nobody. */
const OWN_SOURCE = /(?:^|\/)((?:functions|shared)\/[\w./-]+\.ts)$/

/** Frames that were looked up: a listener that throws at every message throws at the same place, and a map takes a while to read. */
const known = new Map<string, string | undefined>()
/** A bundle has fewer places where something is thrown. */
const MOST_KNOWN = 1_000

/**
 * Where in our sources an error was thrown, such as `functions/webhook/listeners.ts:12:7`. In a bundle the source map beside
 * it tells (`index.mjs.map`).
 *
 * @returns undefined when nothing tells; none of the error's words in any case
 */
export function placeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined
  const at = error.stack.indexOf(error.message)
  // The words come first, and may look like a frame. Where they were changed later, nobody knows how long they were.
  if (at < 0) return undefined
  for (const [, file = '', line, column] of error.stack.slice(at + error.message.length).matchAll(FRAME)) {
    const place = sourceOf(file.startsWith('file:') ? fileURLToPath(file) : file, Number(line), Number(column))
    if (place !== undefined) return place
  }
  return undefined
}

function sourceOf(file: string, line: number, column: number): string | undefined {
  const own = OWN_SOURCE.exec(file)?.[1]
  if (own !== undefined) return `${own}:${line}:${column}`
  const frame = `${file}:${line}:${column}`
  if (!known.has(frame)) {
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(frame, mapped(file, line, column))
  }
  return known.get(frame)
}

function mapped(file: string, line: number, column: number): string | undefined {
  try {
    const found = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8'))).findEntry(line - 1, column - 1)
    if (!('originalSource' in found)) return undefined
    const source = OWN_SOURCE.exec(found.originalSource)?.[1]
    return source === undefined ? undefined : `${source}:${found.originalLine + 1}:${found.originalColumn + 1}`
  } catch {
    // There is no map beside it: a file of Node's, or of a package that is deployed as it is.
    return undefined
  }
}
