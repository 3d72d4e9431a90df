import { randomUUID } from 'node:crypto'
import { steadyClock } from '../../shared/clock/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { transactionalFunction } from './handler.ts'
import { addListeners } from './listeners.ts'

register(transactionalFunction({ newToken: randomUUID, addListeners }), hostOf(process, steadyClock))
