/** Cancelling what is queued: an operator's rules, and the check that applies them. */

export { cancelCheck } from './cancellations.ts'
export { CANCELLABLE_TOPICS, type CancelRule, inForce, LANES, MOST_RULES, problemIn, rulesIn, textOf } from './rule.ts'
