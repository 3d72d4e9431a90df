import { createNameStore, refreshNames } from '../../../shared/names/index.ts'
import type { Context } from '../context.ts'
import { describeFailure } from '../customerio.ts'
import { CommandError } from '../errors.ts'
import { count } from '../output.ts'
import { createPace } from '../pace.ts'

/** Fetches all names at the operators' share of the App API's rate. */
export async function fetchNames({ connection, output, signal, now }: Context): Promise<void> {
  const customerIo = connection.customerIo()
  const client = await customerIo.app()
  const root = customerIo.urls().app
  const pace = createPace(customerIo.appRequestsPerSecond, now, signal)
  const { names, skipped } = await refreshNames({
    get: async (path) => {
      try {
        return await client.request.get(`${root}${path}`)
      } catch (error) {
        const { words, hint } = describeFailure(error)
        throw new CommandError(`${path}: ${words}`, { hint })
      }
    },
    turn: () => pace(1),
    names: createNameStore(await connection.bigquery(), connection.topology.bigquery.dataset),
    nowMs: now,
  })
  const left = skipped === 0 ? '' : `; ${count(skipped, 'list')} had been fetched within 20 hours`
  output.result({ names, skipped }, () => `${count(names, 'name')} fetched${left}`)
}
