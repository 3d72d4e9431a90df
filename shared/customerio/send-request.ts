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
  const withBody = <R extends { message: object }>(request: R): R => {
    // Nor may anything else stay that the builder puts in: placeholders, an e-mail's empty headers.
    for (const field of Object.keys(request.message)) Reflect.deleteProperty(request.message, field)
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
 * broadcast would reach everybody it is set up for. Flags have an effect beside people who are named one by one: without
 * these the SDK would make a filter of them.
 */
export function callBroadcast(client: APIClient, message: BroadcastMessage): Promise<Record<string, unknown>> {
  const { broadcast_id, data, recipients, ids, emails, per_user_data, data_file_url } = message
  const { id_ignore_missing, email_ignore_missing, email_add_duplicates } = message
  const hasPeople = [ids, emails, per_user_data, data_file_url].some((people) => people !== undefined)
  const people = {
    ids,
    emails,
    per_user_data,
    data_file_url,
    id_ignore_missing,
    email_ignore_missing,
    email_add_duplicates,
  }
  return client.triggerBroadcast(broadcast_id, data, hasPeople ? people : recipients)
}
