import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import { PROJECT_ROOT } from '../topology/topology.ts'

const FRAMEWORKS_SERVER = /@google-cloud\/functions-framework\/build\/src\/server\.js$/
const AROUND_EXPRESS = /shared\/runtime\/around-express\.ts$/

/**
 * Puts our server (shared/runtime/server.ts) in the place of the framework's, which is the only part of it that uses Express,
 * its body parsers and domains; with it goes what works around them. The rest of the framework stays as it is: command
 * line, options, loader, registry, log and error handlers.
 */
export const withoutExpress: Plugin = {
  name: 'without-express',
  setup: ({ onLoad }) => {
    const server = JSON.stringify(join(PROJECT_ROOT, 'shared/runtime/server.ts'))
    onLoad({ filter: FRAMEWORKS_SERVER }, () => ({ contents: `export { getServer } from ${server}`, loader: 'js' }))
    onLoad({ filter: AROUND_EXPRESS }, () => ({ contents: 'export function workAroundExpress() {}', loader: 'js' }))
  },
}
