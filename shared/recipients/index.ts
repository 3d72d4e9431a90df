/** Whom an environment may write to: rules, and the guard that holds every message to them. See README.md. */
export { createGuard, type Guard, type Guarded } from './guard.ts'
export { parseRecipients, type RecipientRules } from './rules.ts'
