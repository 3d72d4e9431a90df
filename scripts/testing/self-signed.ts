import { generateKeyPairSync, sign } from 'node:crypto'

/** A certificate of `127.0.0.1` for a server of a test, and its key, both as PEM. It is valid until 2049. */
export function selfSigned(): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const name = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from('test')))))
  const alternativeName = sequence(
    SUBJECT_ALTERNATIVE_NAME,
    der(0x04, sequence(der(0x87, Buffer.from([127, 0, 0, 1])))),
  )
  const content = sequence(
    der(0xa0, integer(2)), // version 3
    integer(1),
    ED25519,
    name,
    sequence(der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(alternativeName)),
  )
  const signature = der(0x03, Buffer.from([0]), sign(null, content, privateKey))
  const text = sequence(content, ED25519, signature).toString('base64')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${text.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** A value of ASN.1 in DER, of at most 255 bytes: its tag, its length and what it holds. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  return Buffer.concat([Buffer.from(length < 128 ? [tag, length] : [tag, 0x81, length]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts)
}

function integer(value: number): Buffer {
  return der(0x02, Buffer.from([value]))
}

const identifier = (...bytes: readonly number[]) => der(0x06, Buffer.from(bytes))
const COMMON_NAME = identifier(0x55, 0x04, 0x03)
const SUBJECT_ALTERNATIVE_NAME = identifier(0x55, 0x1d, 0x11)
const ED25519 = sequence(identifier(0x2b, 0x65, 0x70))
