import type { ComponentType } from 'preact'
import { DeadLetters } from './dead-letters.ts'
import { Faults } from './faults.ts'
import { Inbox } from './inbox.ts'
import { Messages } from './messages.ts'
import { Now } from './now.ts'
import { Publish } from './publish.ts'
import { Stopped } from './stopped.ts'

/** A page of the console: its tab, and what is drawn under it. It is there when its area is served. */
export interface PageEntry {
  /** First segment of its address, and the name of its area. */
  readonly name: string
  readonly title: string
  readonly view: ComponentType
}

/** In the order of the tabs. */
export const PAGES: readonly PageEntry[] = [
  { name: 'now', title: 'Now', view: Now },
  { name: 'messages', title: 'Messages', view: Messages },
  { name: 'publish', title: 'Publish', view: Publish },
  { name: 'inbox', title: 'Inbox', view: Inbox },
  { name: 'dead-letters', title: 'Dead letters', view: DeadLetters },
  { name: 'stopped', title: 'Stopped', view: Stopped },
  { name: 'faults', title: 'Faults', view: Faults },
]
