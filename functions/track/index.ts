import { steadyClock } from '../../shared/clock/index.ts'
import { parseTrackConfig } from '../../shared/config/index.ts'
import { trackMessage } from '../../shared/contract/index.ts'
import { SeenEvents, withDefaults } from '../../shared/idempotency/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { trackApiFunction } from '../../shared/track-api/index.ts'
import { addListeners } from './listeners.ts'

const seen = new SeenEvents()

/** Topic `track`: events of people, known or anonymous, for the Track API v2. */
register(
  trackApiFunction({
    name: 'track',
    schema: trackMessage,
    guard: (guard, message) => guard.track(message),
    parseConfig: parseTrackConfig,
    deliver(service, message, defaults, carried) {
      const event = withDefaults(message, defaults)
      return seen.once(event.id ?? '', event, () => service.track(event, carried))
    },
    addListeners,
  }),
  hostOf(process, steadyClock),
)
