import { parseTrackConfig } from '../../shared/config/index.ts'
import { trackMessage } from '../../shared/contract/index.ts'
import { withDefaults } from '../../shared/idempotency/index.ts'
import { register } from '../../shared/runtime/index.ts'
import { createTrackApiFunction } from '../../shared/track-api/index.ts'

/** Topic `track`: events of people, known or anonymous, for the Track API v2. */
register('track', process.env, (env) =>
  createTrackApiFunction(
    {
      name: 'track',
      schema: trackMessage,
      deliver: (service, message, defaults) => service.track(withDefaults(message, defaults)),
    },
    parseTrackConfig(env),
  ),
)
