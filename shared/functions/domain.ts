import type { HttpFunction } from '@google-cloud/functions-framework'

/**
 * Leaves the domain (`node:domain`) in which the functions framework runs each request. What a request starts here, a
 * batch, a publish, a read of a secret, is shared with others, so it must not belong to the request that came first: in
 * its domain, a stray error would be answered to that one and the process would go on. Outside, it ends the process,
 * and Pub/Sub or Customer.io deliver again what was held. The handlers' own errors are theirs to catch either way.
 *
 * Besides, every promise that is made in a domain is entered into it, which costs more than most of our code.
 */
export function outsideDomain(fn: HttpFunction): HttpFunction {
  return (request, response) => {
    activeDomain()?.exit()
    return fn(request, response)
  }
}

/** `process.domain`: documented by Node (https://nodejs.org/api/domain.html), not in its types. */
function activeDomain(): { exit(): void } | undefined {
  const { domain }: { domain?: { exit(): void } | null } = process as { domain?: { exit(): void } | null }
  return domain ?? undefined
}
