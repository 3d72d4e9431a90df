import { steadyClock } from '../../shared/clock/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { trackFunction } from './handler.ts'
import { addListeners } from './listeners.ts'

register(trackFunction(addListeners), hostOf(process, steadyClock))
