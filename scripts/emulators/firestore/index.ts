import { Server, ServerCredentials, type ServerWritableStream, type sendUnaryData, status } from '@grpc/grpc-js'
import { z } from 'zod'
import { RpcError } from '../rpc-error.ts'
import { Documents, type DocumentsOptions } from './documents.ts'
import { batchGetSchema, commitSchema, firestoreService, runQuerySchema } from './protocol.ts'

/**
 * `unavailable`: nothing is done, and the client tries again. `denied`: nothing is done, and it does not. `answer_lost`: it is done, but the client hears of a broken connection, and tries again.
 * `late`: it is done at once, and answered LATE_MS later.
 */
export type FirestoreFault = 'unavailable' | 'denied' | 'answer_lost' | 'late'

const LATE_MS = 300

export interface FirestoreOptions extends Partial<DocumentsOptions> {
  /** 0 for any free one. */
  readonly port: number
  /** Asked at every request what is to go wrong with it. */
  readonly fault?: (method: 'Commit' | 'BatchGetDocuments' | 'RunQuery') => FirestoreFault | undefined
}

export interface FirestoreServer {
  readonly port: number
  /** For FIRESTORE_EMULATOR_HOST. */
  readonly host: string
  /** Sets what goes wrong with every request from now on; nothing when it is called without a fault. */
  misbehave(fault?: FirestoreFault): void
  /** What was set so. */
  readonly misbehaviour: FirestoreFault | undefined
  /** Forgets every document. */
  clear(): void
  /** Ends it at once, as a crash would. */
  close(): Promise<void>
}

type Method = 'Commit' | 'BatchGetDocuments' | 'RunQuery'

/**
 * The part of Firestore that the send ledger uses, for the real client: commits with preconditions, reads by name, and
 * queries for equal values, for an entry of a list, and for values that are none of a list. No transactions, no TTL, no indexes. Everything else is answered UNIMPLEMENTED.
 */
export async function startFirestore(options: FirestoreOptions): Promise<FirestoreServer> {
  const { now = Date.now, dataFile } = options
  const documents = new Documents({ now, ...(dataFile === undefined ? {} : { dataFile }) })
  let standing: FirestoreFault | undefined

  /** Answers, unless the fault of the moment says otherwise. */
  function serve(method: Method, done: (error: RpcError | undefined, answer?: unknown) => void, work: () => unknown) {
    const fault = options.fault?.(method) ?? standing
    if (fault === 'unavailable') return done(new RpcError(status.UNAVAILABLE, 'unavailable, as asked for'))
    if (fault === 'denied') return done(new RpcError(status.PERMISSION_DENIED, 'denied, as asked for'))
    try {
      const answer = work()
      if (fault === 'answer_lost') return done(new RpcError(status.UNAVAILABLE, 'answer lost, as asked for'))
      if (fault === 'late') setTimeout(done, LATE_MS, undefined, answer)
      else done(undefined, answer)
    } catch (error) {
      done(error instanceof RpcError ? error : notServed(error))
    }
  }

  /** A stream of all answers to one request. */
  function stream(method: Method, answersTo: (request: unknown) => readonly unknown[]) {
    return (call: ServerWritableStream<unknown, unknown>) =>
      serve(
        method,
        (error, answers) => {
          if (error !== undefined) {
            call.emit('error', error)
            return
          }
          for (const answer of z.array(z.unknown()).parse(answers)) call.write(answer)
          call.end()
        },
        () => answersTo(call.request),
      )
  }

  const server = new Server()
  server.addService(firestoreService(), {
    Commit: ({ request }: { request: unknown }, callback: sendUnaryData<unknown>) =>
      serve(
        'Commit',
        (error, answer) => callback(error ?? null, answer),
        () => documents.commit(commitSchema.parse(request).writes),
      ),
    BatchGetDocuments: stream('BatchGetDocuments', (request) => {
      const readTime = documents.readTime()
      return batchGetSchema.parse(request).documents.map((name) => {
        const found = documents.get(name)
        return found === undefined ? { missing: name, readTime } : { found, readTime }
      })
    }),
    RunQuery: stream('RunQuery', (request) => {
      const readTime = documents.readTime()
      const found = documents.query(runQuerySchema.parse(request))
      return found.length === 0 ? [{ readTime }] : found.map((document) => ({ document, readTime }))
    }),
  })

  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return {
    port,
    host: `127.0.0.1:${port}`,
    misbehave: (fault) => {
      standing = fault
    },
    get misbehaviour() {
      return standing
    },
    clear: () => documents.clear(),
    close: async () => server.forceShutdown(),
  }
}

/** A request that the schemas do not know asks for something that is not served. */
function notServed(error: unknown): RpcError {
  const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error)
  return new RpcError(status.UNIMPLEMENTED, why)
}
