import type { PubSubServer } from '../emulators/pubsub/index.ts'
import { lanesOf, type Topic } from './messages.ts'

/** What of a local stack is asked here. `pubsub` is another one after a restart. */
export interface LaneStack {
  readonly endpoints: { readonly projectId: string }
  readonly pubsub: Pick<PubSubServer, 'pause' | 'resume' | 'duplicatePushes'> & {
    stats(subscription: string): { readonly outstanding: number }
  }
}

/** The subscriptions of a topic as one: what is done to it is done to both lanes. */
export function sourceOf(stack: LaneStack, topic: Topic) {
  const names = lanesOf(topic).map((name) => `projects/${stack.endpoints.projectId}/subscriptions/${name}`)
  return {
    pause(): void {
      for (const name of names) stack.pubsub.pause(name)
    },
    resume(): void {
      for (const name of names) stack.pubsub.resume(name)
    },
    /** Messages that are not acknowledged. */
    outstanding: () => names.reduce((total, name) => total + stack.pubsub.stats(name).outstanding, 0),
    /** The next `count` pushes of each lane go out twice. Zero calls it off. */
    duplicatePushes(count: number, when: 'together' | 'after' = 'together'): void {
      for (const name of names) stack.pubsub.duplicatePushes(name, count, when)
    },
  }
}
