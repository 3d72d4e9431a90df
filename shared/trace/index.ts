import { randomBytes } from 'node:crypto'

/** A W3C trace context, https://www.w3.org/TR/trace-context/#traceparent-header. */
interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero. */
  readonly spanId: string
  readonly sampled: boolean
}

// Version 00 ends after the flags; a later version may go on after another dash, and is read as far as it is known.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Reads a `traceparent`; undefined when it is not valid, in which case the standard says to start a new trace. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(text ?? '') ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (version === '00' && more !== undefined) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** Writes a context as version 00. */
export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}

/**
 * Starts a trace, or the next step of `parent`'s.
 *
 * @param random gives that many random bytes
 */
export function startTrace(parent?: TraceContext, random: (bytes: number) => Buffer = randomBytes): TraceContext {
  const spanId = nonZeroHex(8, random)
  if (parent !== undefined) return { ...parent, spanId }
  return { traceId: nonZeroHex(16, random), spanId, sampled: true }
}

/** An id of zeros only means "none". */
function nonZeroHex(bytes: number, random: (bytes: number) => Buffer): string {
  const id = random(bytes)
  if (id.every((byte) => byte === 0)) id[bytes - 1] = 1
  return id.toString('hex')
}
