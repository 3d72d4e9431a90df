import type { Misbehaviour } from '../../../emulators/bigquery/index.ts'
import type { FirestoreFault } from '../../../emulators/firestore/index.ts'
import type { Stack } from '../../../local/stack.ts'
import type { Fault } from './fault.ts'

/** Faults of the subscriptions that push to a function or write to BigQuery. */
export function pubSubFaults(stack: Stack): readonly Fault[] {
  const names = Object.entries(stack.topology.subscriptions).flatMap(([name, { push, bigquery }]) =>
    push !== undefined || bigquery !== undefined ? [{ name, isPushed: push !== undefined }] : [],
  )
  const full = (name: string) => `projects/${stack.endpoints.projectId}/subscriptions/${name}`
  // Another server after each restart: it is asked for each time.
  return names.flatMap(({ name, isPushed }): Fault[] => [
    {
      ...{
        id: `pubsub-pause-${name}`,
        label: `${name} delivers nothing`,
        about: 'Messages wait. They come when it is off.',
      },
      isOn: () => stack.pubsub.stats(full(name)).paused,
      turnOn: () => stack.pubsub.pause(full(name)),
      turnOff: () => stack.pubsub.resume(full(name)),
    },
    ...(isPushed
      ? [
          {
            ...{
              id: `pubsub-twice-${name}`,
              label: `${name} delivers twice`,
              about: 'Each push goes out twice at once. Nothing happens twice.',
            },
            isOn: () => stack.pubsub.duplicatesDue(full(name)) > 0,
            turnOn: () => stack.pubsub.duplicatePushes(full(name), Number.MAX_SAFE_INTEGER),
            turnOff: () => stack.pubsub.duplicatePushes(full(name), 0),
          },
        ]
      : []),
  ])
}

const FIRESTORE: Readonly<Record<FirestoreFault, readonly [label: string, about: string]>> = {
  unavailable: ['Is unavailable', 'Nothing is sent that could not be claimed before.'],
  denied: ['Denies the permission', 'Nothing is sent that could not be claimed before.'],
  answer_lost: ['Loses its answers', 'It does what it is asked; the ledger finds its own write.'],
  late: ['Answers 300 ms late', 'It does what it is asked.'],
}

export function firestoreFaults(stack: Stack): readonly Fault[] {
  return Object.entries(FIRESTORE).map(([kind, [label, about]]): Fault => {
    const fault = kind as FirestoreFault
    const isOn = () => stack.firestore.misbehaviour === fault
    return {
      ...{ id: `firestore-${kind}`, label, about, isOn },
      turnOn: () => stack.firestore.misbehave(fault),
      turnOff: () => {
        if (isOn()) stack.firestore.misbehave()
      },
    }
  })
}

/** Those that need no choice: of rows, of a moment. */
const BIGQUERY: readonly (readonly [label: string, about: string, order: Misbehaviour])[] = [
  ['Is down', 'Answers 503 and stores nothing. Webhooks wait in Pub/Sub.', { kind: 'down' }],
  ['Is unreachable', 'Connections are cut before an answer.', { kind: 'unreachable' }],
  ['Answers after 2 s', 'Stores what it is given.', { kind: 'slow', delayMs: 2_000 }],
  ['Loses its answers', 'Stores rows, then cuts the connection. Each row is there once.', { kind: 'answerLost' }],
  ['Refuses every row', 'Events go to the quarantine, where they stay.', { kind: 'refuseAll' }],
]

export function bigQueryFaults({ bigquery }: Stack): readonly Fault[] {
  return BIGQUERY.map(([label, about, order]): Fault => {
    const isOn = () => bigquery.misbehaviour?.kind === order.kind
    return {
      ...{ id: `bigquery-${order.kind}`, label, about, isOn },
      turnOn: () => bigquery.misbehave(order),
      turnOff: () => {
        if (isOn()) bigquery.misbehave()
      },
    }
  })
}
