import { status } from '@grpc/grpc-js'
import { TimeoutError } from '../clock/index.ts'
import { describeLedgerError } from './index.ts'

const codes = Object.entries(status).filter((entry): entry is [string, number] => typeof entry[1] === 'number')

it.each(codes)(
  'an error of the store is logged as %s, and without its words, which may quote a document',
  (name, code) => {
    expect(describeLedgerError(Object.assign(new Error('ann@example.com'), { code }))).toBe(`${name} (${code})`)
  },
)

it('an error without a number of gRPC is logged by its class', () => {
  expect(describeLedgerError(new TypeError('ann@example.com'))).toBe('TypeError')
  expect(describeLedgerError(Object.assign(new RangeError('x'), { code: 99 }))).toBe('RangeError')
  expect(describeLedgerError(Object.assign(new RangeError('x'), { code: '7' }))).toBe('RangeError')
})

it('a wait that was long enough is logged as gRPC would', () => {
  const error = new TimeoutError(100)
  expect(describeLedgerError(error)).toBe(`DEADLINE_EXCEEDED (4): ${error.message}`)
})
