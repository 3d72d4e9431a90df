import type { ServiceDefinition } from '@grpc/grpc-js'
import { z } from 'zod'
import { GrpcError } from '../../shared/google-api/index.ts'
import { Documents } from '../emulators/firestore/documents.ts'
import {
  batchGetSchema,
  commitSchema,
  firestoreService,
  runQuerySchema,
  type Write,
} from '../emulators/firestore/protocol.ts'
import { loadServices } from '../emulators/pubsub/protos.ts'
import { RpcError } from '../emulators/rpc-error.ts'
import type { Outgoing } from './broker.ts'
import type { GoogleApis } from './network.ts'

const publishSchema = z.object({
  topic: z.string(),
  messages: z.array(
    z.object({ data: z.instanceof(Buffer), attributes: z.record(z.string(), z.string()), orderingKey: z.string() }),
  ),
})

let services: Readonly<Record<string, ServiceDefinition>> | undefined

export interface GoogleOptions {
  readonly now: () => number
  readonly publish: (topic: string, message: Outgoing) => void
  /** Changes what is about to be written: for a ledger without one of its safeguards. */
  readonly rewrite?: (write: Write) => Write
}

/** Firestore and Pub/Sub as functions call them: the bytes of gRPC, read and written by Google's own definitions. */
export function createGoogle({ now, publish, rewrite = (write) => write }: GoogleOptions): GoogleApis {
  services ??= { Firestore: firestoreService(), Publisher: loadServices().publisher }
  const definitions = services
  const documents = new Documents({ now })
  const methods: Readonly<Record<string, (request: unknown) => readonly object[]>> = {
    Commit: (request) => [documents.commit(commitSchema.parse(request).writes.map(rewrite))],
    BatchGetDocuments(request) {
      const readTime = documents.readTime()
      return batchGetSchema.parse(request).documents.map((name) => {
        const found = documents.get(name)
        return found === undefined ? { missing: name, readTime } : { found, readTime }
      })
    },
    RunQuery(request) {
      const readTime = documents.readTime()
      const found = documents.query(runQuerySchema.parse(request))
      return found.length === 0 ? [{ readTime }] : found.map((document) => ({ document, readTime }))
    },
    Publish(request) {
      const { topic, messages } = publishSchema.parse(request)
      for (const message of messages) publish(topic.slice(topic.lastIndexOf('/') + 1), message)
      return [{}]
    },
  }
  return ({ path, request }) => {
    const [service = '', name = ''] = path.slice(path.lastIndexOf('.') + 1).split('/')
    const method = definitions[service]?.[name]
    const serve = methods[name]
    if (method === undefined || serve === undefined) throw new GrpcError(12, `not served here: ${path}`)
    try {
      return serve(method.requestDeserialize(request)).map((answer) => method.responseSerialize(answer))
    } catch (error) {
      if (error instanceof RpcError) throw new GrpcError(error.code, error.message)
      throw error
    }
  }
}
