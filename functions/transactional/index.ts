import { parseTransactionalConfig } from '../../shared/config/index.ts'
import { register } from '../../shared/runtime/index.ts'
import { createTransactionalFunction } from './handler.ts'

register('transactional', process.env, (env) => createTransactionalFunction(parseTransactionalConfig(env)))
