import { invalidArgument } from './refusals.ts'

const ID = '(?!goog)[A-Za-z][A-Za-z0-9\\-_.~+%]{2,254}'
const PATTERNS = {
  topics: new RegExp(`^projects/([^/]+)/topics/(${ID})$`),
  subscriptions: new RegExp(`^projects/([^/]+)/subscriptions/(${ID})$`),
} as const

/** What a subscription's `topic` says once its topic has been deleted. */
export const DELETED_TOPIC = '_deleted-topic_'

export interface ResourceName {
  readonly project: string
  readonly id: string
}

/** Splits `projects/<project>/<collection>/<id>`; throws INVALID_ARGUMENT for a name that Pub/Sub would not take. */
export function parseName(collection: keyof typeof PATTERNS, name: string): ResourceName {
  const [, project, id] = PATTERNS[collection].exec(name) ?? []
  if (project === undefined || id === undefined) {
    throw invalidArgument(`Invalid [${collection}] name: (name=${name}).`)
  }
  return { project, id }
}
