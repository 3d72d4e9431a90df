import type { Identifier } from './identifier.ts'

/**
 * Whether a text that keeps no contract may name a person: their name stands in it, as a whole. A hint for somebody who
 * looks at it, and no proof: `5` may be anything.
 *
 * @param names as `identifierOf` gives them
 */
export function mayName(text: string, names: readonly Identifier[]): boolean {
  const plain = unescaped(text)
  const folded = plain.toLowerCase()
  return names.some(({ kind, value }) =>
    kind === 'email' || kind === 'phone' ? standsIn(folded, value.toLowerCase()) : standsIn(plain, value),
  )
}

/** A word goes on with these, so that `ann@example.com` does not stand in `joann@example.com` nor `5` in `15`. */
const OF_A_WORD = /[\p{L}\p{N}_.+@-]/u

function standsIn(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [before, after] = [text[at - 1], text[at + word.length]]
    if (!goesOn(before) && !goesOn(after === '.' ? text[at + word.length + 1] : after)) return true
  }
  return false
}

function goesOn(char: string | undefined): boolean {
  return char !== undefined && OF_A_WORD.test(char)
}

/** JSON's escapes of letters, also of JSON within JSON. */
function unescaped(text: string): string {
  return text.replaceAll(/\\u([0-9a-fA-F]{4})/g, (_escape, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}
