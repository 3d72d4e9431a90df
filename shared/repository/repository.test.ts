import { startEmbeddedPostgres } from './testing/postgres.ts'
import { repositoryWorksOn } from './testing/repository-contract.ts'

repositoryWorksOn('PostgreSQL in WebAssembly', startEmbeddedPostgres)
