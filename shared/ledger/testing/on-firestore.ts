import { Firestore } from '@google-cloud/firestore'
import { systemClock } from '../../clock/index.ts'
import { endpointsOf } from '../../google-api/index.ts'
import { createFirestoreSendLedger, createSendLedger } from '../firestore.ts'
import type { Subject } from './contract.ts'

function clientOf(host: string): Firestore {
  const [hostname, port] = host.split(':')
  return new Firestore({
    projectId: 'project',
    databaseId: 'send-ledger',
    servicePath: hostname ?? '',
    port: Number(port),
    ssl: false,
  })
}

/** A Firestore, at `host:port`. */
interface Server {
  readonly host: string
  close(): Promise<unknown>
}

/** As the function does it. */
export function directlyOn(server: Server): Subject {
  const endpoint = endpointsOf({ FIRESTORE_EMULATOR_HOST: server.host }).firestore
  const where = { projectId: 'project', database: 'send-ledger', collection: 'sends' }
  return {
    ledger: createSendLedger({ endpoint, ...where, clock: systemClock, random: Math.random }),
    close: () => server.close().then(() => {}),
  }
}

/** By Google's client, which judges the other. */
export function byClientOn(server: Server): Subject {
  const firestore = clientOf(server.host)
  return {
    ledger: createFirestoreSendLedger({ firestore, collection: 'sends' }),
    close: async () => {
      await firestore.terminate()
      await server.close()
    },
  }
}
