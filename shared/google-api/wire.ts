/**
 * Protobuf's wire format, https://protobuf.dev/programming-guides/encoding, as far as the messages need it that functions
 * exchange with Pub/Sub and Firestore.
 */

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** Puts a message together, field by field. What has its default value need not be written. */
export class MessageWriter {
  readonly #parts: Buffer[] = []

  /** A string, bytes, or a message within. */
  bytes(field: number, value: Buffer | string | MessageWriter): this {
    const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.isBuffer(value) ? value : value.finish()
    this.#parts.push(varint(BigInt((field << 3) | BYTES)), varint(BigInt(bytes.length)), bytes)
    return this
  }

  /** An integer, a boolean (0 or 1) or an enum. */
  integer(field: number, value: number | bigint): this {
    this.#parts.push(varint(BigInt((field << 3) | VARINT)), varint(BigInt.asUintN(64, BigInt(value))))
    return this
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

/** A field of a message: `integer` of a varint, `bytes` of whatever else. */
export interface Field {
  readonly number: number
  readonly integer: bigint
  readonly bytes: Buffer
}

const NOTHING = Buffer.alloc(0)

/**
 * The fields of a message, in the order of their arrival.
 *
 * @throws {RangeError} if it ends within a field, or has one of a type that is none
 */
export function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = []
  let at = 0
  const readVarint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, value)
    }
    throw new RangeError('a number of more than ten bytes')
  }
  const readBytes = (length: number): Buffer => {
    if (length < 0 || at + length > message.length) throw new RangeError('a field that is longer than its message')
    at += length
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    const tag = Number(readVarint())
    const number = tag >>> 3
    switch (tag & 7) {
      case VARINT:
        fields.push({ number, integer: readVarint(), bytes: NOTHING })
        break
      case BYTES:
        fields.push({ number, integer: 0n, bytes: readBytes(Number(readVarint())) })
        break
      case FIXED64:
        fields.push({ number, integer: 0n, bytes: readBytes(8) })
        break
      case FIXED32:
        fields.push({ number, integer: 0n, bytes: readBytes(4) })
        break
      default:
        throw new RangeError(`a field of type ${tag & 7}`)
    }
  }
  return fields
}
