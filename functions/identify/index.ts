import { steadyClock } from '../../shared/clock/index.ts'
import { parseIdentifyConfig } from '../../shared/config/index.ts'
import { identifyMessage } from '../../shared/contract/index.ts'
import { withDefaults } from '../../shared/idempotency/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { trackApiFunction } from '../../shared/track-api/index.ts'
import { addListeners } from './listeners.ts'

/** Topic `identify`: operations on people and objects that are no events, for the Track API v2. */
register(
  trackApiFunction({
    name: 'identify',
    schema: identifyMessage,
    guard: (guard, message) => guard.identify(message),
    parseConfig: parseIdentifyConfig,
    deliver: (service, message, defaults, carried) => service.identify(withDefaults(message, defaults), carried),
    addListeners,
  }),
  hostOf(process, steadyClock),
)
