import { steadyClock } from '../../shared/clock/index.ts'
import { parseWarehouseConfig } from '../../shared/config/index.ts'
import { createTopic } from '../../shared/delivery/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { createDataset } from './dataset.ts'
import { createWarehouseHandler } from './handler.ts'

/** Topic `webhook-events`: every webhook of Customer.io, into BigQuery. */
register(
  {
    name: 'warehouse',
    parseConfig: parseWarehouseConfig,
    create: (config, { endpoints, ...parts }) =>
      createWarehouseHandler({
        ...parts,
        config,
        dataset: createDataset(config.projectId, config.dataset),
        deadLetters: createTopic({
          ...parts,
          endpoint: endpoints.pubsub,
          projectId: config.projectId,
          topic: config.deadLetter.topic,
        }),
      }),
  },
  hostOf(process, steadyClock),
)
