import { runWithoutDomains } from './domains.ts'
import { leaveBodiesUnread } from './unread-body.ts'

/**
 * Puts in place what works around Express and the framework's use of it. A bundle that is built without Express
 * (scripts/build/without-express.ts) is built without this too.
 */
export function workAroundExpress(): void {
  runWithoutDomains()
  leaveBodiesUnread()
}
