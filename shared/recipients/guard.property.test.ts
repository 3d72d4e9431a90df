import fc from 'fast-check'
import { GUARDED_MESSAGES, RULES, strangersIn } from '../../scripts/testing/strangers.ts'
import { parseMessage, TOPIC_SCHEMAS, type TopicName } from '../contract/index.ts'
import { createGuard, type Guarded, parseRecipients, type RecipientRules } from './index.ts'

/**
 * The promise: for any message of any topic and channel, no recipient field of what the guard lets through names an address
 * outside the list. functions/recipients.property.test.ts holds the same of the requests themselves.
 */

function rules(given: object): RecipientRules {
  const parsed = parseRecipients(JSON.stringify(given))
  if (typeof parsed === 'string' || 'problems' in parsed) throw new Error(JSON.stringify(parsed))
  return parsed
}

describe.each(Object.keys(GUARDED_MESSAGES) as TopicName[])('%s', (topic) => {
  it('names no address outside the list in what it lets through', () => {
    const seen = { allowed: 0, redirected: 0, stopped: 0 }
    fc.assert(
      fc.property(GUARDED_MESSAGES[topic], fc.constantFrom(...RULES.map(rules)), (body, given) => {
        const schema: (typeof TOPIC_SCHEMAS)[TopicName] = TOPIC_SCHEMAS[topic]
        const parsed = parseMessage<typeof schema>(schema, Buffer.from(JSON.stringify(body)))
        if (!parsed.ok) return
        const guards: Record<TopicName, (message: never) => Guarded<object>> = createGuard(given)
        const result = guards[topic](parsed.value as never)
        if (!result.ok) {
          seen.stopped++
          return
        }
        seen[result.note ?? 'allowed']++
        expect(strangersIn(result.value)).toEqual([])
      }),
      { numRuns: 500 },
    )
    // Or the property would say nothing.
    expect(seen.allowed).toBeGreaterThan(20)
    expect(seen.stopped).toBeGreaterThan(20)
    if (topic === 'transactional') expect(seen.redirected).toBeGreaterThan(20)
  })
})
