import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { protos } from '@google-cloud/pubsub'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { type AnyDefinition, fromJSON } from '@grpc/proto-loader'
import protobuf, { type Type } from 'protobufjs'

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

/** A method as the REST API has it. */
export interface RestMethod {
  /** As in the gRPC service: `publish`. */
  readonly name: string
  readonly verb: string
  /** `/v1/{topic=projects/∗/topics/∗}:publish` */
  readonly path: string
  /** Whether the request is the body; else it is in the query. */
  readonly hasBody: boolean
  readonly requestType: Type
  readonly responseType: Type
  /** A request as gRPC would hand it to the method: by way of the wire, with all defaults. */
  asReceived(message: object): object
  /** An answer as a client of gRPC would get it. */
  asSent(answer: object): Readonly<Record<string, unknown>>
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

/** The methods of both services that have a path in the REST API. */
export function loadRestMethods(): RestMethod[] {
  const { publisher, subscriber } = loadServices()
  const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(PROTOS_FILE, 'utf8'))).resolveAll()
  return [
    ...restMethods(root.lookupService('google.pubsub.v1.Publisher'), publisher),
    ...restMethods(root.lookupService('google.pubsub.v1.Subscriber'), subscriber),
  ]
}

const VERBS = ['get', 'put', 'post', 'patch', 'delete'] as const

function restMethods(service: protobuf.Service, definitions: ServiceDefinition): RestMethod[] {
  return service.methodsArray.flatMap((method): RestMethod[] => {
    const definition = definitions[method.name]
    const { options = {}, resolvedRequestType: requestType, resolvedResponseType: responseType } = method
    const verb = VERBS.find((each) => options[`(google.api.http).${each}`] !== undefined)
    if (verb === undefined || definition === undefined || requestType === null || responseType === null) return []
    return [
      {
        name: method.name.charAt(0).toLowerCase() + method.name.slice(1),
        verb: verb.toUpperCase(),
        path: String(options[`(google.api.http).${verb}`]),
        hasBody: options['(google.api.http).body'] !== undefined,
        requestType,
        responseType,
        asReceived: (message) => definition.requestDeserialize(definition.requestSerialize(message)),
        asSent: (answer) => definition.responseDeserialize(definition.responseSerialize(answer)),
      },
    ]
  })
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
