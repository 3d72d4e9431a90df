import { BROADCAST_ROUTES } from './app/broadcasts.ts'
import { DELIVERY_ROUTES } from './app/deliveries.ts'
import { NAME_ROUTES } from './app/names.ts'
import { PEOPLE_ROUTES } from './app/people.ts'
import { ACCOUNT_ROUTES } from './app/reporting-webhooks.ts'
import { SEND_ROUTES } from './app/sends.ts'
import type { Route } from './context.ts'
import { V1_ROUTES } from './track/v1.ts'
import { V2_ROUTES } from './track/v2.ts'

export interface RouteMatch {
  readonly route: Route
  readonly params: readonly string[]
}

const ROUTES = [
  V2_ROUTES,
  V1_ROUTES,
  SEND_ROUTES,
  BROADCAST_ROUTES,
  DELIVERY_ROUTES,
  NAME_ROUTES,
  PEOPLE_ROUTES,
  ACCOUNT_ROUTES,
].flat()

const fixed = new Map(
  ROUTES.filter(({ path }) => !path.includes(':')).map((route) => [
    `${route.method} ${route.path}`,
    { route, params: [] },
  ]),
)

const variable = ROUTES.filter(({ path }) => path.includes(':')).map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replaceAll(/:\w+/g, '([^/]+)')}$`),
}))

/** The endpoint of a request, or undefined when neither API has such a path with such a method. */
export function findRoute(method: string, path: string): RouteMatch | undefined {
  const found = fixed.get(`${method} ${path}`)
  if (found !== undefined) return found
  for (const { route, pattern } of variable) {
    if (route.method !== method) continue
    const parts = pattern.exec(path)
    if (parts === null) continue
    try {
      return { route, params: parts.slice(1).map(decodeURIComponent) }
    } catch {
      return undefined // a path with broken percent-encoding names nothing
    }
  }
  return undefined
}
