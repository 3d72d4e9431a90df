import { isBuiltin } from 'node:module'
import type { Metafile, Plugin } from 'esbuild'

/**
 * Message classes that Google generates for those who want to make messages by hand. The clients take plain objects and
 * only export them again, or use them for long-running operations, which nothing here starts.
 */
const MESSAGE_CLASSES =
  /@google-cloud\/pubsub(-api)?\/build\/protos\/protos\.js$|google-gax\/build\/protos\/(iam_service|locations|operations)\.js$/

/** Clients for IAM policies and locations, of which every Google client makes one, parsing its definitions, and which nothing here calls. */
const SIDE_CLIENTS = /google-gax\/build\/src\/(iamService|locationService)\.js$/
const NO_SIDE_CLIENTS = 'exports.IamClient = exports.LocationsClient = class { async close() {} }'

/** The messages of zod in 50 languages. No schema of ours sets one; English comes from a file of its own. */
const LANGUAGES = /zod\/v4\/locales\/index\.js$/

/**
 * What only commands use, from a file whose other exports functions take. Its 400 modules would be parsed and then left out;
 * the build fails if they were not ({@link refuseMissing}).
 */
const CLIENTS_OF_COMMANDS = /^@google-cloud\/firestore$/

/**
 * Leaves out of a bundle what Google's clients load at every start and our functions never use. `probe` has the client of
 * Pub/Sub, since it publishes as an application does. What is missed is missed at the first message.
 */
export const leaveOutUnused: Plugin = {
  name: 'leave-out-unused',
  setup: ({ onLoad, onResolve }) => {
    onLoad({ filter: MESSAGE_CLASSES }, () => ({ contents: 'module.exports = {}', loader: 'js' }))
    onLoad({ filter: LANGUAGES }, () => ({ contents: '', loader: 'js' }))
    onResolve({ filter: CLIENTS_OF_COMMANDS }, ({ path }) => ({ path, external: true, sideEffects: false }))
    onLoad({ filter: SIDE_CLIENTS }, () => ({ contents: NO_SIDE_CLIENTS, loader: 'js' }))
  },
}

/** @throws when a bundle would import at run time what is not in its folder, besides Node's own modules and `installed` */
export function refuseMissing({ outputs }: Metafile, installed: readonly string[]): void {
  for (const [file, { imports }] of Object.entries(outputs))
    for (const { path, external } of imports)
      if (external && !isBuiltin(path) && !installed.includes(path))
        throw new Error(`${file} imports ${path}, which is not in the bundle: leave-out.ts leaves it out`)
}
