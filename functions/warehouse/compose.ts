import { parseWarehouseConfig, type WarehouseConfig } from '../../shared/config/index.ts'
import { createTopic } from '../../shared/delivery/index.ts'
import type { FunctionDefinition } from '../../shared/runtime/index.ts'
import { createWarehouseHandler, type WarehouseHandlerOptions } from './handler.ts'

/** The function that puts the webhooks of topic `webhook-events` into BigQuery. */
export function warehouseFunction(
  datasetOf: (config: WarehouseConfig) => WarehouseHandlerOptions['dataset'],
): FunctionDefinition<WarehouseConfig> {
  return {
    name: 'warehouse',
    parseConfig: parseWarehouseConfig,
    create: (config, { endpoints, ...parts }) =>
      createWarehouseHandler({
        ...parts,
        config,
        dataset: datasetOf(config),
        deadLetters: createTopic({
          ...parts,
          endpoint: endpoints.pubsub,
          projectId: config.projectId,
          topic: config.deadLetter.topic,
        }),
      }),
  }
}
