/** Who is meant: the one place that compares persons. */
export {
  boundedSubjectKey,
  identifierOf,
  identifiersOf,
  isSamePhone,
  keyOf,
  subjectKey,
} from './identifier.ts'
export { mailboxesOf, shareMailbox } from './mailbox.ts'
