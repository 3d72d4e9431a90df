import { http } from '@google-cloud/functions-framework'
import { SIGNATURE_HEADER } from '../../shared/webhooks/index.ts'
import { leaveBodiesUnread } from './body.ts'
import { createWebhookFunction } from './compose.ts'
import { addListeners } from './listeners.ts'

// In a deployed process every request is for this function; where functions share one, those that claim a signature are.
leaveBodiesUnread((request) => process.env.FUNCTION_TARGET === 'webhook' || SIGNATURE_HEADER in request.headers)

http('webhook', createWebhookFunction({ env: process.env, addListeners }))
