import * as z from 'zod'
import { mailboxOf, phoneOf } from '../identity/index.ts'

/** Names that a rule may allow besides addresses. `*` stands for any number of characters. */
export const RULE_KINDS = ['id', 'cio_id', 'anonymous_id', 'device', 'broadcast'] as const
export type RuleKind = (typeof RULE_KINDS)[number]

const FORMS = `@domain, an e-mail address, a phone number in E.164 format, or ${RULE_KINDS.map((kind) => `${kind}:…`).join(', ')}`

/** One entry of `allow`. */
export type AllowRule =
  | { readonly kind: 'domain' | 'email' | 'phone'; readonly value: string }
  | { readonly kind: RuleKind; readonly value: string }

const allowRule = z.string().transform((text, { addIssue }): AllowRule => {
  const rule = ruleOf(text.trim())
  if (rule === undefined) addIssue(`must be ${FORMS}`)
  return rule ?? { kind: 'email', value: '' }
})

function ruleOf(text: string): AllowRule | undefined {
  const [, prefix, pattern] = /^([a-z_]+):(.+)$/s.exec(text) ?? []
  const kind = RULE_KINDS.find((each) => each === prefix)
  if (kind !== undefined && pattern !== undefined) return { kind, value: pattern }
  if (text.startsWith('+')) return valued('phone', phoneOf(text))
  // A list or a display name is no rule, and neither is a pattern: it would allow nothing and look as if it did.
  if (/[\s<>,;:*]/.test(text)) return undefined
  if (text.startsWith('@')) return valued('domain', mailboxOf(`any${text}`)?.slice('any@'.length))
  return valued('email', mailboxOf(text))
}

function valued(kind: 'domain' | 'email' | 'phone', value: string | undefined): AllowRule | undefined {
  return value === undefined || value === '' ? undefined : { kind, value }
}

const address = z.string().refine((text) => ruleOf(text)?.kind === 'email', { error: 'must be an e-mail address' })
const phone = z.string().refine((text) => phoneOf(text) === text, { error: 'must be a phone number in E.164 format' })

/** Whom an environment may write to, and what becomes of a message to anybody else. */
export const recipientRules = z
  .strictObject({
    allow: z.array(allowRule),
    otherwise: z.enum(['hold', 'redirect', 'drop'], { error: 'must be hold, redirect or drop' }).default('hold'),
    redirect_to: z.strictObject({ email: address.optional(), phone: phone.optional() }).optional(),
  })
  .check((ctx) => {
    const { otherwise, redirect_to: to } = ctx.value
    const hasTarget = to?.email !== undefined || to?.phone !== undefined
    const refuse = (message: string) => ctx.issues.push({ code: 'custom', message, input: to, path: ['redirect_to'] })
    if (otherwise === 'redirect' && !hasTarget)
      refuse('required for `otherwise: redirect`: give it email, phone or both')
    if (otherwise !== 'redirect' && to !== undefined)
      refuse(`has no effect with \`otherwise: ${otherwise}\`: remove it`)
  })

export type RecipientRules = z.output<typeof recipientRules>

/**
 * The value of the variable RECIPIENTS: `anyone` (production), or rules as JSON.
 *
 * @returns what is wrong instead, field by field; no value of it is shown
 */
export function parseRecipients(text: string): 'anyone' | RecipientRules | { readonly problems: readonly string[] } {
  if (text === 'anyone') return text
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return { problems: ['must be `anyone`, or rules as JSON'] }
  }
  const parsed = recipientRules.safeParse(document)
  if (parsed.success) return parsed.data
  return {
    problems: parsed.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(' ')),
  }
}
