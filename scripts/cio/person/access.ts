import { IdentifierType } from 'customerio-node'
import { z } from 'zod'
import { personHashes } from '../../../shared/ledger/index.ts'
import type { Context } from '../context.ts'
import { describeFailure } from '../customerio.ts'
import { jsonOf } from '../dead-letters/body.ts'
import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import { tellOfReveal } from '../dead-letters/record.ts'
import { soughtBy } from '../dead-letters/whose.ts'
import { CommandError } from '../errors.ts'
import { count } from '../output.ts'
import { writePrivately } from '../private-file.ts'
import { sortDeadLetters } from './dead-letters.ts'
import { hashesOfRecord, recordsOf } from './ledger.ts'
import { findPerson, type GivenNames, hashRingOf, namesOf, type Person } from './person.ts'
import { hashTables, PersonRecord } from './record.ts'
import { PersonRows, personTables } from './warehouse.ts'

export interface AccessOptions extends GivenNames {
  readonly out?: string
}

/** Gathers what every store has of a person. */
export async function access(context: Context, options: AccessOptions): Promise<void> {
  const { output, connection } = context
  const { topology } = connection
  const { person } = await findPerson(context, options)
  const ring = await hashRingOf(context)
  const hashes = namesOf(person).flatMap((name) => [...personHashes(ring, name)])
  const sought = { ...soughtBy(namesOf(person)), hashes: hashesOfRecord(hashes) }
  const rows = new PersonRows(await connection.bigquery(), topology.bigquery.dataset)
  const tables = personTables(topology.bigquery)
  const about = await rows.find(tables, sought)
  const warehouse: Record<string, readonly unknown[]> = {}
  for (const table of tables) {
    const { own = [], perhaps = [] } = about[table.name] ?? {}
    warehouse[table.name] = await rows.read(table, [...own, ...perhaps])
  }
  const record = new PersonRecord(await connection.bigquery(), topology.bigquery.dataset, hashes)
  for (const table of hashTables(topology.bigquery)) warehouse[table.name] = await record.read(table)
  const deadLetters: unknown[] = []
  const printed: DeadLetter[] = []
  const unseen = await sortDeadLetters(context, sought, async (source, sorted) => {
    for (const relation of ['own', 'shared', 'perhaps'] as const) {
      printed.push(...sorted[relation])
      for (const { id, attributes, data } of sorted[relation]) {
        const message = jsonOf(data) ?? data.toString('utf8')
        deadLetters.push({ id, source: source.name, about: relation, attributes, message })
      }
    }
    return sorted.unseen
  })
  const report = {
    person,
    customerIo: await atCustomerIo(context, person),
    warehouse,
    sendLedger: await recordsOf(context, hashes),
    deadLetters,
  }
  const hidden = Object.values(unseen).reduce((sum, each) => sum + each, 0)
  if (hidden > 0) {
    output.warn(
      `${count(hidden, 'dead letter')} could not be looked at: another process holds them. Run it again later.`,
    )
  }
  await tellOfReveal(context, { deadLetters: printed, stores: ['customerio', 'warehouse', 'send_ledger'] })
  const text = JSON.stringify(report, null, 2)
  if (options.out === undefined) {
    output.result(report, () => text)
    return
  }
  writePrivately(output, options.out, `${text}\n`)
  const found = {
    customerIo: report.customerIo.attributes !== undefined,
    warehouseRows: Object.values(warehouse).reduce((sum, all) => sum + all.length, 0),
    sendRecords: report.sendLedger.length,
    deadLetters: deadLetters.length,
  }
  output.result({ out: options.out, ...found }, () =>
    [
      `written to ${options.out}:`,
      `  Customer.io: ${found.customerIo ? 'attributes, activities and messages' : 'nobody'}`,
      `  warehouse: ${count(found.warehouseRows, 'row')}`,
      `  send ledger: ${count(found.sendRecords, 'record')}`,
      `  dead letters: ${found.deadLetters}`,
    ].join('\n'),
  )
}

async function atCustomerIo({ connection }: Context, { id, email = '' }: Person) {
  const client = await connection.customerIo().app()
  const name = id ?? email
  // Customer.io's lists take no phone number.
  if (name === '') return { attributes: undefined, activities: undefined, messages: undefined }
  const idType = id === undefined ? IdentifierType.Email : IdentifierType.Id
  return {
    attributes: await unlessAbsent(() => client.getAttributes(name, idType)),
    activities: await everyPage('activities', (start) =>
      client.getCustomerActivities(name, { idType, limit: 100, ...start }),
    ),
    messages: await everyPage('messages', (start) =>
      client.getCustomerMessages(name, { idType, limit: 1_000, ...start }),
    ),
  }
}

const pageSchema = z.looseObject({ next: z.string().nullish() })

/** A list of Customer.io to its end; undefined when there is no such person. */
export async function everyPage(
  field: string,
  request: (start: { readonly start?: string }) => Promise<unknown>,
): Promise<readonly unknown[] | undefined> {
  const all: unknown[] = []
  let start: string | undefined
  do {
    const answer = await unlessAbsent(() => request(start === undefined ? {} : { start }))
    if (answer === undefined) return undefined
    const parsed = pageSchema.safeParse(answer)
    const page = parsed.data?.[field] ?? []
    if (!parsed.success || !Array.isArray(page)) {
      throw new CommandError(`Customer.io answered in an unknown form about ${field}`)
    }
    all.push(...page)
    start = parsed.data.next || undefined
  } while (start !== undefined)
  return all
}

async function unlessAbsent(request: () => Promise<unknown>): Promise<unknown> {
  try {
    return await request()
  } catch (error) {
    const { status, words, hint } = describeFailure(error)
    if (status === 404) return undefined
    throw new CommandError(words, { hint })
  }
}
