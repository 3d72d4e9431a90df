import { identifyMessage, parseMessage } from '../../shared/contract/index.ts'
import { withDefaults } from '../../shared/idempotency/index.ts'
import { parseOperation } from '../emulators/customerio/track/operations.ts'
import { Workspace } from '../emulators/customerio/workspace/workspace.ts'
import { check } from '../history/check.ts'
import type { HistoryEvent } from '../history/format.ts'
import { type PlannedMessage, planMessages } from './messages.ts'
import { contentOf, Recorder } from './recorder.ts'

/** When all of them are published: Customer.io orders the updates by nothing that the publish gives them. */
const PUBLISHED_S = 1_790_000_000

/** What Customer.io makes of these messages, one after the other, as the history of a run tells it. */
function historyOf(published: readonly PlannedMessage[], arrivals: readonly PlannedMessage[]): HistoryEvent[] {
  const recorder = new Recorder()
  const workspace = new Workspace()
  for (const message of published) recorder.publishing(message)
  const effects = arrivals.map((message, index): HistoryEvent => {
    const parsed = parseMessage(identifyMessage, Buffer.from(message.data), { now: () => PUBLISHED_S * 1_000 })
    if (!parsed.ok) throw new Error('breaks the contract')
    const defaults = { key: message.mark, publishTimeSeconds: PUBLISHED_S }
    const operation = parseOperation(withDefaults(parsed.value, defaults))
    if (!operation.ok) throw new Error('Customer.io refuses it')
    const { applied } = workspace.apply(operation.operation, PUBLISHED_S * 1_000)
    const atMs = recorder.now() + index
    return { f: 'apply', type: 'ok', atMs, key: message.mark, content: contentOf(message), effect: applied }
  })
  const [person = ''] = published.flatMap(({ person }) => person ?? [])
  const shown = workspace.people.find({ kind: 'id', value: person })?.attributes.get('chaos')
  const read = { f: 'read', atMs: recorder.now() + arrivals.length, person, content: shown ?? null } as HistoryEvent
  return [...recorder.history('test', 1, (id) => id), ...effects, read]
}

it('of two lanes holds when an update is repeated after the next one, though all are published in one second', () => {
  const messages = planMessages({ seed: 7, seconds: 6, messages: 210 })
  const bulk = messages.filter(({ data }) => data.includes('"_update":true'))
  expect(bulk.length).toBeGreaterThan(1)
  for (const { person } of bulk) {
    const ofPerson = messages.filter((message) => message.person === person)
    const [first, second, deletion] = ofPerson
    if (first === undefined || second === undefined || deletion === undefined) throw new Error('not three messages')
    // Nobody hears the answer to the first one; the second one has a lane of its own and does not wait.
    for (const arrivals of [
      [first, second, first, deletion],
      [first, second, first, second, deletion, second],
      [second, first, second, deletion],
    ]) {
      const { violations } = check(historyOf(ofPerson, arrivals))
      expect(violations.filter(({ rule }) => rule === 'order')).toEqual([])
    }
  }
})
