import { steadyClock } from '../../shared/clock/index.ts'
import { hostOf, register } from '../../shared/runtime/index.ts'
import { warehouseFunction } from './compose.ts'
import { createDataset } from './dataset.ts'

/** Topic `webhook-events`: every webhook of Customer.io, into BigQuery. */
register(
  warehouseFunction(({ projectId, dataset }) => createDataset(projectId, dataset)),
  hostOf(process, steadyClock),
)
