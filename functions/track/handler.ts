import { parseTrackConfig, type TrackConfig } from '../../shared/config/index.ts'
import { trackMessage } from '../../shared/contract/index.ts'
import type { CustomerIOService } from '../../shared/customerio/index.ts'
import { SeenEvents, withDefaults } from '../../shared/idempotency/index.ts'
import type { Log } from '../../shared/logging/index.ts'
import type { FunctionDefinition } from '../../shared/runtime/index.ts'
import { trackApiFunction } from '../../shared/track-api/index.ts'

/** Topic `track`: events of people, known or anonymous, for the Track API v2. */
export function trackFunction(
  addListeners: (service: CustomerIOService, log: Log) => void,
): FunctionDefinition<TrackConfig> {
  const seen = new SeenEvents()
  return trackApiFunction({
    name: 'track',
    schema: trackMessage,
    guard: (guard, message) => guard.track(message),
    parseConfig: parseTrackConfig,
    deliver(service, message, defaults, carried) {
      const event = withDefaults(message, defaults)
      return seen.once(event.id ?? '', event, () => service.track(event, carried))
    },
    addListeners,
  })
}
