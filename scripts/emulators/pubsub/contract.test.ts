import { startPubSub } from './index.ts'
import { keepsTheContract } from './testing/contract.ts'
import { bothWiresKeepTheContract } from './testing/wires-contract.ts'

describe('the embedded Pub/Sub', () => {
  keepsTheContract(() => startPubSub({ port: 0 }))
  bothWiresKeepTheContract(() => startPubSub({ port: 0 }))
})
