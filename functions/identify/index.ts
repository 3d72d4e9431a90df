import { steadyClock } from '../../shared/clock/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { identifyFunction } from './handler.ts'
import { addListeners } from './listeners.ts'

register(identifyFunction(addListeners), hostOf(process, steadyClock))
