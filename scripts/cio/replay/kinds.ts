import type { ValidMessage } from '../publish/messages.ts'

/**
 * What carries neither an id nor a time, or reaches many: a replay would undo newer state, or reach them again. Replayed only
 * by name.
 */
export const BY_NAME = [
  'delete',
  'suppress',
  'unsuppress',
  'merge',
  'device',
  'relationship',
  'object',
  'broadcast',
] as const
export type ByName = (typeof BY_NAME)[number]

/** What a replay has to do with. */
export type Kind = 'identify' | 'event' | 'send' | ByName

/** Pure. */
export function kindOf(valid: ValidMessage): Kind {
  if (valid.topic === 'track') return 'event'
  if (valid.topic === 'transactional') return valid.message.channel === 'broadcast' ? 'broadcast' : 'send'
  const { message } = valid
  if (message.type === 'object') return 'object'
  switch (message.action) {
    case 'add_device':
    case 'delete_device':
      return 'device'
    case 'add_relationships':
    case 'delete_relationships':
      return 'relationship'
    case 'identify':
      // They have no time of their own: the message's orders its attributes alone.
      return message.cio_relationships === undefined ? 'identify' : 'relationship'
    default:
      return message.action
  }
}

export function isByName(kind: Kind): kind is ByName {
  return BY_NAME.some((each) => each === kind)
}
