import type { Choices } from './choices.ts'

/** How probable each fault is in the stormiest hour: of one push, one request, or one second of an instance. */
const WORST = {
  /** Pub/Sub delivers it a second time meanwhile. */
  duplicate: 0.3,
  /** Pub/Sub does not hear the answer, and delivers it again once its deadline is over. */
  answerLost: 0.2,
  /** Pub/Sub takes the acknowledgement, and delivers it again all the same. */
  redelivered: 0.2,
  /** Pub/Sub counts the attempts wrongly, by up to two. */
  miscounted: 0.3,
  /** The push is late by up to a minute: others overtake it. */
  overtaken: 0.3,
  /** A publish of a dead letter does not happen. */
  publishFails: 0.3,
  /** It happens, and the function does not hear of it. */
  publishUnheard: 0.3,
  storeFails: 0.2,
  storeUnheard: 0.2,
  storeSlow: 0.2,
  /** Customer.io takes nearly as long as the function waits. */
  slow: 0.3,
  /** Customer.io refuses every request for a while. */
  outage: 0.7,
  serverErrorBefore: 0.2,
  serverErrorAfter: 0.2,
  timeoutBefore: 0.1,
  timeoutAfter: 0.15,
  noConnection: 0.2,
  throttled: 0.2,
  /** A web page with status 502 in the place of the answer, which was another. */
  webPage: 0.1,
  /** The list of deliveries shows one only after a while. */
  listedLate: 0.8,
  killedBefore: 0.1,
  killedAfter: 0.1,
  killedAtAnswer: 0.1,
  /** Just before a request leaves. */
  frozen: 0.3,
  frozenAtAnswer: 0.05,
  /** Just before it reads a push. */
  frozenAtPush: 0.02,
  /** All at once: frozen just before the request, which is slow, and again at its answer, so that nobody writes that down. */
  stalled: 0.1,
  /** An instance is ended by the platform within the hour. */
  ended: 0.9,
  /** A second revision takes over: with a new key for hashes, and with what an operator has cancelled. */
  rollOut: 0.9,
  /** An operator pauses a topic for a while. */
  paused: 0.5,
  clockOff: 0.5,
} as const
export type Fault = keyof typeof WORST

/** The faults of one hour: in each hour most kinds are rare or do not happen, so that the others can be told apart. */
export type Weather = Readonly<Record<Fault, number>>

const CALM: Weather = Object.fromEntries(Object.keys(WORST).map((fault) => [fault, 0])) as Weather
const FROZEN: Weather = { ...CALM, frozenAtPush: 0.05 }
const STALLED: Weather = { ...CALM, stalled: 0.05, listedLate: 1 }

/**
 * In a tenth of the hours nothing goes wrong, in another tenth instances only end as planned, while Customer.io is slow, in
 * a third tenth requests are only as late as the ledger allows for, and so is the list that shows what came of them, and in
 * a fourth instances only stand still as pushes reach them.
 */
export function weatherOf(choices: Choices): Weather {
  const kind = choices.number('weather')
  if (kind < 0.1) return CALM
  if (kind < 0.2) return { ...CALM, ended: 1, slow: 1 }
  if (kind < 0.3) return STALLED
  if (kind < 0.4) return FROZEN
  const entries = Object.entries(WORST).map(([fault, worst]) => {
    const scale = choices.pick(`weather ${fault}`, [0, 0, 0.05, 0.2, 0.5, 1])
    return [fault, worst * scale]
  })
  return Object.fromEntries(entries) as Weather
}

/** Whether nothing happens but that requests are as late as they may be. */
export const isStalled = (weather: Weather): boolean => weather === STALLED

/** Whether nothing happens but that instances stand still as pushes reach them. */
export const isFrozen = (weather: Weather): boolean => weather === FROZEN

/** Whether instances at most end as planned, while Customer.io is slow. */
export function isGentle({ ended: _, slow: _slow, ...others }: Weather): boolean {
  return Object.values(others).every((probability) => probability === 0)
}
