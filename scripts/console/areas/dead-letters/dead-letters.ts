import { z } from 'zod'
import type { Clock } from '../../../../shared/clock/index.ts'
import type { StoredRecord } from '../../../../shared/ledger/index.ts'
import {
  countBySource,
  planReplay,
  purgeHeld,
  type Replayed,
  type ReplayPlan,
  replayEdited,
  replayHeld,
  settleHeld,
} from '../../../cio/dead-letters/actions.ts'
import type { ReplayRules } from '../../../cio/dead-letters/assess.ts'
import { type DeadLetter, replayOf } from '../../../cio/dead-letters/dead-letter.ts'
import { readEdited } from '../../../cio/dead-letters/edit.ts'
import { type Evidence, evidenceOf, recordIdOf } from '../../../cio/dead-letters/evidence.ts'
import { matches } from '../../../cio/dead-letters/filter.ts'
import type { Hold } from '../../../cio/dead-letters/hold.ts'
import { writeToRecord } from '../../../cio/dead-letters/record.ts'
import {
  mayHaveBeenSent,
  SETTLED_SOURCE,
  type Settled,
  sourcesOfEvidence,
} from '../../../cio/dead-letters/settle-send.ts'
import { sourcesOf } from '../../../cio/dead-letters/source.ts'
import { type Operator, type OperatorContext, operate } from '../../operator.ts'
import { type Area, ConsoleError, type ConsoleRequest, type Route, read } from '../../server/area.ts'
import { answered } from '../answered.ts'
import { detailOf, type LetterDetail, type LetterRow, rowOf, shownCause } from './letter.ts'
import { Look, type LookState } from './look.ts'
import { shownAnswer } from './shown-answer.ts'

export interface DeadLettersDeps {
  readonly operator: Operator
  readonly clock: Clock
  /** True: personal data are masked until somebody reveals them, which the record is told. */
  readonly masked: boolean
  /** False: nothing can be replayed, settled or deleted. */
  readonly allowActions: boolean
}

export interface LettersAnswer {
  readonly state: LookState
  /** Oldest first, by their publish. */
  readonly letters: readonly LetterRow[]
  readonly sources: readonly string[]
  readonly allowActions: boolean
}

/** What a replay would do, in words to be confirmed. */
export interface PlanAnswer extends ReplayPlan {
  readonly question: string
}

/** What was done, and what a terminal would have said of it. */
export type ActionAnswer = (Replayed | Settled | { readonly purged: readonly string[] }) & {
  readonly notes: readonly string[]
}

/** As `dlq replay` by default. */
const MAX_REPLAYS = 3

const rulesShape = {
  force: z.boolean().default(false),
  release: z.boolean().default(false),
  acceptDuplicates: z.boolean().default(false),
}
const idsShape = z.array(z.string().min(1)).min(1, 'choose at least one dead letter').max(20_000)
const lookBody = z.strictObject({ sources: z.array(z.string()).default([]) })
const replayBody = z.strictObject({ messageIds: idsShape, ...rulesShape })
const textBody = z.strictObject({ text: z.string() })
const editBody = z.strictObject({ text: z.string(), ...rulesShape })
const settleBody = z.strictObject({ decision: z.enum(['sent', 'resend']) })
const purgeBody = z.strictObject({ messageIds: idsShape, confirmation: z.string() })
const findBody = z.strictObject({ person: z.string().trim().min(1, 'name an id, an address or a phone number') })

/**
 * Dead letters: pulled when somebody asks for them, held while a page shows them, and acted upon by the functions of
 * `cio-gcp dlq` with its guards.
 */
export function areaDeadLetters(deps: DeadLettersDeps): Area {
  const { operator, clock, masked, allowActions } = deps
  const cause = (deadLetter: DeadLetter) => shownCause(deadLetter, masked)
  const look = new Look(operator, clock, cause)
  const revealed = new Set<string>()
  const isMasked = ({ messageId }: DeadLetter) => masked && !revealed.has(messageId)
  const one = (request: ConsoleRequest): DeadLetter => {
    const deadLetter = look.hold.find(request.params.messageId ?? '')
    if (deadLetter !== undefined) return deadLetter
    throw new ConsoleError('this dead letter is held no longer: it was replayed, settled or deleted meanwhile', {
      status: 404,
    })
  }

  const ending = new AbortController()
  const signal = AbortSignal.any([deps.operator.signal, ending.signal])
  /** One after the other: each finds what the one before has left. */
  let last: Promise<unknown> = Promise.resolve()
  const act = <T extends object>(
    work: (context: OperatorContext, hold: Hold) => Promise<T>,
    ended: (result: T) => readonly string[],
  ) => {
    if (!allowActions) {
      throw new ConsoleError('this console only reads: start it with --allow-actions', { status: 403 })
    }
    const acted = last.then(() =>
      answered(async () => {
        const { result, notes } = await operate({ ...operator, signal }, (context) =>
          look.act((hold) => work(context, hold), ended),
        )
        return shownAnswer({ ...result, notes }, masked)
      }),
    )
    last = acted.catch(() => {})
    return acted
  }

  const routes: Route[] = [
    { method: 'GET', path: '/api/dead-letters', run: () => letters() },
    {
      ...{ method: 'POST', path: '/api/dead-letters/look' },
      run: async ({ body }) => {
        await answered(() => look.begin(read(lookBody, body).sources))
        return letters()
      },
    },
    {
      ...{ method: 'POST', path: '/api/dead-letters/give-back' },
      run: async () => {
        await look.giveBack()
        return letters()
      },
    },
    {
      ...{ method: 'POST', path: '/api/dead-letters/find' },
      run: ({ body }) => {
        const { person } = read(findBody, body)
        const found = look.hold.deadLetters.filter((each) => matches(each, { person, mentions: true }, clock.now()))
        return { messageIds: found.map(({ messageId }) => messageId) }
      },
    },
    {
      ...{ method: 'POST', path: '/api/dead-letters/plan' },
      run: ({ body }) => answered(async () => plan(read(replayBody, body))),
    },
    {
      ...{ method: 'POST', path: '/api/dead-letters/replay' },
      run: ({ body }) => {
        const { messageIds, ...rules } = read(replayBody, body)
        return act(
          (context, hold) => replayHeld(context, hold, messageIds, rulesOf(rules)),
          ({ replayed, alreadyReplayed }) => [...replayed, ...alreadyReplayed],
        )
      },
    },
    {
      ...{ method: 'POST', path: '/api/dead-letters/purge' },
      run: ({ body }) => {
        const { messageIds, confirmation } = read(purgeBody, body)
        const wanted = `delete ${messageIds.length}`
        if (confirmation.trim() !== wanted) {
          throw new ConsoleError(`type “${wanted}” to delete for good`, { field: 'confirmation' })
        }
        // The number that was agreed to is the number that is deleted.
        const gone = messageIds.filter((id) => look.hold.find(id) === undefined).length
        if (gone > 0) throw new ConsoleError(`${gone} of them are held no longer: choose again`, { status: 409 })
        return act(
          (context, hold) => purgeHeld(context, hold, messageIds),
          ({ purged }) => purged,
        )
      },
    },
    { method: 'GET', path: '/api/dead-letters/:messageId', run: (request) => answered(() => detail(one(request))) },
    {
      ...{ method: 'POST', path: '/api/dead-letters/:messageId/reveal' },
      run: (request) => answered(() => reveal(one(request))),
    },
    {
      ...{ method: 'POST', path: '/api/dead-letters/:messageId/evidence' },
      run: (request) => answered(() => evidence(one(request))),
    },
    {
      ...{ method: 'POST', path: '/api/dead-letters/:messageId/check' },
      run: (request) => {
        const { text } = read(textBody, request.body)
        const deadLetter = one(request)
        const edited = readEdited(deadLetter.source.topic, text, replayOf(deadLetter), clock.now)
        return { problem: edited.ok ? null : edited.problem }
      },
    },
    {
      ...{ method: 'POST', path: '/api/dead-letters/:messageId/edit' },
      run: (request) => {
        const { text, ...rules } = read(editBody, request.body)
        const { messageId } = one(request)
        return act(
          (context, hold) => replayEdited(context, hold, messageId, text, rulesOf(rules)),
          ({ replayed, alreadyReplayed }) => [...replayed, ...alreadyReplayed],
        )
      },
    },
    {
      ...{ method: 'POST', path: '/api/dead-letters/:messageId/settle' },
      run: (request) => {
        const { decision } = read(settleBody, request.body)
        const { messageId } = one(request)
        return act(
          (context, hold) => settleHeld(context, hold, messageId, decision),
          ({ settled }) => (settled === 'skipped' ? [] : [messageId]),
        )
      },
    },
  ]

  function letters(): LettersAnswer {
    const { state } = look
    const held = state.phase === 'held' ? look.hold.deadLetters : []
    const rows = held.map((deadLetter) => rowOf(deadLetter, isMasked(deadLetter), cause(deadLetter)))
    return {
      ...{ state, allowActions, letters: rows.sort((a, b) => a.publishedAtMs - b.publishedAtMs) },
      sources: sourcesOf(operator.connection.topology).map(({ name }) => name),
    }
  }

  function plan({ messageIds, ...rules }: z.output<typeof replayBody>): PlanAnswer {
    const planned = planReplay(operator, look.hold, messageIds, rulesOf(rules))
    const what = countBySource(planned.replayable.map(({ source }) => source))
    return { ...shownAnswer(planned, masked), question: `Replay ${what} in ${operator.connection.name}?` }
  }

  async function detail(deadLetter: DeadLetter): Promise<LetterDetail> {
    const { ledger } = await sourcesOfEvidence(operator)
    const isSend = deadLetter.source.name === SETTLED_SOURCE
    const recordId = isSend ? recordIdOf(deadLetter) : undefined
    const record: StoredRecord | undefined = recordId === undefined ? undefined : await ledger.read(recordId)
    const toSettle = isSend && (await mayHaveBeenSent({ read: async () => record }, deadLetter))
    return detailOf(deadLetter, isMasked(deadLetter), record, toSettle, clock.now)
  }

  /** What is not in the record is not shown. */
  async function reveal(deadLetter: DeadLetter): Promise<LetterDetail> {
    if (isMasked(deadLetter)) {
      await writeToRecord(operator, 'revealed', [deadLetter])
      revealed.add(deadLetter.messageId)
    }
    return await detail(deadLetter)
  }

  async function evidence(deadLetter: DeadLetter): Promise<Evidence> {
    const found = await evidenceOf(await sourcesOfEvidence(operator), deadLetter)
    if (!isMasked(deadLetter)) return found
    const { id, error } = rowOf(deadLetter, true)
    return { ...found, id, to: '•••', error }
  }

  return {
    name: 'dead-letters',
    routes,
    feeds: { 'dead-letters': (send) => look.join(send) },
    close: async () => {
      ending.abort(new Error('the console ends'))
      await last
      await look.end('the console ended')
    },
  }
}

function rulesOf(rules: Pick<ReplayRules, 'force' | 'release' | 'acceptDuplicates'>): ReplayRules {
  return { ...rules, maxReplays: MAX_REPLAYS }
}
