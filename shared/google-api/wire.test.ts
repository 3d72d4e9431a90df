import fc from 'fast-check'
import protobuf from 'protobufjs'
import { fieldsOf, MessageWriter } from './wire.ts'

/** protobufjs, which Google's clients use, reads what is written here, and writes what is read here. */
const root = protobuf.parse(`syntax = "proto3";
  message Inner { string name = 1; }
  message Outer { int64 whole = 1; bytes data = 2; repeated Inner inner = 3; bool yes = 4; double part = 17; }
`).root
const Outer = root.lookupType('Outer')

const message = fc.record({
  whole: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  data: fc.uint8Array({ maxLength: 300 }),
  names: fc.array(fc.string({ unit: 'binary', maxLength: 200 }).filter((name) => name.isWellFormed())),
  yes: fc.boolean(),
})

it('is read by protobufjs as it was written', () => {
  fc.assert(
    fc.property(message, ({ whole, data, names, yes }) => {
      const writer = new MessageWriter().integer(1, whole).bytes(2, Buffer.from(data))
      for (const name of names) writer.bytes(3, new MessageWriter().bytes(1, name))
      const read = Outer.toObject(Outer.decode(writer.integer(4, yes ? 1 : 0).finish()), {
        longs: String,
        defaults: true,
      })
      expect({ ...read, data: [...read.data] }).toMatchObject({ whole: String(whole), data: [...data], yes })
      expect(read.inner).toEqual(names.map((name) => ({ name })))
    }),
  )
})

it('reads what protobufjs has written', () => {
  fc.assert(
    fc.property(message, ({ whole, data, names, yes }) => {
      const fields = { whole: String(whole), data, yes, part: 1.5, inner: names.map((name) => ({ name })) }
      const read = fieldsOf(Buffer.from(Outer.encode(Outer.fromObject(fields)).finish()))
      const of = (number: number) => read.filter((field) => field.number === number)
      expect(of(1).map(({ integer }) => integer)).toEqual([whole])
      expect(of(2).map(({ bytes }) => [...bytes])).toEqual([[...data]])
      expect(of(17)[0]?.bytes.readDoubleLE()).toBe(1.5)
      expect(of(3).map(({ bytes }) => String(fieldsOf(bytes)[0]?.bytes ?? ''))).toEqual(names)
    }),
  )
})

it('refuses whatever ends too early, and ends with every other message', () => {
  expect(() => fieldsOf(Buffer.from([10, 5, 65]))).toThrow('longer than its message')
  expect(() => fieldsOf(Buffer.from([8]))).toThrow('out of range')
  expect(() => fieldsOf(Buffer.alloc(20, 0xff))).toThrow('more than ten bytes')
  expect(() => fieldsOf(Buffer.from([11]))).toThrow('a field of type 3')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        return fieldsOf(Buffer.from(bytes)).length <= bytes.length
      } catch (error) {
        return String(error).startsWith('RangeError')
      }
    }),
  )
})
