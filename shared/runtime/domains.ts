import domain from 'node:domain'

/**
 * Replaces: the framework runs each request in a domain of its own (`node:domain`, deprecated). It has no option against
 * that.
 *
 * - What a request starts here, a batch, a publish, a read of a secret, is shared with others. In a domain it would
 *   belong to whoever came first: a stray error would be answered to that one, and the process would go on in an unknown
 *   state. Without, such an error ends the process, and Pub/Sub or Customer.io deliver again what was held.
 * - A domain watches every promise of the process from its making to its garbage collection. That takes more time than
 *   all our own code, and makes a pause of the garbage collector several times as long.
 *
 * What a handler rejects with is not affected: the framework answers it with 500.
 */
export function runWithoutDomains(): void {
  Object.assign(domain, { create: () => NO_DOMAIN })
}

/** As much of a `Domain` as the framework uses. */
const NO_DOMAIN = {
  on: () => NO_DOMAIN,
  run: (work: () => unknown) => work(),
}
