import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { FaultOrder } from '../../emulators/customerio/index.ts'

/** The local Customer.io of the running stack, told by its own API. */
function faults(): string {
  const file = join(process.env.CONSOLE_DIRECTORY ?? '', 'endpoints.json')
  const { customerio } = z.looseObject({ customerio: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8')))
  return `${customerio}/_local/faults`
}

/** From now on it misbehaves. */
export async function misbehave(order: FaultOrder): Promise<void> {
  await fetch(faults(), { method: 'POST', body: JSON.stringify(order) })
}
