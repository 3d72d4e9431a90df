import { randomUUID } from 'node:crypto'
import { steadyClock } from '../../shared/clock/index.ts'
import { parseTransactionalConfig } from '../../shared/config/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { createTransactionalFunction } from './handler.ts'
import { addListeners } from './listeners.ts'

register(
  {
    name: 'transactional',
    parseConfig: parseTransactionalConfig,
    create: (config, parts) => createTransactionalFunction(config, { ...parts, newToken: randomUUID, addListeners }),
  },
  hostOf(process, steadyClock),
)
