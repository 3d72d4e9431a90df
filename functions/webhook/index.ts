import { systemClock } from '../../shared/clock/index.ts'
import { hostOf, leaveBodiesUnread, register, servesOnly } from '../../shared/runtime/index.ts'
import { SIGNATURE_HEADER } from '../../shared/webhooks/index.ts'
import { webhookFunction } from './compose.ts'
import { addListeners } from './listeners.ts'

// Where functions share a process, as they do in tests, only what claims a signature is sure to be for this one.
const alone = servesOnly('webhook', process.env, process.argv)
leaveBodiesUnread((request) => alone || SIGNATURE_HEADER in request.headers)

register(webhookFunction(addListeners), hostOf(process, systemClock))
