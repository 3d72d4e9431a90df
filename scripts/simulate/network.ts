import type { Answer, Exchange, SdkRequest } from '../../shared/customerio/index.ts'
import { type Call, type Connect, GrpcError, STATUS } from '../../shared/google-api/index.ts'
import type { Network } from '../../shared/runtime/index.ts'
import type { InsertTarget } from '../../shared/warehouse/index.ts'
import type { Instance } from './instance.ts'
import { askedOf, calledOf, insertedOf } from './naming.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

/** Google's APIs at the other end: the answer to one call, at the moment at which it arrives. Throws a GrpcError. */
export type GoogleApis = (call: Pick<Call, 'path' | 'request'>) => Buffer[]
/** BigQuery at the other end: takes rows or throws. */
export type Insert = (table: string, rows: readonly object[]) => void
/** Customer.io at the other end. */
export type CustomerIo = (request: SdkRequest, name: string) => Answer

/** Before a request. Less than the margin of ten seconds that the send ledger keeps: within it, nothing may be sent twice. */
const LONGEST_FREEZE_MS = 9_900
/** At an answer: the ledger looks at its lease after it, so it may be longer than any lease. */
const LONGEST_FREEZE_AT_ANSWER_MS = 90_000
const LONGEST_STORE_MS = 12_000

/** How one instance reaches the others. Everything that can happen to it happens on the way: each `await` of the product that waits for others waits here. */
export function networkOf(
  instance: Instance,
  world: World,
  weather: Weather,
  ends: {
    readonly google: GoogleApis
    readonly customerio?: CustomerIo
    readonly insert?: Insert
    readonly nameOf: (what: string) => string
  },
): Network & { readonly dataset: InsertTarget } {
  const { choices } = world
  const { nameOf } = ends
  /**
   * Sends something and hands over what comes back. `arrive` runs at the other end; `undefined` from it means that no answer
   * comes.
   */
  function travel<T>(
    name: string,
    ms: readonly [there: number, back: number],
    arrive: () => (() => T) | undefined,
    isStalled = false,
  ): Promise<T> {
    const never = new Promise<T>(() => {})
    if (instance.hasEnded) return never
    if (choices.fault(`killed before ${name}`, weather.killedBefore)) {
      instance.kill()
      return never
    }
    if (isStalled) instance.freeze(LONGEST_FREEZE_MS)
    else if (choices.fault(`frozen ${name}`, weather.frozen)) {
      instance.freeze(choices.upTo(`frozen for ${name}`, 500, LONGEST_FREEZE_MS))
    }
    return new Promise((resolve, reject) => {
      world.at(instance.awakeAtMs, () => {
        if (instance.hasEnded) return
        if (choices.fault(`killed after ${name}`, weather.killedAfter)) instance.kill()
        world.after(ms[0], () => {
          const answer = arrive()
          if (answer === undefined) return
          world.after(ms[1], () => {
            if (choices.fault(`killed at answer ${name}`, weather.killedAtAnswer)) instance.kill()
            if (isStalled || choices.fault(`frozen at answer ${name}`, weather.frozenAtAnswer)) {
              instance.freeze(choices.upTo(`frozen at answer for ${name}`, 500, LONGEST_FREEZE_AT_ANSWER_MS))
            }
            instance.run(() => {
              try {
                resolve(answer())
              } catch (error) {
                reject(error)
              }
            })
          })
        })
      })
    })
  }

  const exchange: Exchange = (request, { timeoutMs }) => {
    const name = nameOf(askedOf(request))
    const isStalled = choices.fault(`stalled ${name}`, weather.stalled)
    const slow = choices.fault(`slow ${name}`, weather.slow)
    const there = isStalled ? timeoutMs - 200 : choices.upTo(`there ${name}`, 5, slow ? timeoutMs - 200 : 60)
    return new Promise((resolve) => {
      let answered = false
      const settle = (answer: Answer) => {
        answered = true
        resolve(answer)
      }
      if (choices.fault(`no connection ${name}`, weather.noConnection)) {
        void travel(name, [1, 1], () => () => settle({ kind: 'no_connection', code: 'ECONNREFUSED' }))
        return
      }
      const timeOut = () => answered || settle({ kind: 'no_answer', code: 'TIMEOUT' })
      const arrive = () => {
        const left = Math.max(1, timeoutMs - there)
        const answer = arriveAtCustomerIo(request, name)
        if (answer !== undefined) return () => settle(answer)
        instance.clock.after(left, timeOut)
        return undefined
      }
      void travel(name, [there, choices.between(`back ${name}`, 1, 60)], arrive, isStalled)
    })
  }

  /** Undefined when no answer comes back. */
  function arriveAtCustomerIo(request: SdkRequest, name: string): Answer | undefined {
    const respond = (status: number, body: string, headers = {}): Answer => ({
      kind: 'response',
      status,
      headers,
      body,
    })
    if (choices.fault(`throttled ${name}`, weather.throttled)) {
      const seconds = choices.between(`retry after ${name}`, 0, 5)
      return respond(429, '', seconds === 0 ? {} : { 'retry-after': String(seconds) })
    }
    if (choices.fault(`error before ${name}`, weather.serverErrorBefore)) return respond(500, '{}')
    if (choices.fault(`timeout before ${name}`, weather.timeoutBefore)) return undefined
    const answer = ends.customerio?.(request, name)
    if (choices.fault(`error after ${name}`, weather.serverErrorAfter)) return respond(503, '')
    if (choices.fault(`timeout after ${name}`, weather.timeoutAfter)) return undefined
    if (choices.fault(`web page ${name}`, weather.webPage)) return respond(502, '<html>Bad Gateway</html>')
    return answer
  }

  const connect: Connect = () => ({
    isOver: false,
    destroy: () => {},
    send(call, { remainingMs }) {
      const isStore = call.path.includes('firestore')
      const [fails, unheard, slow] = isStore
        ? [weather.storeFails, weather.storeUnheard, weather.storeSlow]
        : [weather.publishFails, weather.publishUnheard, 0]
      const name = nameOf(calledOf(call))
      const longest = choices.fault(`slow store ${name}`, slow) ? LONGEST_STORE_MS : 20
      const there = choices.upTo(`there ${name}`, 1, longest)
      if (there > remainingMs) {
        // Nobody waits for it any more, and it happens all the same.
        return travel(name, [remainingMs, 0], () => {
          world.after(there - remainingMs, () => void attempt(() => ends.google(call)))
          return failing(new GrpcError(STATUS.DEADLINE_EXCEEDED, 'no answer in time'))
        })
      }
      return travel(name, [there, choices.between(`back ${name}`, 1, 20)], () => {
        if (choices.fault(`fails ${name}`, fails)) return failing(new GrpcError(STATUS.UNAVAILABLE, 'not now'))
        const answer = attempt(() => ends.google(call))
        const isUnheard = choices.fault(`unheard ${name}`, unheard)
        return isUnheard ? failing(new GrpcError(STATUS.UNAVAILABLE, 'cut off')) : answer
      })
    },
  })
  const dataset: InsertTarget = {
    table: (table) => ({
      insert(rows) {
        const name = nameOf(`insert into ${table} of ${insertedOf(rows[0])}`)
        const longest = choices.fault(`slow store ${name}`, weather.storeSlow) ? LONGEST_STORE_MS : 50
        const there = choices.upTo(`there ${name}`, 1, longest)
        return travel(name, [there, choices.between(`back ${name}`, 1, 20)], () => {
          if (choices.fault(`fails ${name}`, weather.storeFails)) return failing(UNAVAILABLE)
          const answer = attempt(() => ends.insert?.(table, rows))
          return choices.fault(`unheard ${name}`, weather.storeUnheard) ? failing(new Error('cut off')) : answer
        })
      },
    }),
  }
  return { exchange, connect, dataset }
}

/** As BigQuery's client tells of it. */
const UNAVAILABLE = Object.assign(new Error('not now'), { code: 503, errors: [{ reason: 'backendError' }] })

/** Does it now, and gives or throws what came of it whenever that is asked for. */
function attempt<T>(work: () => T): () => T {
  try {
    const value = work()
    return () => value
  } catch (error) {
    return failing(error)
  }
}

function failing(error: unknown): () => never {
  return () => {
    throw error
  }
}
