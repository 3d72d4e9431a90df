/**
 * How much memory the bodies of requests may take. A function that is at its limit answers 503, and what was sent comes
 * again; a function that runs out of memory ends, and everything that it held is cut off.
 */

/**
 * Bytes of memory that one byte of a body takes at most, from its arrival to the answer: raw, as text, parsed, decoded,
 * parsed again, and encoded for whoever it is sent to, with what the garbage collector has not yet taken away. Measured
 * by `scripts/chaos/memory.ts`.
 */
export const MEMORY_PER_BODY_BYTE = 10

/**
 * Bytes of memory that a list or an object takes beyond that, at most: `{"900":0},` is ten bytes of text, and a table of
 * 208 once it is parsed, of which the contract's schemas make a copy, and hashing and sending make text again. No other value is larger in memory than what is counted for its text.
 */
const MEMORY_PER_LIST_OR_OBJECT = 1_024

/** A message with more is not parsed: the contract allows no more, and a webhook still fewer. */
const MOST_LISTS_AND_OBJECTS = 100_000

/** Bytes of memory that the lists and objects of a body take once it is parsed, beyond what is counted for its length. */
export function parsedMemory(listsAndObjects: number): number {
  return listsAndObjects > MOST_LISTS_AND_OBJECTS ? 0 : listsAndObjects * MEMORY_PER_LIST_OR_OBJECT
}

/** The largest push of Pub/Sub: a message of 10 MB in base64, with attributes. */
const LARGEST_PUSH_BYTES = 14_200_000

/** Room for two of the largest: while one is held, there is room for the next. Either may be all lists and objects. */
export const leastBodyMemory = (largestBodyBytes: number) => 2 * largestBodyBytes * MEMORY_PER_BODY_BYTE

export const LEAST_BODY_MEMORY_BYTES = leastBodyMemory(LARGEST_PUSH_BYTES)

/** What is wrong with values that are each within their range. */
export function webhookMemoryProblems(config: {
  readonly bodyMemoryBytes: number
  readonly maxBodyBytes: number
}): string[] {
  const least = leastBodyMemory(config.maxBodyBytes)
  if (config.bodyMemoryBytes >= least) return []
  return [
    `BODY_MEMORY_BYTES is less than the ${least} bytes that two bodies of WEBHOOK_MAX_BODY_BYTES take: ` +
      'lower WEBHOOK_MAX_BODY_BYTES, or give the function more memory',
  ]
}
