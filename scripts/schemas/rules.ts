import { LIMITS } from '../../shared/contract/index.ts'
import { ABSENT, conditional, type JsonSchema } from './unions.ts'

const AUDIENCES = ['recipients', 'ids', 'emails', 'per_user_data', 'data_file_url']

/** A flag of a broadcast that is set has an effect beside these audiences only. */
const beside = (flag: string, ...audiences: readonly string[]): JsonSchema => ({
  [flag]: {
    anyOf: [{ properties: { [flag]: { const: false } } }, ...audiences.map((audience) => ({ required: [audience] }))],
  },
})

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
  Email: { if: { required: ['transactional_message_id'] }, else: { required: ['body', 'subject', 'from'] } },
  'Email.attachments': {
    propertyNames: { type: 'string', pattern: '[^.]\\.[^.]+$' },
    additionalProperties: { type: 'string', pattern: '^[A-Za-z0-9+/=\\r\\n]+$' },
  },
  'Sms.to': phoneNumberOrLiquid,
  'Whatsapp.to': phoneNumberOrLiquid,
  Broadcast: {
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
      ...beside('id_ignore_missing', 'ids', 'per_user_data', 'data_file_url'),
      ...beside('email_ignore_missing', 'emails', 'per_user_data', 'data_file_url'),
      ...beside('email_add_duplicates', 'emails', 'per_user_data', 'data_file_url'),
    },
  },
  'Broadcast.recipients': { type: 'object', minProperties: 1 },
  'Broadcast.data_file_url': { pattern: '^\\s*[hH][tT][tT][pP][sS]?:' },
}
