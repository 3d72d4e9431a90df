import { parseIdentifyConfig } from '../../shared/config/index.ts'
import { identifyMessage } from '../../shared/contract/index.ts'
import { withDefaults } from '../../shared/idempotency/index.ts'
import { register } from '../../shared/runtime/index.ts'
import { createTrackApiFunction } from '../../shared/track-api/index.ts'

/** Topic `identify`: operations on people and objects that are no events, for the Track API v2. */
register('identify', process.env, (env) =>
  createTrackApiFunction(
    {
      name: 'identify',
      schema: identifyMessage,
      deliver: (service, message, defaults) => service.identify(withDefaults(message, defaults)),
    },
    parseIdentifyConfig(env),
  ),
)
