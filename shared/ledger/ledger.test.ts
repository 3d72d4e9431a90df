import { startFirestore } from '../../scripts/emulators/firestore/index.ts'
import { keepsTheContract, type Subject } from './testing/contract.ts'
import { createMemoryLedger } from './testing/memory-ledger.ts'
import { byClientOn, directlyOn } from './testing/on-firestore.ts'

async function inMemory(): Promise<Subject> {
  return { ledger: createMemoryLedger({ now: Date.now }), close: async () => {} }
}

const subjects = [
  { name: 'a Map', open: inMemory },
  { name: 'the embedded Firestore', open: async () => directlyOn(await startFirestore({ port: 0 })) },
  {
    name: "the embedded Firestore, by Google's client",
    open: async () => byClientOn(await startFirestore({ port: 0 })),
  },
]

describe.each(subjects)('the ledger in $name', ({ open }) => keepsTheContract(open))
