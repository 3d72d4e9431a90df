import { checkOption } from './check-option.ts'

const said: string[] = []
let before: typeof process.exitCode
beforeEach(() => {
  before = process.exitCode
  said.length = 0
  jest.spyOn(console, 'log').mockImplementation((line) => said.push(line))
})
afterEach(() => {
  process.exitCode = before
  jest.restoreAllMocks()
})

it.each<[string[], boolean]>([
  [[], false],
  [['--check'], true],
])('takes %j', (args, check) => {
  expect(checkOption(args, 'usage')).toBe(check)
  expect(said).toEqual([])
})

it.each([[['--chekc']], [['check']], [['--check', 'now']], [['--check', '--check']], [['']]])(
  'refuses %j with the usage, and writes nothing',
  (args) => {
    expect(checkOption(args, 'usage')).toBeUndefined()
    expect(said).toEqual(['usage'])
    expect(process.exitCode).toBe(2)
  },
)

it('gives help without calling it a mistake', () => {
  expect(checkOption(['--help'], 'usage')).toBeUndefined()
  expect(process.exitCode).toBe(0)
})
