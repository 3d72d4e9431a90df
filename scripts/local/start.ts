import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startLocalConsole } from '../console/local.ts'
import { readObserved } from '../emulators/customerio/index.ts'
import { startControl } from './control.ts'
import { clientEnvironment } from './environment.ts'
import { recipientsOf } from './recipients.ts'
import {
  complaintsAbout,
  describeConsole,
  describeInbox,
  describeJourneys,
  describeNextSteps,
  describeProbe,
  describeReload,
  describeResults,
  describeSample,
  describeStack,
  describeWarehouse,
} from './report.ts'
import { runCommand } from './run-command.ts'
import { runJourneys } from './run-journeys.ts'
import { runProbe } from './run-probe.ts'
import { runSample } from './run-sample.ts'
import { runWebhooks } from './run-webhooks.ts'
import { SAMPLE } from './sample.ts'
import { DEFAULT_PORTS, type Stack, startStack } from './stack.ts'

const HELP = `npm start [-- options]

Runs the whole pipeline on this machine: the real functions between a local Pub/Sub, Firestore,
BigQuery and Customer.io. Publishes a sample of messages, has Customer.io send its webhooks, has the probe
try every link, and stays up. It prints where everything is and how the sample went.

  --once              end after the sample and print all of it: what became of each message, what stands in BigQuery,
                      and the journeys of two sends. Exits with 0 when everything is as it should be, 1 otherwise
  --port NAME=PORT    another port for console, inspect, pubsub, firestore, bigquery, customerio or a function;
                      0 takes any free one, "all" stands for every one that is not named
  --no-sample         only start everything
  --observed FILE     Customer.io behaves as \`npm run conformance\` saw a real workspace behave
  --recipients ENV    guard recipients as terraform/environments/ENV/values.yaml says, to try its rules: see
                      shared/recipients/README.md. Without the sample, of which they would hold most
  --inspect FUNCTION  open a debugger's port of this function, 9229 or --port inspect=PORT; prints its address
  --exec COMMAND      start everything on free ports, run the command with the variables by which clients
                      find it, and end with the command's exit code:  npm start -- --exec "npm test"
  --directory DIR     for bundles, logs, local secrets and endpoints.json; .local by default.
                      Within this project: the bundles find the functions framework in its node_modules
`

/** So that an uncertain send of the sample is settled within seconds; in the cloud it is a minute. */
const SETTLE_SECONDS = 3
const LOCAL_ENVIRONMENT = { SEND_LEDGER_SETTLE_SECONDS: String(SETTLE_SECONDS) }

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      sample: { type: 'boolean', default: true },
      exec: { type: 'string' },
      port: { type: 'string', multiple: true, default: [] },
      inspect: { type: 'string' },
      recipients: { type: 'string' },
      observed: { type: 'string' },
      directory: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
    allowNegative: true,
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const environment =
    values.recipients === undefined
      ? LOCAL_ENVIRONMENT
      : { ...LOCAL_ENVIRONMENT, RECIPIENTS: recipientsOf(values.recipients, process.cwd()) }
  const withSample = values.sample && values.recipients === undefined
  process.env.METADATA_SERVER_DETECTION ??= 'none'
  if (values.exec !== undefined)
    return await execute(values.exec, readPorts(values.port), environment, values.directory)
  const startedAt = performance.now()
  const ports = readPorts(values.port)
  const stack: Stack = await startStack({
    ports,
    directory: resolve(values.directory ?? '.local'),
    environment,
    customerio: {
      webhooks: { concurrency: 8 },
      ...(values.observed !== undefined && { observed: readObserved(values.observed) }),
    },
    ...(!values.once && { reload: { report: (reload) => console.log(describeReload(reload, stack)) } }),
    ...(values.inspect !== undefined && { inspect: values.inspect }),
  })
  const upAfter = `Up after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`
  if (values.once) {
    console.log(`\n${upAfter}\n${describeStack(stack)}`)
    const complaints = withSample ? await showSample(stack, true) : 0
    await stack.close()
    return complaints === 0 ? 0 : 1
  }
  // Before the sample, of which it shows every message.
  const page = await startLocalConsole(stack, {
    port: ports.console ?? ports.all ?? DEFAULT_PORTS.console,
    settleSeconds: SETTLE_SECONDS,
  })
  console.log(`\n${upAfter}\n${describeConsole(page)}\n${describeStack(stack)}`)
  if (withSample) await showSample(stack, false)
  console.log(`\n${describeNextSteps(stack)}`)
  await interrupted()
  await page.close()
  await stack.close()
  return 0
}

/** Runs a command in a stack of its own, of which nothing stays but the logs of a command that has failed. */
async function execute(
  command: string,
  ports: Readonly<Record<string, number>>,
  environment: Readonly<Record<string, string>>,
  given?: string,
): Promise<number> {
  mkdirSync('.local', { recursive: true })
  const directory = resolve(given ?? mkdtempSync(join('.local', 'exec-')))
  let code = 1
  try {
    const stack = await startStack({
      ports: { all: 0, ...ports },
      directory,
      announce: false, // the environment tells, and a file would outlive a process that is killed
      environment,
    })
    try {
      const control = await startControl(stack)
      try {
        code = await runCommand(command, clientEnvironment(stack.endpoints, control.url))
      } finally {
        await control.close()
      }
    } finally {
      await stack.close()
    }
  } finally {
    if (code === 0 && given === undefined) rmSync(directory, { recursive: true })
    else console.error(`logs of the functions: ${join(directory, 'logs')}`)
  }
  return code
}

/** @param whole every message and every row, rather than a table of how many */
async function showSample(stack: Stack, whole: boolean): Promise<number> {
  const results = await runSample(stack, SAMPLE)
  if (whole) {
    console.log(`\nPublished ${results.length} messages with the Pub/Sub client:\n${describeResults(results)}`)
    console.log(`\nCustomer.io received ${describeInbox(stack)}`)
  }
  const warehouse = await runWebhooks(stack)
  if (whole) console.log(`\nCustomer.io sent ${warehouse.sent} webhooks. In BigQuery:\n${describeWarehouse(warehouse)}`)
  const probe = await runProbe(stack)
  if (whole) console.log(`\n${describeProbe(probe)}`)
  const journeys = await runJourneys(stack)
  const sample = { results, warehouse, probe, journeys }
  console.log(`\n${whole ? describeJourneys(journeys) : describeSample(sample)}`)
  const wrong = complaintsAbout(sample)
  if (!whole) for (const complaint of wrong) console.log(`  ! ${complaint}`)
  console.log(
    wrong.length === 0 ? '\nEverything is as it should be.' : `\n${wrong.length} things are not as they should be.`,
  )
  return wrong.length
}

function readPorts(options: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    options.map((option) => {
      const [name = '', port = ''] = option.split('=')
      if (!/^\d{1,5}$/.test(port)) throw new Error(`--port ${option}: expected NAME=PORT, for example --port pubsub=0`)
      return [name, Number(port)]
    }),
  )
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
