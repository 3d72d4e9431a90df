import { parseIdentifyConfig, type TrackConfig } from '../../shared/config/index.ts'
import { identifyMessage } from '../../shared/contract/index.ts'
import type { CustomerIOService } from '../../shared/customerio/index.ts'
import { withDefaults } from '../../shared/idempotency/index.ts'
import type { Log } from '../../shared/logging/index.ts'
import type { FunctionDefinition } from '../../shared/runtime/index.ts'
import { trackApiFunction } from '../../shared/track-api/index.ts'

/** Topic `identify`: operations on people and objects that are no events, for the Track API v2. */
export function identifyFunction(
  addListeners: (service: CustomerIOService, log: Log) => void,
): FunctionDefinition<TrackConfig> {
  return trackApiFunction({
    name: 'identify',
    schema: identifyMessage,
    guard: (guard, message) => guard.identify(message),
    parseConfig: parseIdentifyConfig,
    deliver: (service, message, defaults, carried) => service.identify(withDefaults(message, defaults), carried),
    addListeners,
  })
}
