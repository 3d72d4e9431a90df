import type { Connect } from './connection.ts'

/** Where an API of Google's is, and whether it asks who calls. */
export interface Endpoint {
  /** Such as `https://pubsub.googleapis.com`. */
  readonly origin: string
  /** The metadata server that tells who this instance is; an emulator asks nobody. */
  readonly metadata: string | undefined
  /** In the place of HTTP/2, for a simulation. */
  readonly connect?: Connect
}

export interface Endpoints {
  readonly pubsub: Endpoint
  readonly firestore: Endpoint
}

/** Google Cloud, or the emulators that the environment names, by the variables of Google's own clients. */
export function endpointsOf(env: Readonly<Record<string, string | undefined>>, connect?: Connect): Endpoints {
  const metadata = `http://${env.GCE_METADATA_HOST ?? 'metadata.google.internal'}`
  const at = (host: string, emulator: string | undefined): Endpoint =>
    emulator === undefined || emulator === ''
      ? { origin: `https://${host}`, metadata, ...(connect && { connect }) }
      : { origin: `http://${emulator.replace(/^https?:\/\//, '')}`, metadata: undefined, ...(connect && { connect }) }
  return {
    pubsub: at('pubsub.googleapis.com', env.PUBSUB_EMULATOR_HOST),
    firestore: at('firestore.googleapis.com', env.FIRESTORE_EMULATOR_HOST),
  }
}
