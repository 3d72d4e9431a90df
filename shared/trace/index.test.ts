import fc from 'fast-check'
import { formatTraceparent, parseTraceparent, startTrace } from './index.ts'

const example = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

describe('traceparent', () => {
  it('is read and written back the same', () => {
    const context = parseTraceparent(example)
    expect(context).toEqual({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      sampled: true,
    })
    expect(context && formatTraceparent(context)).toBe(example)
  })

  it.each([
    ['nothing', undefined],
    ['the empty text', ''],
    ['upper case', example.toUpperCase()],
    ['the forbidden version', example.replace(/^00/, 'ff')],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['a span id of zeros', `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`],
    ['more than version 00 has', `${example}-more`],
    ['a line break behind it', `${example}\n`],
  ])('is not taken from %s', (_, text) => {
    expect(parseTraceparent(text)).toBeUndefined()
  })

  it('of a later version is read as far as it is known', () => {
    expect(parseTraceparent(`${example.replace(/^00/, '01')}-more`)?.sampled).toBe(true)
    expect(parseTraceparent(example.replace(/01$/, '00'))?.sampled).toBe(false)
  })

  it('of a new trace is always valid, even from a random source that gives zeros', () => {
    expect(parseTraceparent(formatTraceparent(startTrace(undefined, (n) => Buffer.alloc(n))))).toBeDefined()
    expect(parseTraceparent(formatTraceparent(startTrace()))).toBeDefined()
  })

  it('of the next step keeps the trace and has a span of its own', () => {
    const parent = startTrace()
    const next = startTrace(parent)
    expect(next.traceId).toBe(parent.traceId)
    expect(next.spanId).not.toBe(parent.spanId)
  })

  it('never throws on anything', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseTraceparent(text)))
  })
})
