import { broken, intact } from '../../../functions/probe/link.ts'
import { deploymentEntry, instanceEntry, requestEntry, STRANGERS_ADDRESS, secretReadEntry } from './entries.ts'
import {
  configurationLines,
  customerioLines,
  ENDS,
  EVENTS,
  messageLines,
  probeLines,
  warehouseLines,
  webhookLines,
} from './function-lines.ts'

/** Log entries of every kind that metrics, alerts and runbooks look for. */
export async function everyLine(): Promise<readonly unknown[]> {
  const { delivered, refused, outage, unauthorised, exhausted, guarded } = ENDS
  return [
    ...(await messageLines([delivered, refused, outage, unauthorised, exhausted, guarded, ENDS.defect])),
    ...(await customerioLines([200, 401, 429, 503])),
    ...(await webhookLines()),
    ...(await warehouseLines([EVENTS.ordinary, EVENTS.notUnderstood, EVENTS.newObjectType], 'webhook_events')),
    ...(await configurationLines()),
    ...(await probeLines(
      [intact('track', 1_500), broken('webhook_url', 40, 'no_public_way_in')],
      [{ view: 'unsettled_sends', rows: 3 }],
    )),
    requestEntry({ status: 204 }),
    requestEntry({ status: 401, from: STRANGERS_ADDRESS }),
    requestEntry({ status: 204, service: 'track' }),
    requestEntry({ status: 405, method: 'GET' }),
    instanceEntry('track', 'WARNING', 'Container called exit(1).'),
    instanceEntry('track', 'ERROR', 'Memory limit of 1024 MiB exceeded with 1031 MiB used.'),
    deploymentEntry('track', 'ERROR'),
    secretReadEntry('eve@acme.example', 'customerio-app-api-key'),
  ]
}
