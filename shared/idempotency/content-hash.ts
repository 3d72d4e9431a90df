/**
 * 32 bits of a JSON value. The order of the names in an object does not count. Two seeds give 64 bits. It makes no text and no
 * list on its way, since every event is hashed. It tells apart what publishers send. Somebody who searches for two values with
 * the same hash finds them.
 */
export function contentHash(value: unknown, seed: number): number {
  switch (typeof value) {
    case 'string':
      return ofText(value, seed ^ KIND.text)
    case 'object':
      return value === null ? end(seed ^ KIND.null) : ofParts(value, seed)
    default:
      // As JSON writes them, no number looks like `true`.
      return ofText(String(value), seed ^ KIND.plain)
  }
}

const KIND = {
  text: 0x7ed55d16,
  plain: 0x165667b1,
  list: 0x2e2ac13f,
  object: 0x4cf5ad43,
  null: 0x3c6ef372,
} as const

function ofParts(parts: object, seed: number): number {
  if (Array.isArray(parts)) {
    let hash = seed ^ KIND.list
    for (const part of parts) hash = add(hash, contentHash(part, seed))
    return end(hash)
  }
  // Added up, the entries of an object give the same in any order.
  let sum = 0
  for (const name in parts) sum += end(add(ofText(name, seed), contentHash(Reflect.get(parts, name), seed)))
  return end(add(seed ^ KIND.object, sum | 0))
}

function ofText(text: string, seed: number): number {
  let hash = seed
  // The seed counts at every character: under seeds that are close, the same short texts would have one hash.
  for (let at = 0; at < text.length; at++) hash = add(hash, text.charCodeAt(at) ^ seed)
  return end(hash)
}

/** The steps of MurmurHash3. */
function add(hash: number, word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51)
  const turned = hash ^ Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
  return (Math.imul((turned << 13) | (turned >>> 19), 5) + 0xe6546b64) | 0
}

function end(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  const most = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return (most ^ (most >>> 16)) | 0
}
