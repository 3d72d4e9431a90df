import { transactionalMessage } from '../../contract/index.ts'
import type { DeliveryQuery } from '../../customerio/index.ts'
import type { Refused } from '../../outcome/index.ts'
import { type Delivery, findDeliveries } from '../index.ts'
import type { LookUpAnswer, SendMessage } from '../look-up.ts'

/** What Customer.io answers of a person whom it does not know. */
export const NOT_FOUND: Refused = { kind: 'refused', reason: 'refused', error: 'HTTP 404', httpStatus: 404 }

/** The message that a publisher's `body` is read as. */
export function message(body: object): SendMessage {
  const parsed = transactionalMessage.parse(body)
  if (parsed.channel === 'broadcast') throw new Error('a broadcast is not looked up')
  return parsed
}

export type Listed = Awaited<ReturnType<Parameters<typeof findDeliveries>[0]['findDeliveries']>>

/** What comes of a look-up when the list of the person, and that of the template, answer so; and what it has asked for. */
export async function lookUp(
  looked: SendMessage,
  byPerson: Listed,
  byTemplate: Listed = NOT_FOUND,
): Promise<{
  readonly asked: readonly DeliveryQuery[]
  readonly answer: LookUpAnswer
  readonly deliveries: readonly Delivery[] | undefined
}> {
  const asked: DeliveryQuery[] = []
  const service = {
    findDeliveries: async (query: DeliveryQuery) => {
      asked.push(query)
      return 'person' in query ? byPerson : byTemplate
    },
  }
  const answer = await findDeliveries(service, looked, { fromMs: 99_999, untilMs: 100_001 })
  return { asked, answer, deliveries: answer.kind === 'found' ? answer.deliveries : undefined }
}
