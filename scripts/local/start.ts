import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startControl } from './control.ts'
import { clientEnvironment } from './environment.ts'
import { describeInbox, describeJourneys, describeResults, describeStack, describeWarehouse } from './report.ts'
import { runCommand } from './run-command.ts'
import { runJourneys } from './run-journeys.ts'
import { runProbe } from './run-probe.ts'
import { complaintAbout, runSample } from './run-sample.ts'
import { complaintsAboutWarehouse, runWebhooks } from './run-webhooks.ts'
import { SAMPLE } from './sample.ts'
import { type Stack, startStack } from './stack.ts'

const HELP = `npm start [-- options]

Runs the whole pipeline on this machine: the real functions between a local Pub/Sub, Firestore,
BigQuery and Customer.io. Publishes a sample of messages and prints what became of each,
then has Customer.io send its webhooks, prints what stands in BigQuery, and has the probe try every link.
It ends with the journeys of two sends: one that was opened, and one that was uncertain and was settled.

  --once              do that and exit: 0 when everything is as it should be, 1 otherwise
  --port NAME=PORT    another port for pubsub, firestore, bigquery, customerio or a function;
                      0 takes any free one, "all" stands for every one that is not named
  --no-sample         only start everything
  --exec COMMAND      start everything on free ports, run the command with the variables by which clients
                      find it, and end with the command's exit code:  npm start -- --exec "npm test"
  --directory DIR     for bundles, logs, local secrets and endpoints.json; .local by default.
                      Within this project: the bundles find the functions framework in its node_modules
`

/** So that an uncertain send of the sample is settled within seconds; in the cloud it is a minute. */
const LOCAL_ENVIRONMENT = { SEND_LEDGER_SETTLE_SECONDS: '3' }

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      sample: { type: 'boolean', default: true },
      exec: { type: 'string' },
      port: { type: 'string', multiple: true, default: [] },
      directory: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
    allowNegative: true,
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  process.env.METADATA_SERVER_DETECTION ??= 'none'
  if (values.exec !== undefined) return await execute(values.exec, readPorts(values.port), values.directory)
  const startedAt = performance.now()
  const stack = await startStack({
    ports: readPorts(values.port),
    directory: resolve(values.directory ?? '.local'),
    environment: LOCAL_ENVIRONMENT,
    customerio: { webhooks: { concurrency: 8 } },
  })
  console.log(
    `\nEverything is up after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s:\n${describeStack(stack)}`,
  )
  const complaints = values.sample ? await showSample(stack) : 0
  if (values.once) {
    await stack.close()
    return complaints === 0 ? 0 : 1
  }
  console.log(whatNext(stack.endpoints.customerio))
  await interrupted()
  await stack.close()
  return 0
}

/** Runs a command in a stack of its own, of which nothing stays but the logs of a command that has failed. */
async function execute(command: string, ports: Readonly<Record<string, number>>, given?: string): Promise<number> {
  mkdirSync('.local', { recursive: true })
  const directory = resolve(given ?? mkdtempSync(join('.local', 'exec-')))
  let code = 1
  try {
    const stack = await startStack({
      ports: { all: 0, ...ports },
      directory,
      announce: false, // the environment tells, and a file would outlive a process that is killed
      environment: LOCAL_ENVIRONMENT,
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

async function showSample(stack: Stack): Promise<number> {
  const results = await runSample(stack, SAMPLE)
  console.log(`\nPublished ${results.length} messages with the Pub/Sub client:\n${describeResults(results)}`)
  console.log(`\nCustomer.io received ${describeInbox(stack)}`)
  const contents = await runWebhooks(stack)
  console.log(`\nCustomer.io sent ${contents.sent} webhooks. In BigQuery:\n${describeWarehouse(contents)}`)
  const { intact, broken } = await runProbe(stack)
  console.log(
    `\nThe probe found ${intact.length} links intact${broken.map((link) => `, and ${link} broken`).join('')}.`,
  )
  const journeys = await runJourneys(stack)
  console.log(`\n${describeJourneys(journeys)}`)
  const wrong =
    results.filter((result) => complaintAbout(result) !== undefined).length +
    complaintsAboutWarehouse(contents).length +
    broken.length +
    journeys.filter(({ complaint }) => complaint !== undefined).length
  console.log(wrong === 0 ? '\nEverything is as it should be.' : `\n${wrong} things are not as they should be.`)
  return wrong
}

const whatNext = (customerio: string) => `
It stays up until Ctrl-C. Try next, from another terminal:
  curl -s ${customerio}/_local/inbox         what Customer.io received
  curl -s ${customerio}/_local/people/ada    what it knows of a person
  npx cio-gcp probe --local                           whether every link to it and back is intact
  npx cio-gcp trace --person id:ada --local           what became of every message about her
  curl -s -d '{"on":"batch","fault":{"do":"answer","status":503}}' ${customerio}/_local/faults
                                                      Customer.io down; ends with
  curl -s -X DELETE ${customerio}/_local/faults
`

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
