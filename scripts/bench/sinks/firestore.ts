import { startFirestore } from '../../emulators/firestore/index.ts'
import { serveBench } from '../lab/child.ts'

/** The local Firestore, for the start of the transactional function. */
const server = await startFirestore({ port: 0 })
await serveBench({ port: server.port }, async () => ({ requests: 0, items: 0 }))
