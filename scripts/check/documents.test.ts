import { globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createProgram } from '../cio/program.ts'
import { PROJECT_ROOT } from '../topology/topology.ts'

const documents = globSync(['*.md', '.github/**/*.md', '{functions,scripts,shared,terraform}/**/*.md'], {
  cwd: PROJECT_ROOT,
  exclude: ['**/node_modules/**'],
})
const read = (document: string) => readFileSync(join(PROJECT_ROOT, document), 'utf8')
const withoutCode = (text: string) => text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').replaceAll(/`[^`\n]*`/g, '')

/** The anchors that GitHub gives the headings of a document. */
function anchorsOf(text: string): string[] {
  const headings = [...text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').matchAll(/^#+ (.*)$/gm)].map(
    ([, words = '']) => words,
  )
  return headings.map((words) =>
    words
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  )
}

/** Links of a document that lead nowhere. */
function brokenLinks(document: string): string[] {
  const targets = [...withoutCode(read(document)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets.filter((target) => {
    if (/^https?:/.test(target)) return false
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? document : join(dirname(document), path)
    const stats = statSync(join(PROJECT_ROOT, file), { throwIfNoEntry: false })
    if (stats === undefined) return true
    return anchor !== undefined && !(stats.isFile() && anchorsOf(read(file)).includes(anchor))
  })
}

it.each(documents)('%s has no link that leads nowhere', (document) => {
  expect(brokenLinks(document)).toEqual([])
})

/** Words that the glossary has another word for, and phrases that a reader stumbles over. */
const NOT_USED = [
  /\bg(?:i|a)v(?:e|es|en|ing) (?:it |them |a message |messages )?up\b/i,
  /\bthr(?:o|e)w(?:n|s)? (?:it |them )?away\b/i,
  /\bpoison message\b/i,
  /\bfor ever\b/i,
  /\banew\b/i,
  /\bso that [^.:;]*, too\b/i,
]
const offences = (text: string) => NOT_USED.flatMap((word) => word.exec(text.replaceAll(/\s+/g, ' '))?.[0] ?? [])

it.each(documents.filter((document) => document !== 'shared/glossary.md'))('%s keeps to the glossary', (document) => {
  expect(offences(withoutCode(read(document)))).toEqual([])
})

it('so do the help texts of the command line', () => {
  const program = createProgram(async () => {})
  for (const command of program.commands.flatMap((each) => [each, ...each.commands])) {
    let text = ''
    command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp()
    expect({ command: command.name(), offences: offences(text) }).toEqual({ command: command.name(), offences: [] })
  }
})

it('the README leads to everything that a reader looks for, in at most two hops', () => {
  const linked = (document: string) =>
    [...read(document).matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !target.startsWith('http'))
      .map((target) => join(dirname(document), target))
  const first = linked('README.md')
  const second = first.filter((target) => target.endsWith('.md')).flatMap(linked)
  const within = new Set(['README.md', ...first, ...second])
  const sought = documents.filter((document) => /^(\.github|shared|terraform)\//.test(document))
  expect(sought.filter((document) => !within.has(document))).toEqual([])
  // A 207, attempt 3, a webhook listener.
  for (const file of [
    'shared/customerio/classify.ts',
    'shared/delivery/handler.ts',
    'functions/webhook/listeners.ts',
  ]) {
    expect(within).toContain(file)
  }
})

it('the architecture has a line for every concern of shared', () => {
  const concerns = globSync('shared/*/index.ts', { cwd: PROJECT_ROOT }).map((file) => file.split('/')[1] ?? '')
  expect(concerns.filter((concern) => !read('shared/README.md').includes(`| [${concern}](${concern}`))).toEqual([])
})
