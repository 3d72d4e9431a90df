import { startTestWarehouse, type TestWarehouse } from '../../testing/warehouse.ts'
import { readTopology } from '../../topology/topology.ts'
import { soughtBy } from '../dead-letters/whose.ts'
import { namesOf } from './person.ts'
import { PersonRows, personTables } from './warehouse.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const ANN = { id: 'ann', email: 'ann@xn--bcher-kva.example', phone: '+14155552671', cioId: 'c1' }
let warehouse: TestWarehouse

beforeAll(async () => {
  warehouse = await startTestWarehouse({ now: () => NOW_MS })
})
afterAll(() => warehouse.close())

let events = 0

/** The event's rows of each table that are about Ann, and those to decide about. */
async function foundOf(data: object): Promise<readonly string[]> {
  await warehouse.clear()
  const event_id = `e${++events}`
  await warehouse.receive({ event_id, object_type: 'email', metric: 'spammed', timestamp: NOW_MS / 1_000, data })
  const rows = new PersonRows(warehouse.bigquery, readTopology().bigquery.dataset)
  const found = await rows.find(personTables(readTopology().bigquery), soughtBy(namesOf(ANN)))
  const { own = [], perhaps = [] } = found.webhook_events ?? {}
  return [...own.map(() => 'own'), ...perhaps.map(() => 'perhaps')]
}

it.each([
  'ann@bücher.example',
  'ANN@Bücher.example',
  'ann@xn--bcher-kva.example',
  'Ann <ann@bücher.example>',
  '"Doe, Ann" <Ann@BÜCHER.example>',
  ' ann@bücher.example ',
  'Ann < ann@bücher.example >',
  'ann@bücher.example (at home)',
  'mailto:ann@bücher.example',
  'Ann <MAILTO:ann@bücher.example?subject=Hi>',
  'Friends: ann@bücher.example;',
])('a row that names somebody by the address %j is theirs, wherever it stands', async (address) => {
  expect(await foundOf({ recipient: address })).toEqual(['own'])
  expect(await foundOf({ identifiers: { email: address } })).toEqual(['own'])
  expect(await foundOf({ identifiers: { email: 'new@example.com' }, email_address: address })).toEqual(['own'])
})

it.each(['+14155552671', '14155552671', '0014155552671', '+1 (415) 555-2671', '+1-415-555-2671', 'tel:+14155552671'])(
  'a row that names somebody by the phone number %j is theirs',
  async (phone) => {
    expect(await foundOf({ identifiers: { phone } })).toEqual(['own'])
    expect(await foundOf({ recipient: phone })).toEqual(['own'])
  },
)

it('a row that names somebody by the deprecated field alone, or beside another id, is theirs', async () => {
  expect(await foundOf({ customer_id: 'ann' })).toEqual(['own'])
  expect(await foundOf({ identifiers: { id: 'new' }, customer_id: 'ann' })).toEqual(['own'])
})

it('a row that went to others as well is for somebody to decide about', async () => {
  expect(await foundOf({ recipient: 'bob@example.com, Ann <ann@bücher.example>' })).toEqual(['perhaps'])
})

it.each(['joann@bücher.example', 'ann@bücher.example.org', 'ann+news@bücher.example', '"ann@bücher.example" <b@x.io>'])(
  "a row that names %j is nobody else's",
  async (address) => {
    expect(await foundOf({ recipient: address, identifiers: { id: 'Ann', email: address } })).toEqual([])
  },
)
