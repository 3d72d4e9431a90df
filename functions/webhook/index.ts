import { steadyClock } from '../../shared/clock/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { webhookFunction } from './compose.ts'
import { addListeners } from './listeners.ts'

/** Customer.io's reporting webhooks, to the topic `webhook-events`. */
register(webhookFunction(addListeners), hostOf(process, steadyClock))
