import { metricsOf } from './own-events.ts'
import type { Reported, Reports } from './reports.ts'
import { cataloguedEvents } from './samples/index.ts'
import type { Send } from './workspace/sends.ts'
import type { Workspace } from './workspace/workspace.ts'

/** What a recipient, or the provider on the way there, can do with a message, and the metric that Customer.io reports for it. */
export const RECIPIENT_ACTIONS = {
  deliver: 'delivered',
  open: 'opened',
  click: 'clicked',
  bounce: 'bounced',
  complain: 'spammed',
  unsubscribe: 'unsubscribed',
} as const
export type RecipientAction = keyof typeof RECIPIENT_ACTIONS

const ACTIONS = Object.keys(RECIPIENT_ACTIONS) as readonly RecipientAction[]

/** What only happens to a message that arrived. */
const AFTER_DELIVERY: ReadonlySet<RecipientAction> = new Set(['open', 'click', 'complain', 'unsubscribe'])

const CLICKED_LINK = 'https://example.com/'
const BOUNCE = '550 5.1.1 No such mailbox'

const DOCUMENTED = new Set(cataloguedEvents().map(({ objectType, metric }) => `${objectType} ${metric}`))

/** The people behind the addresses: does what a recipient would, and has Customer.io report it by webhooks. */
export class Recipients {
  readonly #workspace: Workspace
  readonly #reports: Reports
  readonly #now: () => number
  readonly #reportsChanges: boolean

  /** @param reportsChanges whether a change of a person is reported without being asked for */
  constructor(workspace: Workspace, reports: Reports, now: () => number, reportsChanges: boolean) {
    this.#workspace = workspace
    this.#reports = reports
    this.#now = now
    this.#reportsChanges = reportsChanges
  }

  /** What can be done with a message of a channel: what Customer.io documents a webhook for. */
  actionsOf(channel: Send['channel']): readonly RecipientAction[] {
    return ACTIONS.filter((action) => DOCUMENTED.has(`${channel} ${RECIPIENT_ACTIONS[action]}`))
  }

  /** What was reported of a message so far, in order. */
  reported(send: Send): readonly Reported[] {
    return this.#reports.of(send)
  }

  /**
   * Does it, and reports what has to have happened before as well: what is opened was sent and delivered. Returns the metrics
   * that were reported now; undefined when there is no such message, or its channel has no such action.
   *
   * @param href the link that is clicked
   */
  act(deliveryId: string, action: RecipientAction, href = CLICKED_LINK): readonly string[] | undefined {
    const send = this.#workspace.sends.find((one) => one.deliveryId === deliveryId)
    if (send === undefined || !this.actionsOf(send.channel).includes(action)) return undefined
    const atMs = this.#now()
    const metric = RECIPIENT_ACTIONS[action]
    const arrival = AFTER_DELIVERY.has(action) ? metricsOf(send) : ['sent']
    const known = new Set(this.#reports.of(send).map((report) => report.metric))
    const missing = arrival.filter((before) => before !== metric && !known.has(before))
    for (const before of missing) this.#reports.message(send, before, before === 'sent' ? send.createdAtMs : atMs)
    this.#reports.message(send, metric, atMs, {
      ...(action === 'click' && { href, link_id: 1 }),
      ...(action === 'bounce' && send.channel !== 'push' && { failure_message: BOUNCE }),
    })
    if (action === 'unsubscribe') this.#unsubscribe(send, atMs)
    return [...missing, metric]
  }

  /** By the link in an e-mail, which unsubscribes from everything. */
  #unsubscribe({ who }: Send, atMs: number): void {
    const attributes = { unsubscribed: true }
    this.#workspace.apply({ type: 'person', action: 'identify', who, attributes, relationships: [] }, atMs)
    const person = this.#workspace.people.find(who)
    if (person !== undefined && !this.#reportsChanges) this.#reports.person('unsubscribed', person, atMs)
  }
}
