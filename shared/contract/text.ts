import * as z from 'zod'
import { optional } from './absent.ts'

/** Length in bytes of UTF-8, which is what Customer.io's limits count. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}

/** The rule that a text breaks by its length, or undefined. */
export function tooLong(text: string, maxBytes: number): string | undefined {
  const bytes = byteLength(text)
  return bytes > maxBytes ? `${bytes} bytes, at most ${maxBytes}` : undefined
}

/**
 * A string of 1 to `maxBytes` bytes of UTF-8. JSON Schema counts characters: there the same number is a bound
 * that every valid message keeps.
 */
export function text(maxBytes: number) {
  return z
    .string()
    .min(1)
    .check((ctx) => {
      const rule = tooLong(ctx.value, maxBytes)
      if (rule) ctx.issues.push({ code: 'custom', message: rule, input: ctx.value })
    })
    .meta({ maxLength: maxBytes })
}

/** For a union, which cannot tell by itself: a field that is missing is `required`, any other value breaks the rule. */
export function orRequired(rule: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => (input === undefined ? 'required' : rule)
}

/** A string of at least one character, as long as the message may be. */
export const anyText = z.string().min(1)

export const LINE_BREAK = 'must not hold a line break'

/** A part of an e-mail's head: a line break in it would begin another header, and with it another recipient. */
export const line = z.string().regex(/^[^\r\n]*$/, { error: LINE_BREAK })

// Made once and shared: making a schema costs a tenth of a millisecond of every cold start.
export const optionalText = optional(anyText)
export const optionalLine = optional(line.min(1))
export const flag = optional(z.boolean())
