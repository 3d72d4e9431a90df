import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../../shared/clock/index.ts'
import type { Area } from './server/area.ts'
import { loadPage, type Page } from './server/page.ts'
import { serve } from './server/server.ts'

export interface ConsoleOptions {
  /** 0 means any free one. */
  readonly port: number
  readonly areas: readonly Area[]
  /** What the pages are about: `local`, or the name of an environment. */
  readonly environment: string
  /** Options that name it to the command line: `--env prod`. */
  readonly flags: string
  /** True: a deployment, where data are masked and queries cost. */
  readonly deployed: boolean
  /** Bundled from the sources by default. */
  readonly page?: Page
  readonly clock?: Clock
  /** Is told of errors that no area foresaw. */
  readonly onError: (error: unknown) => void
}

export interface Console {
  /** What a person opens: `http://127.0.0.1:<port>/`; of a deployment with a random key, for this user of the machine only. */
  readonly url: string
  /** What a POST must carry as `x-console-token`; the page has it from the document. */
  readonly token: string
  close(): Promise<void>
}

/** Serves the pages of these areas on loopback. Rejects when the port is taken. */
export async function startConsole(options: ConsoleOptions): Promise<Console> {
  const { port, areas, environment, flags, deployed, onError, clock = systemClock } = options
  const token = secret()
  const facts = {
    token,
    areas: areas.map(({ name }) => name),
    feeds: areas.flatMap(({ feeds }) => Object.keys(feeds ?? {})),
    environment,
    flags,
    deployed,
  }
  const page = options.page ?? (await loadPage())
  const server = await serve({
    ...{ port, areas, page, facts, clock, onError },
    // The stores of a local stack are open to every user of the machine: a key to its console would keep nobody out.
    key: deployed ? secret() : undefined,
  })
  return {
    url: server.url,
    token,
    close: async () => {
      await Promise.all(areas.map((area) => area.close?.()))
      await server.close()
    },
  }
}

function secret(): string {
  return randomBytes(24).toString('base64url')
}
