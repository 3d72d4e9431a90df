import type { Area, Route } from './area.ts'

export interface Found {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

/** The route of a method and path; undefined when there is none. Throws at once when two areas claim one. */
export function routerOf(areas: readonly Area[]): (method: string, pathname: string) => Found | undefined {
  const routes = areas.flatMap(({ routes }) => routes)
  const shape = ({ method, path }: Route) => `${method} ${path.replaceAll(/:[a-z]\w*/gi, ':')}`
  for (const [index, route] of routes.entries()) {
    const earlier = routes.slice(0, index).find((other) => shape(other) === shape(route))
    if (earlier !== undefined) throw new Error(`two areas of the console serve ${route.method} ${route.path}`)
  }
  const patterns = routes.map((route) => ({ route, segments: route.path.split('/') }))
  return (method, pathname) => {
    const given = pathname.split('/')
    for (const { route, segments } of patterns) {
      if (route.method !== method || segments.length !== given.length) continue
      const params = paramsOf(segments, given)
      if (params !== undefined) return { route, params }
    }
    return undefined
  }
}

function paramsOf(segments: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    const value = given[index] ?? ''
    if (!segment.startsWith(':')) {
      if (segment !== value) return undefined
      continue
    }
    try {
      params[segment.slice(1)] = decodeURIComponent(value)
    } catch {
      return undefined
    }
  }
  return params
}
