import type { Plugin } from 'esbuild'

/**
 * Message classes that Google generates for those who want to make messages by hand. The clients take plain objects and
 * only export them again, or use them for long-running operations, which nothing here starts.
 */
const MESSAGE_CLASSES =
  /@google-cloud\/pubsub(-api)?\/build\/protos\/protos\.js$|google-gax\/build\/protos\/(iam_service|locations|operations)\.js$/

/** Clients for IAM policies and locations, of which every Google client makes one, parsing its definitions, and which nothing here calls. */
const SIDE_CLIENTS = /google-gax\/build\/src\/(iamService|locationService)\.js$/
const NO_SIDE_CLIENTS = 'exports.IamClient = exports.LocationsClient = class { async close() {} }'

/**
 * Leaves out of a bundle what Google's clients load at every start and our functions never use. `probe` has the client of
 * Pub/Sub, since it publishes as an application does. What is missed is missed at the first message.
 */
export const leaveOutUnused: Plugin = {
  name: 'leave-out-unused',
  setup: ({ onLoad }) => {
    onLoad({ filter: MESSAGE_CLASSES }, () => ({ contents: 'module.exports = {}', loader: 'js' }))
    onLoad({ filter: SIDE_CLIENTS }, () => ({ contents: NO_SIDE_CLIENTS, loader: 'js' }))
  },
}
