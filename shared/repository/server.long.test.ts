import { hasPostgresServer, startPostgresServer } from './testing/postgres.ts'
import { postgresUserStoreWorksOn } from './testing/postgres-user-store-contract.ts'
import { repositoryWorksOn } from './testing/repository-contract.ts'
import { robustOn } from './testing/robustness-contract.ts'

const SERVER = 'a PostgreSQL server'

if (hasPostgresServer()) {
  repositoryWorksOn(SERVER, startPostgresServer)
  postgresUserStoreWorksOn(SERVER, startPostgresServer)
  robustOn(SERVER, startPostgresServer)
} else {
  describe.skip('the repository on a PostgreSQL server: SKIPPED, no DATABASE_URL and no initdb on the path', () => {
    it('needs one', () => {})
  })
}
