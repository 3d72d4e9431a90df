/** How much there is in a JSON text. */
interface Complexity {
  /** Values of all kinds, lists and objects among them. */
  readonly values: number
  readonly listsAndObjects: number
  /** Lists and objects within each other. */
  readonly depth: number
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]
const SPACE = 0x20

/**
 * Counts what `JSON.parse` would make of a text in UTF-8, in one pass that takes no memory: three bytes of text can become
 * an object of two hundred. Of text that is no JSON it counts at least what `JSON.parse` makes before it notices.
 */
export function complexityOf(json: Uint8Array): Complexity {
  let commas = 0
  let listsAndObjects = 0
  let empty = 0
  let level = 0
  let depth = 0
  /** The byte before, apart from white space. */
  let before = 0
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] ?? 0
    if (byte <= SPACE) continue
    if (byte === QUOTE) {
      at = endOfString(json, at)
    } else if (byte === COMMA) {
      commas++
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      listsAndObjects++
      level++
      if (level > depth) depth = level
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      level--
      if (before === OPEN_LIST || before === OPEN_OBJECT) empty++
    }
    before = byte
  }
  return { values: 1 + commas + listsAndObjects - empty, listsAndObjects, depth }
}

/** Where the string ends that begins at a place: its quote, or the end of the text. */
function endOfString(json: Uint8Array, start: number): number {
  for (let from = start + 1; ; ) {
    const quote = json.indexOf(QUOTE, from)
    if (quote < 0) return json.length
    let backslash = quote - 1
    while (backslash >= from && json[backslash] === BACKSLASH) backslash--
    if ((quote - backslash) % 2 === 1) return quote
    from = quote + 1
  }
}
