import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { protos } from '@google-cloud/pubsub'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { type AnyDefinition, fromJSON } from '@grpc/proto-loader'

/** The messages of Pub/Sub's API, as the client package types them. */
export type Api = {
  readonly topic: protos.google.pubsub.v1.ITopic
  readonly subscription: protos.google.pubsub.v1.ISubscription
  readonly pushConfig: protos.google.pubsub.v1.IPushConfig
  readonly message: protos.google.pubsub.v1.IPubsubMessage
  readonly receivedMessage: protos.google.pubsub.v1.IReceivedMessage
  readonly duration: protos.google.protobuf.IDuration
  readonly timestamp: protos.google.protobuf.ITimestamp
}

/** The definitions that the client package carries: the server speaks exactly what this client speaks. */
const CLIENT = dirname(createRequire(import.meta.url).resolve('@google-cloud/pubsub'))
const PROTOS_FILE = join(CLIENT, '../protos/protos.json')

export interface PubSubServices {
  readonly publisher: ServiceDefinition
  readonly subscriber: ServiceDefinition
}

let loaded: PubSubServices | undefined

/** Reads the definitions at the first call: it takes a tenth of a second, which tests with many servers would feel. */
export function loadServices(): PubSubServices {
  loaded ??= readServices()
  return loaded
}

function readServices(): PubSubServices {
  const definitions = fromJSON(JSON.parse(readFileSync(PROTOS_FILE, 'utf8')), {
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  })
  return {
    publisher: withRequestSize(asService(definitions['google.pubsub.v1.Publisher']), 'Publish'),
    subscriber: asService(definitions['google.pubsub.v1.Subscriber']),
  }
}

function asService(definition: AnyDefinition | undefined): ServiceDefinition {
  if (definition === undefined || 'format' in definition) {
    throw new Error(`${PROTOS_FILE} lacks the services of Pub/Sub: is another major of @google-cloud/pubsub installed?`)
  }
  return definition
}

const requestSizes = new WeakMap<object, number>()

/** How many bytes a publish request had on the wire, which is what its limit is about. */
export function requestSizeBytes(request: object): number {
  return requestSizes.get(request) ?? 0
}

function withRequestSize(service: ServiceDefinition, method: string): ServiceDefinition {
  const definition = service[method]
  if (definition === undefined) throw new Error(`${PROTOS_FILE} lacks the method ${method}`)
  const requestDeserialize = (bytes: Buffer): unknown => {
    const request: unknown = definition.requestDeserialize(bytes)
    if (typeof request === 'object' && request !== null) requestSizes.set(request, bytes.length)
    return request
  }
  return { ...service, [method]: { ...definition, requestDeserialize } }
}
