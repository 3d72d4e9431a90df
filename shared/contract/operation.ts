import type { z } from 'zod'
import { LIMITS } from './limits.ts'
import { byteLength } from './text.ts'

/** Refuses a v2 operation that would be too large an item of a batch. */
export function checkOperationSize(ctx: z.core.ParsePayload<object>): void {
  const bytes = byteLength(JSON.stringify(ctx.value))
  if (bytes > LIMITS.operationBytes) {
    const message = `${bytes} bytes, at most ${LIMITS.operationBytes}`
    ctx.issues.push({ code: 'custom', message, input: ctx.value })
  }
}
