import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '../../shared/clock/index.ts'
import { readObserved, writeObserved } from '../emulators/customerio/index.ts'
import { PERSON, PROBES } from './probes.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { type Hosts, hostsOf, type Planned, planOf, probe } from './run.ts'

const HELP = `npm run conformance -- --workspace us|eu|URL [--to ADDRESS --template NUMBER] [--only PROBE…] [--out observed.yaml]

Finds out what a workspace of Customer.io does where the documents are silent, and writes it down for the local Customer.io.
Shows what it will do, and to whom it sends, and asks first. Use a workspace for tests: the free Builder plan is enough.

  --workspace WHERE    us, eu, or the address of a local Customer.io, such as http://127.0.0.1:8090
  --to ADDRESS         where the one e-mail goes; without it nothing is sent
  --template NUMBER    the transactional message that is sent
  --repeat SECONDS     repeats an event after so long, too; may be given more than once, such as --repeat 60 --repeat 86400
  --webhook-url URL    the public address that leads to --listen, to see whether retries are signed again
  --listen PORT        where webhooks arrive on this machine
  --only PROBE         only this probe; may be given more than once
  --out FILE           observed.yaml by default; what another run observed and this one does not, stays in it
  --plan               shows what it would do, and ends
  --yes                does not ask

Credentials: CUSTOMERIO_SITE_ID, CUSTOMERIO_TRACK_API_KEY, CUSTOMERIO_APP_API_KEY.
Undo: the person ${PERSON} is deleted at the end, with all events. If it is killed, delete that person and the reporting
webhook of the same name. An e-mail that was delivered stays delivered.

Exit 0: everything planned was observed · 1: some was not · 2: wrong command line, nothing was done · 3: you said no`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      workspace: { type: 'string' },
      to: { type: 'string' },
      template: { type: 'string' },
      repeat: { type: 'string', multiple: true, default: [] },
      'webhook-url': { type: 'string' },
      listen: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      out: { type: 'string', default: 'observed.yaml' },
      plan: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const hosts = hostsOf(values.workspace)
  const wrong = wrongOf(values, hosts)
  if (wrong !== undefined || hosts === undefined) {
    console.error(`${wrong}\n\n${HELP}`)
    return 2
  }
  const before = existsSync(values.out) ? readObserved(values.out) : undefined
  const receiver =
    values.listen === undefined ? undefined : await startReceiver(Number(values.listen), values['webhook-url'])
  try {
    return await probeAll(values, hosts, before, receiver)
  } finally {
    await receiver?.[Symbol.asyncDispose]()
  }
}

type Values = Readonly<{
  to?: string
  template?: string
  repeat: string[]
  only: string[]
  out: string
  plan: boolean
  yes: boolean
}>

async function probeAll(
  values: Values,
  hosts: Hosts,
  before: ReturnType<typeof readObserved> | undefined,
  receiver: Receiver | undefined,
): Promise<number> {
  const planned: Planned = {
    run: systemClock.now().toString(36),
    to: values.to,
    template: values.template === undefined ? undefined : Number(values.template),
    repeatAfterSeconds: values.repeat.map(Number),
    receiver,
    only: values.only,
  }
  console.log(planOf(hosts, planned))
  if (values.plan) return 0
  if (!values.yes && !(await agreed())) return 3
  const { CUSTOMERIO_SITE_ID, CUSTOMERIO_TRACK_API_KEY, CUSTOMERIO_APP_API_KEY } = process.env
  if (!CUSTOMERIO_SITE_ID || !CUSTOMERIO_TRACK_API_KEY || !CUSTOMERIO_APP_API_KEY) {
    console.error('CUSTOMERIO_SITE_ID, CUSTOMERIO_TRACK_API_KEY and CUSTOMERIO_APP_API_KEY must be set')
    return 2
  }
  const credentials = {
    ...{ siteId: CUSTOMERIO_SITE_ID, trackApiKey: CUSTOMERIO_TRACK_API_KEY, appApiKey: CUSTOMERIO_APP_API_KEY },
  }
  const { observed, failures } = await probe({ ...planned, hosts, credentials, clock: systemClock, say: console.log })
  writeObserved(values.out, { ...before, ...observed })
  console.log(`written: ${values.out}`)
  return failures.length === 0 ? 0 : 1
}

async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    console.error('There is no terminal to ask in: add --yes.')
    return false
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test(await lines.question('Do that? (y/N) '))
  } finally {
    lines.close()
  }
}

function wrongOf(
  values: Pick<Values, 'to' | 'template' | 'repeat' | 'only'> & { listen?: string; 'webhook-url'?: string },
  hosts: Hosts | undefined,
): string | undefined {
  if (hosts === undefined) return '--workspace must be us, eu, or the address of a local Customer.io'
  if (values.to !== undefined && !/^[^\s@,;<>]+@[^\s@,;<>]+$/.test(values.to)) return '--to must be one e-mail address'
  if (values.template !== undefined && !/^[1-9]\d{0,8}$/.test(values.template)) return '--template must be a number'
  if (values.repeat.some((each) => !/^[1-9]\d{0,6}$/.test(each))) return '--repeat must be whole seconds'
  if (values.listen !== undefined && !/^\d{1,5}$/.test(values.listen)) return '--listen must be a port'
  if (values['webhook-url'] !== undefined && !URL.canParse(values['webhook-url']))
    return '--webhook-url must be an address'
  const unknown = values.only.find((name) => PROBES.every((each) => each.name !== name))
  if (unknown !== undefined) return `--only ${unknown}: there are ${PROBES.map(({ name }) => name).join(', ')}`
  return undefined
}

process.exitCode = await main()
