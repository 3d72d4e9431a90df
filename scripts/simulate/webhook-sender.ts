import { signWebhook } from '../../shared/webhooks/index.ts'
import { SECRETS } from './environment.ts'
import type { Pool } from './pool.ts'
import type { Weather } from './weather.ts'
import type { PlannedWebhook } from './webhook-plan.ts'
import type { World } from './world.ts'

export interface WebhookSenderOptions {
  readonly world: World
  readonly weather: Weather
  /** Of the webhook function. */
  readonly pool: Pool
  /** Customer.io has heard that it was taken. */
  readonly onTaken: (op: string) => void
}

/** https://docs.customer.io/journeys/webhooks/ */
const ANSWER_WITHIN_MS = 4_000
const LONGEST_BACK_OFF_MS = 600_000
const DUPLICATE_WITHIN_MS = 20_000

/** Customer.io, as it reports: it sends each webhook until it hears a success, and some of them twice. */
export class WebhookSender {
  readonly #options: WebhookSenderOptions

  constructor(options: WebhookSenderOptions) {
    this.#options = options
  }

  send(webhook: PlannedWebhook, attempt = '1'): void {
    const { world, weather, pool, onTaken } = this.#options
    const { choices } = world
    const { op, body, nature } = webhook
    const name = `${op}/${attempt}`
    if (choices.fault(`duplicate ${name}`, weather.duplicate)) {
      const afterMs = choices.between(`duplicate after ${name}`, 0, DUPLICATE_WITHIN_MS)
      world.after(afterMs, () => this.send(webhook, `${attempt}'`))
    }
    let isOpen = true
    const over = (isSuccess: boolean, why: string) => {
      if (!isOpen) return
      isOpen = false
      world.tell(`${name} ${why}`)
      if (isSuccess) onTaken(op)
      else if (nature !== 'forged') {
        const afterMs = choices.between(`back-off ${name}`, 1_000, LONGEST_BACK_OFF_MS)
        world.after(afterMs, () => this.send(webhook, `${attempt}+`))
      }
    }
    const answered = (status: number) => {
      if (isOpen && choices.fault(`answer lost ${name}`, weather.answerLost)) {
        world.tell(`${name} is answered ${status}, which Customer.io does not hear`)
      } else over(status >= 200 && status < 300, `is answered ${status}`)
    }
    const timestamp = String(Math.floor(world.nowMs / 1_000))
    const key = nature === 'forged' ? 'another key' : SECRETS.CUSTOMERIO_WEBHOOK_SIGNING_KEYS
    const headers = { 'x-cio-timestamp': timestamp, 'x-cio-signature': signWebhook(key, timestamp, body) }
    const close = pool.push(name, body, answered, headers)
    world.after(ANSWER_WITHIN_MS, () => {
      if (!isOpen) return
      close()
      over(false, 'has no answer in time')
    })
  }
}
