import { randomUUID } from 'node:crypto'
import { steadyClock } from '../../shared/clock/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { probeFunction } from './compose.ts'

register(probeFunction({ newRoundId: randomUUID, fetch }), hostOf(process, steadyClock))
