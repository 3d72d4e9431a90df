import { MemoryUserStore } from './testing/memory-user-store.ts'
import { startEmbeddedPostgres } from './testing/postgres.ts'
import { postgresUserStoreWorksOn } from './testing/postgres-user-store-contract.ts'
import { USER_STORE_CONTRACT } from './testing/user-store-contract.ts'

describe('MemoryUserStore', () => {
  it.each(USER_STORE_CONTRACT)('$name', async ({ run }) => {
    const store = new MemoryUserStore(() => 1_763_740_000)
    await run({
      store,
      putUser: async (id, { email, plan }) => void store.users.set(id, { id, email, values: { plan } }),
      deleteUser: async (id) => void store.users.delete(id),
    })
  })
})

postgresUserStoreWorksOn('PostgreSQL in WebAssembly', startEmbeddedPostgres)
