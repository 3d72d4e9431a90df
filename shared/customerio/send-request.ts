import {
  type APIClient,
  SendEmailRequest,
  SendInAppRequest,
  SendInboxMessageRequest,
  SendPushRequest,
  SendSMSRequest,
  SendWhatsAppRequest,
} from 'customerio-node'
import type { TransactionalMessage } from '../contract/index.ts'

export type SendMessage = Exclude<TransactionalMessage, { channel: 'broadcast' }>
export type BroadcastMessage = Extract<TransactionalMessage, { channel: 'broadcast' }>

/** What the SDK's builders insist on; the body overwrites all of it. */
const PLACEHOLDERS = { identifiers: { id: '' }, transactional_message_id: '' }

/**
 * Sends one transactional message by the SDK's method of its channel. The SDK's request builders drop fields that are
 * not on their lists (an e-mail's `cc`, an SMS's `from`, `auto_create` everywhere), so the body is set on the built
 * request; the contract has checked it before.
 */
export function callSend(client: APIClient, message: SendMessage): Promise<Record<string, unknown>> {
  const { channel, ...body } = message
  const withBody = <R extends { message: { transactional_message_id?: unknown } }>(request: R): R => {
    // An e-mail with a body of its own has no template.
    delete request.message.transactional_message_id
    Object.assign(request.message, body)
    return request
  }
  switch (channel) {
    case 'email':
      return client.sendEmail(withBody(new SendEmailRequest({ ...PLACEHOLDERS, to: '' })))
    case 'push':
      return client.sendPush(withBody(new SendPushRequest(PLACEHOLDERS)))
    case 'sms':
      return client.sendSMS(withBody(new SendSMSRequest(PLACEHOLDERS)))
    case 'whatsapp':
      return client.sendWhatsApp(withBody(new SendWhatsAppRequest(PLACEHOLDERS)))
    case 'in_app':
      return client.sendInApp(withBody(new SendInAppRequest(PLACEHOLDERS)))
    case 'inbox_message':
      return client.sendInboxMessage(withBody(new SendInboxMessageRequest(PLACEHOLDERS)))
  }
}

/**
 * Triggers a broadcast. The SDK's method is positional: recipients in second place would go out as data, and the
 * broadcast would reach everybody it is set up for.
 */
export function callBroadcast(client: APIClient, message: BroadcastMessage): Promise<Record<string, unknown>> {
  const { channel: _channel, broadcast_id, data, recipients, ...audience } = message
  return client.triggerBroadcast(broadcast_id, data, recipients ?? audience)
}
