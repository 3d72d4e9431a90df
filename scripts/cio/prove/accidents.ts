import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Stack } from '../../local/stack.ts'
import { sourcesOf } from '../dead-letters/source.ts'
import type { CommandLine, Ended } from '../testing/command-line.ts'
import { npmRun } from '../testing/command-line.ts'

export interface AccidentsProof {
  /** A pipeline that stands for production too: what goes wrong arrives there. */
  readonly stack: Stack
  readonly cio: CommandLine
  /** For files of its own, in the checkout. */
  readonly directory: string
}

/** One accident: what a new operator typed, what was answered, and what changed that nobody asked for. */
export interface Accident {
  readonly title: string
  readonly transcript: string
  /** Empty when nothing was lost, sent or published unasked, and the answer helps. */
  readonly harm: readonly string[]
}

/** What can be harmed. */
interface World {
  /** By topic. */
  readonly published: Readonly<Record<string, number>>
  /** Ids of the dead letters, by source. */
  readonly deadLetters: Readonly<Record<string, readonly string[]>>
  readonly sends: number
  readonly suppressed: readonly string[]
  readonly appKey: string
}

const PERSON = { identifiers: { id: 'ada' } }
const REPLAYS = 5

/** Commits ten accidents, one after the other. */
export async function commitAccidents({ stack, cio, directory }: AccidentsProof): Promise<readonly Accident[]> {
  const published = new Map<string, number>()
  const count = ({ topic }: { readonly topic: string }) => {
    const name = topic.split('/').at(-1) ?? ''
    // What the pipeline writes down of earlier messages harms nobody.
    if (name === stack.topology.record.topic) return
    published.set(name, (published.get(name) ?? 0) + 1)
  }
  stack.pubsub.events.on('published', count)
  /** The shell of somebody who works on production all day. */
  const production = {
    GOOGLE_CLOUD_PROJECT: stack.endpoints.projectId,
    PUBSUB_EMULATOR_HOST: stack.endpoints.PUBSUB_EMULATOR_HOST,
  }
  const accidents: Accident[] = []
  try {
    await deadLetter('identify', '{"identifiers":{"id":"ada","extra":1}}', 'contract', '101')
    await deadLetter('identify', JSON.stringify({ ...PERSON, action: 'suppress' }), 'exhausted', '102')
    for (let number = 0; number < REPLAYS; number++) {
      await deadLetter('track', JSON.stringify({ ...PERSON, name: `event ${number}` }), 'exhausted', `${201 + number}`)
    }

    await accident('npm keeps --local, and the shell names production', async (said) => {
      const args = ['publish', 'identify', JSON.stringify(PERSON), '--local']
      return answered(await said(`npm run cio ${shell(args)}`, npmRun(args, { env: production })), 2, '--')
    })
    await accident('npm keeps --dry-run and --project', async (said) => {
      const args = [
        'publish',
        'identify',
        JSON.stringify(PERSON),
        '--dry-run',
        `--project=${stack.endpoints.projectId}`,
      ]
      return answered(await said(`npm run cio ${shell(args)}`, npmRun(args, { env: production })), 2, '--dry-run')
    })
    await accident('a broadcast is published to try it out', async (said) => {
      const message = { channel: 'broadcast', broadcast_id: 3 }
      return answered(await typed(said, ['publish', 'transactional', JSON.stringify(message)]), 2, '1 broadcast')
    })
    await accident('a file of deletions is taken for one of updates', async (said) => {
      const file = join(directory, 'people.ndjson')
      writeFileSync(file, `${JSON.stringify(PERSON)}\n${JSON.stringify({ ...PERSON, action: 'delete' })}\n`)
      return answered(await typed(said, ['publish', 'identify', '--file', file, '--update-only']), 2, '1 delete')
    })
    await accident('a file has one broken line', async (said) => {
      const file = join(directory, 'events.ndjson')
      writeFileSync(file, `${JSON.stringify({ ...PERSON, name: 'a' })}\n${JSON.stringify({ ...PERSON, nam: 'b' })}\n`)
      return answered(await typed(said, ['publish', 'track', '--file', file]), 1, 'nothing was published')
    })
    await accident('everything that identify refused is replayed, with --yes', async (said) => {
      return answered(await typed(said, ['dlq', 'replay', 'identify', '--yes']), 1, '2 dead letters skipped')
    })
    await accident('a reason is mistyped in a purge', async (said) => {
      return answered(await typed(said, ['dlq', 'purge', '--reason', 'exausted', '--yes']), 2, 'exhausted')
    })
    await accident('a replay is stopped midway, and run again', stoppedReplay, ['published', 'deadLetters'])
    await accident('the wrong key is pasted', async (said) => {
      const args = ['secrets', 'set', 'CUSTOMERIO_APP_API_KEY']
      const ended = await said(
        `cio-gcp ${shell(args)} --local <<< not-the-key`,
        cio.run(args, { input: 'not-the-key\n' }),
      )
      const leak = ended.output.includes('not-the-key') ? ['the value was printed'] : []
      return [...answered(ended, 1, 'nothing was changed'), ...leak]
    })
    await accident('what is stored about a person is written into the repository, twice', async (said) => {
      const out = join(directory, 'ada.json')
      const first = await typed(said, ['access', '--id', 'ada', '--out', out])
      const open = (statSync(out).mode & 0o077) === 0 ? [] : ['others can read the file']
      const before = readFileSync(out, 'utf8')
      const again = await typed(said, ['access', '--id', 'ada', '--out', out])
      const kept = readFileSync(out, 'utf8') === before ? [] : ['the first file was overwritten']
      return [...answered(first, 0, 'git'), ...answered(again, 2, '--out'), ...open, ...kept]
    })
    return accidents
  } finally {
    stack.pubsub.events.off('published', count)
  }

  type Said = (line: string, running: Promise<Ended>) => Promise<Ended>

  /** `asked` names what was to change. */
  async function accident(
    title: string,
    happen: (said: Said) => Promise<readonly string[]>,
    asked: readonly (keyof World)[] = [],
  ): Promise<void> {
    const lines: string[] = []
    const before = world()
    const harm = await happen(async (line, running) => {
      const ended = await running
      lines.push(
        `$ ${line.replaceAll(`${directory}/`, '')}`,
        ended.output.replaceAll(`${directory}/`, '').trimEnd(),
        `exit ${ended.code}`,
      )
      return ended
    })
    const unasked = changes(before, world(), asked)
    const all = [...harm, ...unasked]
    const verdict = all.length === 0 ? 'Nothing was lost, sent or published unasked.' : `HARM: ${all.join('; ')}`
    const transcript = [`${accidents.length + 1}. ${title}`, '', ...lines.flatMap((each) => each.split('\n')), verdict]
    accidents.push({ title, transcript: transcript.join('\n'), harm: all })
  }

  function typed(said: Said, args: readonly string[]): Promise<Ended> {
    return said(`cio-gcp ${shell(args)} --local`, cio.run(args))
  }

  async function stoppedReplay(said: Said): Promise<readonly string[]> {
    const replayed = () => published.get('track') ?? 0
    const before = replayed()
    const args = ['dlq', 'replay', 'track', '--reason', 'exhausted', '--rate', '1', '--yes']
    const { child, ended } = cio.start(args)
    while (replayed() === before) await once(stack.pubsub.events, 'published')
    child.kill('SIGINT')
    const stopped = await said(`cio-gcp ${shell(args)} --local    (Ctrl-C)`, ended)
    const done = replayed() - before
    const resumed = await typed(said, ['dlq', 'replay', 'track', '--reason', 'exhausted', '--yes'])
    const all = replayed() - before
    return [
      ...answered(stopped, 3, `${done} message${done === 1 ? '' : 's'} of track replayed`),
      ...answered(resumed, 0, `${REPLAYS - done} message`),
      ...(all === REPLAYS && waiting('track').length === 0
        ? []
        : [`${all} of ${REPLAYS} replayed, ${waiting('track').length} left`]),
    ]
  }

  function world(): World {
    return {
      published: Object.fromEntries(published),
      deadLetters: Object.fromEntries(
        sourcesOf(stack.topology).map((source) => [source.name, waitingIn(source.deadLetterSubscription)]),
      ),
      sends: stack.customerio.workspace.sends.length,
      suppressed: [...stack.customerio.workspace.people.suppressed()].map(String),
      appKey: readFileSync(join(stack.endpoints.secrets, 'CUSTOMERIO_APP_API_KEY'), 'utf8'),
    }
  }

  function waiting(source: string): readonly string[] {
    return waitingIn(`${source}-dead-letter`)
  }

  function waitingIn(subscription: string): readonly string[] {
    const name = `projects/${stack.endpoints.projectId}/subscriptions/${subscription}`
    const found = stack.pubsub.snapshot().subscriptions.find(({ resource }) => resource.name === name)
    return (found?.backlog ?? []).map(({ message }) => message.id).toSorted()
  }

  async function deadLetter(source: string, body: string, reason: string, id: string): Promise<void> {
    const attributes = {
      reason,
      error: reason === 'contract' ? 'identifiers.extra: unknown field' : 'answer 503',
      source_message_id: id,
    }
    await stack.client.topic(`${source}-dead-letter`).publishMessage({ data: Buffer.from(body), attributes })
  }
}

/** What is wrong with an answer that should have this exit code and these words. */
function answered({ code, output }: Ended, expected: number, words: string): readonly string[] {
  return [
    ...(code === expected ? [] : [`exit ${code} instead of ${expected}`]),
    ...(output.includes(words) ? [] : [`the answer does not say "${words}"`]),
  ]
}

function changes(before: World, after: World, asked: readonly string[]): readonly string[] {
  const now = new Map(Object.entries(after))
  const changed = Object.entries(before).filter(([name, value]) => !isDeepStrictEqual(value, now.get(name)))
  return changed.flatMap(([name]) => (asked.includes(name) ? [] : [`${name} changed`]))
}

/** Arguments as they are typed in a shell. */
function shell(args: readonly string[]): string {
  return args.map((argument) => (/^[\w./:=-]+$/.test(argument) ? argument : `'${argument}'`)).join(' ')
}
