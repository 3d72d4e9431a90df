import * as z from 'zod'
import { optional } from './absent.ts'
import { attachments } from './attachments.ts'
import { optionalObject } from './attributes.ts'
import { broadcast } from './broadcast.ts'
import { device } from './device.ts'
import { headers } from './headers.ts'
import { knownPerson } from './identifiers.ts'
import { LIMITS } from './limits.ts'
import { countRecipients, isPhoneNumberOrLiquid } from './recipients.ts'
import { anyText, byteLength, flag, optionalLine, optionalText, orRequired } from './text.ts'
import { optionalTime } from './time.ts'

const template = z.union([z.int().positive(), anyText], {
  error: orRequired("must be a template's number or its trigger name"),
})

const addresses = anyText.refine((list) => countRecipients(list) !== undefined, {
  error: 'must be e-mail addresses, separated by commas',
})

const phoneNumber = anyText.refine(isPhoneNumberOrLiquid, {
  error: orRequired('must be a phone number in E.164 format, or Liquid'),
})

/** What every channel takes. */
const common = {
  identifiers: knownPerson,
  message_data: optionalObject,
  send_at: optionalTime,
  queue_draft: flag,
  language: optionalText,
  auto_create: flag,
}
const byTemplate = { ...common, transactional_message_id: template }

const email = z
  .strictObject({
    ...common,
    channel: z.literal('email'),
    disable_message_retention: flag,
    transactional_message_id: optional(template),
    to: addresses,
    from: optionalLine,
    subject: optionalLine,
    body: optionalText,
    body_plain: optionalText,
    body_amp: optionalText,
    preheader: optional(z.string()),
    cc: optional(addresses),
    bcc: optional(addresses),
    fake_bcc: flag,
    reply_to: optionalLine,
    headers: optional(headers),
    attachments: optional(attachments),
    tracked: flag,
    disable_css_preprocessing: flag,
    send_to_unsubscribed: flag,
  })
  .check((ctx) => {
    const { transactional_message_id, body, subject, from, to, cc, bcc } = ctx.value
    if (transactional_message_id === undefined && (!body || !subject || !from)) {
      const message = 'required, unless body, subject and from are given'
      ctx.issues.push({ code: 'custom', message, input: ctx.value, path: ['transactional_message_id'] })
    }
    const recipients = [to, cc, bcc].reduce((sum, list) => sum + (list ? (countRecipients(list) ?? 0) : 0), 0)
    if (recipients > LIMITS.recipients) {
      const message = `${recipients} recipients with cc and bcc, at most ${LIMITS.recipients}`
      ctx.issues.push({ code: 'custom', message, input: ctx.value, path: ['to'] })
    }
  })

const push = z.strictObject({
  ...byTemplate,
  channel: z.literal('push'),
  disable_message_retention: flag,
  /** `all`, `last_used` or a device token. */
  to: optionalText,
  title: optionalText,
  message: optionalText,
  image_url: optionalText,
  link: optionalText,
  sound: optionalText,
  custom_data: optionalObject,
  custom_device: optional(device),
  custom_payload: optionalObject,
  send_to_unsubscribed: flag,
})

const toPhone = {
  ...byTemplate,
  disable_message_retention: flag,
  from: optionalText,
  tracked: flag,
  send_to_unsubscribed: flag,
}

/** A body of `/v1/send/*` with its channel, or a broadcast. */
export const transactionalMessage = z
  .discriminatedUnion(
    'channel',
    [
      email,
      push,
      z.strictObject({ ...toPhone, channel: z.literal('sms'), to: phoneNumber }),
      z.strictObject({ ...toPhone, channel: z.literal('whatsapp'), to: optional(phoneNumber) }),
      z.strictObject({ ...byTemplate, channel: z.literal('in_app') }),
      z.strictObject({ ...byTemplate, channel: z.literal('inbox_message'), to: optionalText }),
      broadcast,
    ],
    { error: 'must be email, push, sms, whatsapp, in_app, inbox_message or broadcast' },
  )
  .check((ctx) => {
    if (ctx.value.channel === 'broadcast') return
    const bytes = byteLength(JSON.stringify({ ...ctx.value, channel: undefined, attachments: undefined }))
    if (bytes > LIMITS.sendBytes) {
      const message = `${bytes} bytes without attachments, at most ${LIMITS.sendBytes}`
      ctx.issues.push({ code: 'custom', message, input: ctx.value })
    }
  })

export type TransactionalMessage = z.output<typeof transactionalMessage>
export type TransactionalMessageInput = z.input<typeof transactionalMessage>
