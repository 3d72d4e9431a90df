import { LIMITS } from '../../shared/contract/index.ts'
import { ABSENT, conditional, type JsonSchema } from './unions.ts'

const AUDIENCES = ['recipients', 'ids', 'emails', 'per_user_data', 'data_file_url']

/** What an e-mail without a template must have. */
const OWN_CONTENT = ['body', 'subject', 'from']

const oneLine = { pattern: '^[^\\r\\n]*$' }
const phoneNumberOrLiquid = { pattern: '^\\+[1-9]\\d{1,14}$|\\{\\{|\\{%' }

/**
 * What the contract checks in code, where zod's conversion cannot see it, as far as JSON Schema can say it. By definition
 * and field; the keywords are added to what zod says. schemas.test.ts holds them to the contract.
 */
export const RULES: Readonly<Record<string, JsonSchema>> = {
  Attributes: {
    $ref: undefined,
    propertyNames: { type: 'string', maxLength: LIMITS.attributeNameBytes },
    additionalProperties: conditional({ type: 'string' }, { type: 'string', maxLength: LIMITS.attributeValueBytes }),
  },
  Email: {
    if: { required: ['transactional_message_id'], properties: { transactional_message_id: { not: { type: 'null' } } } },
    else: {
      required: OWN_CONTENT,
      properties: Object.fromEntries(OWN_CONTENT.map((field) => [field, { type: 'string' }])),
    },
  },
  'Email.to': oneLine,
  'Email.cc': oneLine,
  'Email.bcc': oneLine,
  'Email.attachments': {
    propertyNames: { type: 'string', pattern: '[^.]\\.[^.]+$' },
    additionalProperties: { type: 'string', pattern: '^[A-Za-z0-9+/=\\r\\n]+$' },
  },
  'Sms.to': phoneNumberOrLiquid,
  'Whatsapp.to': phoneNumberOrLiquid,
  Broadcast: {
    if: { anyOf: AUDIENCES.map((audience) => ({ required: [audience] })) },
    else: {
      properties: {
        data: {
          type: ['object', 'null'],
          properties: Object.fromEntries(AUDIENCES.map((audience) => [audience, ABSENT])),
        },
      },
    },
    dependentSchemas: {
      ...Object.fromEntries(
        AUDIENCES.map((audience) => [
          audience,
          {
            properties: Object.fromEntries(
              AUDIENCES.filter((other) => other !== audience).map((other) => [other, ABSENT]),
            ),
          },
        ]),
      ),
    },
  },
  'Broadcast.recipients': { type: 'object', maxProperties: 1 },
  Filter: { minProperties: 1 },
  'Filter.and': { minItems: 1 },
  'Filter.or': { minItems: 1 },
  SegmentFilter: { required: ['id'] },
  AttributeFilter: conditional(
    { properties: { operator: { const: 'eq' } }, required: ['operator'] },
    { required: ['value'] },
  ),
  'TrackMessage.attributes': {
    type: 'object',
    properties: Object.fromEntries(
      ['recipient', 'from_address', 'reply_to'].map((name) => [
        name,
        conditional({ type: 'string' }, { type: 'string', ...oneLine }),
      ]),
    ),
  },
  TrackMessage: {
    if: { properties: { action: { const: 'page' } }, required: ['action'] },
    else: { properties: { name: { type: 'string', maxLength: LIMITS.eventNameBytes } } },
  },
  'Broadcast.data_file_url': { pattern: '^\\s*[hH][tT][tT][pP][sS]?:' },
}
