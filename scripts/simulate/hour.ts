import { simulateMessages } from './messages.ts'
import type { Hour, HourOptions, Part } from './part.ts'
import { simulateWebhooks } from './webhooks.ts'

export type { Hour, HourOptions, Part } from './part.ts'

/** They share nothing but the account at Customer.io, so each has a world of its own. */
export const PARTS: readonly Part[] = ['messages', 'webhooks']

/** Runs one part of an hour, and whatever it takes until everything has ended, and judges it by its history. */
export function simulateHour(options: HourOptions): Promise<Hour> {
  return options.part === 'webhooks' ? simulateWebhooks(options) : simulateMessages(options)
}
