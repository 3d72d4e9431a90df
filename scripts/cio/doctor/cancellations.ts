import { inWords } from '../cancel/cancel.ts'
import { readRules } from '../cancel/rules.ts'
import type { Context } from '../context.ts'
import { type Finding, ok } from '../finding.ts'

const AREA = 'cancellations'

/** What is cancelled now: as somebody decided, and good to know for whoever misses a message. */
export async function examineCancellations(context: Context): Promise<readonly Finding[]> {
  const rules = await readRules(context)
  if (rules.length === 0) return [ok(AREA, 'none in force')]
  return rules.map((rule): Finding => {
    const note = `${inWords(rule)}, published before ${rule.before}, until ${rule.until}, by ${rule.by}: ${rule.why}`
    return { area: AREA, state: 'warning', note, fix: `npx cio-gcp cancellations lift ${rule.id}` }
  })
}
