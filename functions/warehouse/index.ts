import { parseWarehouseConfig } from '../../shared/config/index.ts'
import { createDeadLetterTopic } from '../../shared/delivery/index.ts'
import { createLog } from '../../shared/logging/index.ts'
import { createDrain, register } from '../../shared/runtime/index.ts'
import { createDataset } from './dataset.ts'
import { createWarehouseHandler } from './handler.ts'

/** Topic `webhook-events`: every webhook of Customer.io, into BigQuery. */
register('warehouse', process.env, (env) => {
  const config = parseWarehouseConfig(env)
  const { projectId, logLevel, deadLetter } = config
  return createWarehouseHandler({
    config,
    dataset: createDataset(projectId, config.dataset),
    deadLetters: createDeadLetterTopic({ projectId, topic: deadLetter.topic }),
    drain: createDrain(process),
    log: createLog({ functionName: 'warehouse', level: logLevel, projectId }),
    now: Date.now,
  })
})
