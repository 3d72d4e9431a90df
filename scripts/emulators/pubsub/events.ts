/** What the server tells whoever watches it: tests, the local stack, the chaos script. Names are `projects/…` in full. */
export interface PubSubEvents {
  published: [
    {
      topic: string
      messageId: string
      attributes: Readonly<Record<string, string>>
      data: Buffer
      /** Empty when the publisher set none. */
      orderingKey: string
      publishTimeMs: number
    },
  ]
  /** A delivery attempt begins. `attempt` counts from 1. */
  attempted: [{ subscription: string; messageId: string; attempt: number }]
  /**
   * A push was answered (or not: then `failure` says why), a message was handed to a puller, or written to BigQuery (or not).
   * `attempt` counts from 1 and is known here whether or not the subscription has a dead-letter policy.
   */
  delivered: [
    {
      subscription: string
      messageId: string
      attempt: number
      via: 'push' | 'pull' | 'bigquery'
      status?: number
      failure?: string
      latencyMs?: number
    },
  ]
  acknowledged: [{ subscription: string; messageId: string; attempt: number }]
  deadLettered: [
    { subscription: string; messageId: string; attempts: number; deadLetterTopic: string; deadLetterMessageId: string },
  ]
  /** A message was older than the subscription keeps messages, and is lost. */
  expired: [{ subscription: string; messageId: string; attempts: number }]
}

/** How a subscription stands at this moment. */
export interface SubscriptionStats {
  readonly subscription: string
  /** Messages that are not acknowledged, in whatever state. */
  readonly outstanding: number
  /** Of these: handed out and not answered. */
  readonly leased: number
  /** Of these: failed, and not to be tried again before their back-off is over. */
  readonly waiting: number
  /** Age of the oldest message that is not acknowledged; undefined when there is none. */
  readonly oldestUnackedAgeMs?: number
  readonly paused: boolean
  /** Since the start: deliveries begun, messages acknowledged, messages moved to the dead-letter topic. */
  readonly deliveries: number
  readonly acknowledged: number
  readonly deadLettered: number
}
