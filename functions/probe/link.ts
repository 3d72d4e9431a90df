/**
 * The links between an application, Customer.io and the warehouse, in the order in which a message and a webhook pass them.
 * The `link` of a log line, so a closed set: alert and dashboard tell series apart by it.
 */
export type Link =
  | 'topic_identify' // Pub/Sub takes a message for identify
  | 'topic_track' // the same for track
  | 'identify' // topic, function, Customer.io's Track API: the attribute is at the person
  | 'track' // the same: the event is at the person
  | 'app_api' // Customer.io's App API answers, by which both are seen
  | 'webhook_url' // a request from outside reaches the webhook function
  | 'webhook' // the function takes the signature and publishes: what it answers 2xx is on the topic webhook-events
  | 'warehouse' // subscription and function of the warehouse: the row is in BigQuery
  | 'bigquery' // BigQuery answers the query by which the row is seen

/** What a round found out about one link. Links behind a broken one were not tried, and have no result. */
export type LinkResult = { readonly link: Link; readonly latencyMs: number } & (
  | { readonly ok: true }
  /** `reason` comes from a small set of words without anything of a message or a server in them. */
  | { readonly ok: false; readonly reason: string }
)

/** What one round sends, by which it knows its own traces from those of another round. */
export interface Round {
  /** Never used before. */
  readonly id: string
  /** Unix seconds. */
  readonly startedAt: number
}

/** Nothing of it was seen in time, though whoever was asked for it did answer. */
export const NOT_SEEN = 'not_seen'

export function intact(link: Link, latencyMs: number): LinkResult {
  return { link, ok: true, latencyMs }
}

export function broken(link: Link, latencyMs: number, reason: string): LinkResult {
  return { link, ok: false, latencyMs, reason }
}
