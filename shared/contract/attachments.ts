import * as z from 'zod'
import { LIMITS } from './limits.ts'

/**
 * The size in bytes of what a base64 text encodes, or undefined when it is none. Line breaks, which MIME
 * encoders put in, are allowed. Written without a regular expression over groups, which would overflow on megabytes.
 */
export function decodedBytes(base64: string): number | undefined {
  const packed = base64.replace(/[\r\n]/g, '')
  const padding = packed.endsWith('==') ? 2 : packed.endsWith('=') ? 1 : 0
  const digits = packed.slice(0, packed.length - padding)
  if (packed.length === 0 || packed.length % 4 !== 0 || /[^A-Za-z0-9+/]/.test(digits)) return undefined
  return (packed.length / 4) * 3 - padding
}

/** Attachments of an e-mail: file name with its extension, to content in base64. */
export const attachments = z.record(z.string(), z.string()).check((ctx) => {
  let total = 0
  for (const [name, content] of Object.entries(ctx.value)) {
    const bytes = decodedBytes(content)
    if (bytes === undefined) {
      ctx.issues.push({ code: 'custom', message: 'must be base64 and not empty', input: content, path: [name] })
    }
    if (!/[^.]\.[^.]+$/.test(name)) {
      ctx.issues.push({ code: 'custom', message: 'name: must have a file extension', input: name, path: [name] })
    }
    total += bytes ?? 0
  }
  if (total > LIMITS.attachmentBytes) {
    const message = `${total} bytes when decoded, at most ${LIMITS.attachmentBytes} together`
    ctx.issues.push({ code: 'custom', message, input: ctx.value })
  }
})
