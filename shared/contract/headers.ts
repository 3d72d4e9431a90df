import * as z from 'zod'
import { anyText, LINE_BREAK, line } from './text.ts'

/** The rule that headers as JSON text break, or undefined. A line break may be escaped there, hence the look inside. */
function brokenRule(text: string): string | undefined {
  let hasLineBreak = false
  try {
    JSON.parse(text, (name, value) => {
      if (/[\r\n]/.test(typeof value === 'string' ? name + value : name)) hasLineBreak = true
      return value
    })
  } catch {
    return 'must be JSON'
  }
  return hasLineBreak ? LINE_BREAK : undefined
}

const asText = anyText.check((ctx) => {
  const rule = brokenRule(ctx.value)
  if (rule) ctx.issues.push({ code: 'custom', message: rule, input: ctx.value })
})

/** Headers of an e-mail. Customer.io documents a JSON string, and shows an object: both are taken. */
export const headers = z.union([asText, z.record(line, line)], { error: 'must map names to strings' })
