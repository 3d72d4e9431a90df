/** Who is meant: the one place that compares addresses of persons. */
export { mailboxesOf } from './mailbox.ts'
